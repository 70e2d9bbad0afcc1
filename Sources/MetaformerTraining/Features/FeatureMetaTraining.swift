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
///
/// The loss is the cross entropy of each place, good and defective ones weighing the same, and a ranking of images: those with
/// faults are to score higher than those without.
public final class FeatureMetaTraining: SteppedTraining {
    public let configuration: FeatureTrainingConfiguration
    private let file: TensorFile
    private let outer: OuterOptimizer
    private let gradient: Runner
    private let group: ProcessGroup
    private let sum: OrderedSum
    private let training: [FeatureEpisode]
    private let validation: [FeatureEpisode]
    private let shape: Shape

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
        shape = builder.shape

        let features = try configuration.features(of: ModelDescription(settings: file.metadata))
        let program = try FeatureMetaTraining.program(features, shape)
        let parameters = ParameterVector(ParameterLayout(program.parameters), seed: configuration.seed)
        outer = try OuterOptimizer(.adam(Adam()), of: parameters, threads: threads)
        sum = OrderedSum(outer.gradient, over: group)
        gradient = try Runner(program: program.program.data, threads: threads)
        for (index, parameter) in parameters.layout.parameters.enumerated() {
            try gradient.bind(parameter.name, to: parameters.parts[index])
        }
        try gradient.bindRemaining()
    }

    // MARK: Loss

    private static func program(_ features: FeatureModel.Configuration, _ shape: Shape) throws -> (
        program: Program, parameters: [ParameterSpecification]
    ) {
        let graph = Graph()
        let scope = Scope(graph)
        let (queries, places) = (FeatureEpisode.queryCount, [shape[1], shape[2]])
        let gaps = try graph.input("gaps", Shape([queries] + shape.dims))
        let label = try graph.input("label", Shape([queries, 1] + places))
        let importance = try graph.input("weight", Shape([queries, 1] + places))
        var reweighting = features.reweighting
        reweighting.bound = 1
        let parts = try (0..<shape[0]).map { try gaps.slice(axis: 1, $0..<$0 + 1) }
        let response = features.usesPrior ? try graph.input("response", Shape([queries, 1] + places)) : nil
        let weight = try FeatureReweighting(reweighting)(gaps: parts, response: response, in: scope["transformer"])
        let level = try log(features.weightedMean(of: parts) * weight + 1e-6)

        // softplus(z) − label · z, of z = slope · (level − bias).
        let logistic = scope["logistic"]
        let slope = try logistic.parameter("slope", .scalar, .ones)
        let bias = try logistic.parameter("bias", .scalar, .ones)
        let z = try slope * (level - bias)
        let entropy = try (importance * (softplus(z) - label * z)).sum()

        // A soft maximum stands for the mean of the highest hundredth.
        let sharpness: Float = 4
        let peaks = try log(exp(sharpness * level).mean(axes: [1, 2, 3])) * (1 / sharpness)
        let good = try peaks.slice(axis: 0, 0..<FeatureEpisode.goodCount).reshape(to: [1, FeatureEpisode.goodCount])
        let bad = try peaks.slice(axis: 0, FeatureEpisode.goodCount..<queries)
            .reshape(to: [FeatureEpisode.defectiveCount, 1])
        let ranking = try softplus(3 * (good - bad)).mean()
        let loss = try entropy + ranking

        let parameters = scope.parameters
        let variables = try parameters.map { try graph.variable($0.name, $0.shape) }
        let gradients = try MetaformerGraph.gradient(of: loss, withRespectTo: variables)
        let outputs =
            [(name: "loss", tensor: loss)]
            + zip(parameters, gradients).map { (name: "gradient/\($0.name)", tensor: $1) }
        return (try Program(graph: graph, outputs: outputs), parameters)
    }

    private static func softplus(_ x: Tensor) throws -> Tensor { try relu(x) + log(1 + exp(-abs(x))) }

    /// A task seen from one of eight sides, and what its places are: those that are partly defective count for nothing.
    private func load(_ episode: FeatureEpisode, side: Int) {
        let (height, width) = (shape[1], shape[2])
        let places = height * width
        func seen(_ values: [Float]) -> [Float] {
            values.indices.map { index in
                let (start, y, x) = (index - index % places, index % places / width, index % width)
                let (v, u) = (side & 1 == 0 ? y : height - 1 - y, side & 2 == 0 ? x : width - 1 - x)
                return values[start + (side & 4 == 0 || height != width ? v * width + u : u * width + v)]
            }
        }
        let masks = seen(episode.masks)
        let label: [Float] = masks.map { $0 > 0.25 ? 1 : 0 }
        let counts: [Float] = zip(masks, label).map { $0 > 0.02 && $1 == 0 ? 0 : 1 }
        let positive = max(label.reduce(0, +), 1)
        let negative = max(zip(counts, label).reduce(0) { $0 + $1.0 * (1 - $1.1) }, 1)
        gradient.buffer("gaps")?.assign(seen(episode.gaps))
        gradient.buffer("response")?.assign(seen(episode.responses))
        gradient.buffer("label")?.assign(label)
        gradient.buffer("weight")?.assign(zip(counts, label).map { $0 * ($1 == 1 ? 0.5 / positive : 0.5 / negative) })
    }

    // MARK: Steps

    public func step(_ number: Int) throws -> [String: Double] {
        let losses = try group.map(configuration.tasksPerStep, width: 1) { place in
            var generator = RandomGenerator(
                seed: configuration.seed, stream: 1 << 40 | UInt64(number) << 8 | UInt64(place))
            load(generator.choice(training), side: Int(generator.next() % 8))
            try gradient.run()
            let target = sum.next
            for (index, parameter) in outer.parameters.layout.parameters.enumerated() {
                guard let part = gradient.buffer("gradient/\(parameter.name)") else { continue }
                let to = target.parts[index]
                for k in 0..<part.count { to[k] += part[k] / Float(configuration.tasksPerStep) }
            }
            return [Double(gradient.buffer("loss")?[0] ?? .nan)]
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

    private func validate() throws -> Double {
        let losses = try validation.map { episode in
            load(episode, side: 0)
            try gradient.run()
            return Double(gradient.buffer("loss")?[0] ?? .nan)
        }
        return losses.reduce(0, +) / Double(losses.count)
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
