import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels

/// What meta-training over features depends on.
public struct FeatureTrainingConfiguration: Hashable, Sendable, Codable {
    /// Tasks that are made.
    public var episodes = 320
    public var steps = 1200
    public var tasksPerStep = 8
    /// Falls to nothing along half a cosine.
    public var rate: Float = 2e-3
    public var weightDecay: Float = 1e-4
    /// λ of the model that results; in training it is 1.
    public var bound = FeatureReweighting.Configuration().bound
    /// Whether A is adapted to the support of each task. The control, without a structure of tasks, adapts it to that of all of
    /// them at once: T then learns what defects are like, and not how they differ from what is normal of one product.
    public var adaptsToTasks = true
    /// Whether T is given P's response beside the gaps.
    public var usesResponse = false
    /// How much the views of a task vary: 1 for shifts up to 6.5 % and angles up to 6.5°, 0 for blur and noise alone.
    public var variation: Float = 1
    /// What the names of photographs of textures begin with.
    public var texturePrefix = "dtd_"
    /// The share of tasks that are held out.
    public var validationShare = 0.1
    public var seed: UInt64 = 0

    public init() {}

    /// Throws where a number is out of range.
    public func check() throws {
        guard episodes >= 2, steps >= 1, tasksPerStep >= 1 else {
            throw TrainingError("give 2 tasks or more, a step or more, and a task a step or more")
        }
        guard rate > 0, rate < 1, weightDecay >= 0, weightDecay < 1 else {
            throw TrainingError("the rate must lie between 0 and 1, the weight decay from 0 to 1")
        }
        guard bound > 0, bound <= 1 else { throw TrainingError("the bound is \(bound); give one above 0, at most 1") }
        guard variation >= 0, variation <= 4 else {
            throw TrainingError("the variation is \(variation); give one from 0 to 4")
        }
    }

    /// Of the model to train: that of a base, with the inputs of T that are asked for.
    func features(of base: ModelDescription) throws -> FeatureModel.Configuration {
        guard var features = base.features else {
            throw TrainingError("the model to train from is one over pixels; name one of features build")
        }
        guard !usesResponse || base.mode != .autoencoder else {
            throw TrainingError(
                "the model to train from has no P whose response T could take; give features build --prior")
        }
        features.mode = .full
        features.reweighting.usesResponse = usesResponse
        return features
    }
}

/// Meta-training of T over features: it learns to weigh the gaps that A leaves after it was adapted in closed form, which is the
/// exact solution of the inner problem (in place of Eq. 6's step), so that nothing is left to be derived through it.
public final class FeatureMetaTraining: SteppedTraining {
    public let configuration: FeatureTrainingConfiguration
    private let file: TensorFile
    private let outer: OuterOptimizer
    /// As many as there are threads: the tasks of a step are shared out among them.
    private let workers: [FeatureTaskGradient]
    private let group: ProcessGroup
    private let sum: OrderedSum
    private let training: [FeatureEpisode]
    private let validation: [FeatureEpisode]

    public let isFinished = false

    /// Makes the tasks, or finds them in the folder `cache`.
    ///
    /// - Parameters:
    ///   - configuration: how T is trained.
    ///   - file: the model over features to train: its T starts at random.
    ///   - photographs: what tasks are made of.
    ///   - cache: the folder of tasks.
    ///   - threads: worker threads, 0 for one a processor.
    ///   - group: the processes that share the work of a step.
    ///   - progress: called after each task; returns whether to go on.
    public init(
        _ configuration: FeatureTrainingConfiguration, model file: TensorFile, photographs: [URL], cache: URL,
        threads: Int = 0, group: ProcessGroup = .alone, progress: () -> Bool = { true }
    ) throws {
        try configuration.check()
        self.configuration = configuration
        self.file = file
        self.group = group
        let builder = try FeatureEpisodeBuilder(
            file, photographs: photographs, for: configuration, threads: threads)
        let folder = group.isFirst ? cache : cache.appendingPathComponent("rank-\(group.rank)")
        let episodes = try FeatureEpisodeStore(folder: folder)
            .episodes(configuration.episodes, by: builder, progress: progress)
        let held = min(Int(configuration.validationShare * Double(episodes.count)), episodes.count - 1)
        validation = Array(episodes.prefix(held))
        training = Array(episodes.dropFirst(held))

        let program = try FeatureTaskGradient.program(
            configuration.features(of: ModelDescription(settings: file.metadata)), builder.shape)
        let parameters = ParameterVector(ParameterLayout(program.parameters), seed: configuration.seed)
        outer = try OuterOptimizer(.adam(Adam()), of: parameters, threads: threads)
        sum = OrderedSum(outer.gradient, over: group)
        workers = try (0..<min(Parallel.threadCount(threads), configuration.tasksPerStep)).map { _ in
            try FeatureTaskGradient(program.program, shape: builder.shape, of: parameters)
        }
    }

    // MARK: Steps

    public func step(_ number: Int) throws -> [String: Double] {
        let own = group.share(of: configuration.tasksPerStep)
        let results = try results(
            of: own.map { place in
                var generator = RandomGenerator(
                    seed: configuration.seed, stream: 1 << 40 | UInt64(number) << 8 | UInt64(place))
                return (generator.choice(training), Int(generator.next() % 8))
            })
        let losses = try group.map(configuration.tasksPerStep, width: 1) { place in
            let (result, to) = (results[place - own.lowerBound], sum.next.elements)
            for (k, value) in result.gradient.enumerated() { to[k] += value / Float(configuration.tasksPerStep) }
            return [result.loss]
        }
        sum.complete()
        let share = Float(number) / Float(configuration.steps)
        let rate = configuration.rate * 0.5 * (1 + cos(.pi * share))
        outer.parameters.scale(by: 1 - rate * configuration.weightDecay)
        let norm = try outer.step(learningRate: rate, maximumNorm: 10)
        var metrics = ["loss": losses.reduce(0) { $0 + $1[0] } / Double(losses.count), "gradient.norm": norm]
        let isLast = number + 1 == configuration.steps
        if !validation.isEmpty, isLast || number % 100 == 0 { metrics["validation"] = try validate() }
        return metrics
    }

    /// Loss and gradient of each task; the workers take turns.
    private func results(of tasks: [(episode: FeatureEpisode, side: Int)]) throws -> [FeatureTaskGradient.Result] {
        let workers = workers
        let shares = try Parallel.map(count: workers.count, threads: workers.count) { worker in
            try stride(from: worker, to: tasks.count, by: workers.count).map {
                try workers[worker].result(of: tasks[$0].episode, side: tasks[$0].side)
            }
        }
        return tasks.indices.map { shares[$0 % workers.count][$0 / workers.count] }
    }

    private func validate() throws -> Double {
        let results = try results(of: validation.map { ($0, 0) })
        return results.reduce(0) { $0 + $1.loss } / Double(results.count)
    }

    // MARK: State

    public var tensors: [String: [Float]] { outer.tensors }
    public var numbers: [String: Double] { [:] }
    public func restore(_ checkpoint: Checkpoint) throws { try outer.restore(checkpoint.tensors) }

    /// The model with T as it now is, its bound that of the configuration.
    public func modelFile(origin: String) throws -> TensorFile {
        var description = try ModelDescription(settings: file.metadata)
        description.features = try configuration.features(of: description)
        description.features?.reweighting.bound = configuration.bound
        description.origin += ", " + origin
        var parameters = outer.parameters.values
        for entry in file.entries {
            if case .floats(let values) = entry.contents, parameters[entry.name] == nil {
                parameters[entry.name] = values
            }
        }
        return try description.file(parameters: parameters)
    }
}
