import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels

/// Meta-training of A and T over meta-tasks, Eqs. 2 to 5: the universal model.
public final class MetaTraining: SteppedTraining {
    public let configuration: MetaTrainingConfiguration
    private let learner: MetaLearner
    private let outer: OuterOptimizer
    private let rates: OuterOptimizer?
    private let group: ProcessGroup
    private let sum: OrderedSum
    private let rateSum: OrderedSum?
    private let sampler: EpisodeSampler
    private let probe: GateProbe?
    private let prior: FrozenPrior?
    private let training: [Int]
    private let validation: [Int]
    private var best = Double.infinity
    private var bestParameters: ParameterVector
    private var epochsSinceBest = 0

    public private(set) var isFinished = false

    /// - Parameters:
    ///   - configuration: of model and training; checked first.
    ///   - tasks: groups of similar photographs.
    ///   - prior: the frozen instance prior; nil for the autoencoder alone.
    ///   - cache: the folder of its response maps.
    ///   - initial: a model file to go on from, of the same sizes, with or without a transformer; random parameters where nil.
    ///   - threads: worker threads, 0 for one a processor.
    ///   - group: the processes that share the tasks of every step.
    public init(
        _ configuration: MetaTrainingConfiguration, tasks: TaskSet, prior: FrozenPrior?, cache: URL,
        initial: String? = nil, threads: Int = 0, group: ProcessGroup = .alone
    ) throws {
        try configuration.check()
        var configuration = configuration
        let needsPrior = configuration.architecture.mode != .autoencoder
        if let prior { configuration.architecture.prior = prior.configuration }
        guard !needsPrior || prior != nil else {
            throw TrainingError("\(configuration.architecture.mode.rawValue) needs a trained prior; name its file")
        }
        self.configuration = configuration
        self.prior = needsPrior ? prior : nil
        let model = Metaformer(configuration.architecture)
        let objective = try Objective(model, microBatch: configuration.microBatch, threads: threads)
        learner = try MetaLearner(objective, inner: configuration.inner)
        let parameters = ParameterVector(objective.layout, seed: configuration.seed)
        if let initial { try MetaTraining.assign(to: parameters, from: initial) }
        outer = try OuterOptimizer(.adam(Adam()), of: parameters, threads: threads)
        rates =
            configuration.inner.learnsRates
            ? try OuterOptimizer(.adam(Adam()), of: ParameterVector(learner.rateLayout), threads: threads) : nil
        self.group = group
        sum = OrderedSum(outer.gradient, over: group)
        rateSum = rates.map { OrderedSum($0.gradient, over: group) }
        bestParameters = ParameterVector(objective.layout)
        bestParameters.copy(parameters)
        let autoencoder = configuration.architecture.autoencoder
        let loader = try SampleLoader(
            size: autoencoder.imageSize, channels: autoencoder.channels, prior: self.prior, cache: cache,
            threads: threads)
        sampler = EpisodeSampler(configuration: configuration, tasks: tasks, loader: loader)
        probe = configuration.architecture.mode == .full ? try GateProbe(model, threads: threads) : nil

        var generator = RandomGenerator(seed: configuration.seed, stream: 1 << 40)
        let order = tasks.groups.indices.shuffled(using: &generator)
        let wanted = Int((configuration.validationShare * Double(order.count)).rounded(.up))
        let held = min(wanted, order.count - 1)
        validation = Array(order.prefix(held))
        training = Array(order.dropFirst(held))
    }

    /// Takes the parts that the model has, all of A at least: a transformer that it lacks starts at random.
    private static func assign(to parameters: ParameterVector, from path: String) throws {
        let file = try TensorFile(path: path)
        let part = { (name: String) in name.prefix { $0 != "." } }
        let known = Set(file.entries.map { part($0.name) })
        for (parameter, place) in zip(parameters.layout.parameters, parameters.parts) {
            let isNew = !known.contains(part(parameter.name)) && part(parameter.name) == "transformer"
            if isNew { continue }
            guard let values = file.floats(parameter.name), values.count == place.count else {
                throw TrainingError(
                    "\(path): has no \"\(parameter.name)\" of \(parameter.shape); name a model of the same size and channels to "
                        + "go on from")
            }
            place.assign(values)
        }
    }

    // MARK: Steps

    public var stepsPerEpoch: Int {
        (training.count + configuration.tasksPerStep - 1) / configuration.tasksPerStep
    }
    public var steps: Int { configuration.epochs * stepsPerEpoch }

    public func step(_ number: Int) throws -> [String: Double] {
        let epoch = number / stepsPerEpoch
        var shuffling = RandomGenerator(seed: configuration.seed, stream: UInt64(2 << 40 | epoch))
        let order = training.shuffled(using: &shuffling)
        let first = number % stepsPerEpoch * configuration.tasksPerStep
        let groups = order[first..<min(first + configuration.tasksPerStep, order.count)]

        let isWarmingUp = configuration.mode == .maml && epoch < configuration.firstOrderEpochs
        let mode = isWarmingUp ? LearningMode.fomaml : configuration.mode
        let losses = try group.map(groups.count, width: 2) { place in
            // A stream for each place: tasks can be dealt to processes.
            var generator = RandomGenerator(seed: configuration.seed, stream: UInt64(number) << 8 | UInt64(place))
            let losses = try learner.addMetaGradient(
                of: sampler.episode(groups[groups.startIndex + place], &generator), weight: 1 / Float(groups.count),
                mode: mode, at: outer.parameters, logRates: rates?.parameters, to: sum.next, rateSum: rateSum?.next)
            return [losses.query, losses.support.first ?? losses.query]
        }
        sum.complete()
        rateSum?.complete()
        let (query, support) = (mean(losses, 0), mean(losses, 1))
        let rate = configuration.outerRate.rate(epoch: epoch)
        let norm = try outer.step(learningRate: rate, maximumNorm: configuration.maximumNorm)
        if mode != .joint { try rates?.step(learningRate: configuration.rateOfRates, maximumNorm: 1) }
        var metrics = ["loss.query": query, "loss.support": support, "gradient.norm": norm, "rate": Double(rate)]
        if number % stepsPerEpoch == stepsPerEpoch - 1 {
            metrics.merge(try validate()) { _, new in new }
            metrics["epoch"] = Double(epoch)
        }
        return metrics
    }

    /// Query losses of held-out tasks, the same episodes each time, and the state of the gate.
    private func validate() throws -> [String: Double] {
        // Without groups to hold out, the training's own say at least whether it runs.
        let groups = validation.isEmpty ? Array(training.prefix(1)) : validation
        let measured = try group.map(groups.count, width: 4) { place in
            var generator = RandomGenerator(seed: configuration.seed, stream: UInt64(3 << 40 | groups[place]))
            let episode = try sampler.episode(groups[place], &generator)
            let losses = try learner.losses(of: episode, at: outer.parameters, logRates: rates?.parameters)
            let gate = try episode.query.first.flatMap { try probe?.gate(for: $0, at: outer.parameters) }
            return [losses.before, losses.after, gate?.mean ?? 0, gate?.spread ?? 0]
        }
        let (before, after) = (mean(measured, 0), mean(measured, 1))
        let isBetter = after < best
        if isBetter {
            best = after
            bestParameters.copy(outer.parameters)
        }
        epochsSinceBest = isBetter ? 0 : epochsSinceBest + 1
        isFinished = configuration.patience > 0 && epochsSinceBest >= configuration.patience
        var metrics = ["validation.before": before, "validation.after": after, "validation.best": best]
        if probe != nil {
            metrics["gate.mean"] = mean(measured, 2)
            metrics["gate.spread"] = mean(measured, 3)
        }
        return metrics
    }

    private func mean(_ rows: [[Double]], _ column: Int) -> Double {
        rows.reduce(0) { $0 + $1[column] / Double(rows.count) }
    }

    // MARK: State

    public var tensors: [String: [Float]] {
        var tensors = outer.tensors
        for (name, values) in bestParameters.values { tensors["best/\(name)"] = values }
        for (name, values) in rates?.tensors ?? [:] { tensors["rates/\(name)"] = values }
        return tensors
    }

    public var numbers: [String: Double] {
        // No loss yet is no number that a text can hold everywhere.
        let best: [String: Double] = best.isFinite ? ["best": best] : [:]
        return best.merging(["epochsSinceBest": Double(epochsSinceBest), "isFinished": isFinished ? 1 : 0]) { $1 }
    }

    public func restore(_ checkpoint: Checkpoint) throws {
        try outer.restore(checkpoint.tensors)
        try bestParameters.assign(checkpoint.tensors(under: "best/"))
        try rates?.restore(checkpoint.tensors(under: "rates/"))
        best = checkpoint.numbers["best"] ?? .infinity
        epochsSinceBest = Int(checkpoint.numbers["epochsSinceBest"] ?? 0)
        isFinished = checkpoint.numbers["isFinished"] == 1
    }

    // MARK: Result

    /// The universal model: the parameters of the best validation, with the programs that adapt and inspect.
    public func modelFile(origin: String) throws -> TensorFile {
        var description = ModelDescription(architecture: .pixels(configuration.architecture), origin: origin)
        description.map.loss = configuration.architecture.loss
        let parameters = bestParameters.values.merging(prior?.parameters ?? [:]) { first, _ in first }
        return try description.file(parameters: parameters)
    }
}

/// Measures R': a gate that is one everywhere does nothing, a constant one only darkens.
final class GateProbe {
    private let runner: Runner

    init(_ model: Metaformer, threads: Int) throws {
        let graph = Graph()
        let scope = Scope(graph)
        let shape = model.imageShape(1)
        let response = try graph.input("response", [1, 1, shape[2], shape[3]])
        guard let gate = try model.reconstruct(graph.input("image", shape), response: response, in: scope).gate else {
            throw TrainingError("the model has no gate")
        }
        let mean = try gate.mean()
        let spread = try sqrt(square(gate - mean).mean())
        runner = try Runner(
            program: Program(graph: graph, outputs: [("mean", mean), ("spread", spread)]).data, threads: threads)
        try runner.bindRemaining()
    }

    func gate(for sample: Sample, at parameters: ParameterVector) throws -> (mean: Double, spread: Double) {
        for (parameter, part) in zip(parameters.layout.parameters, parameters.parts)
        where runner.slot(named: parameter.name) != nil {
            try runner.bind(parameter.name, to: part)
        }
        runner.buffer("image")?.assign(sample.image)
        runner.buffer("response")?.assign(sample.response)
        try runner.run()
        return (Double(runner.buffer("mean")?[0] ?? .nan), Double(runner.buffer("spread")?[0] ?? .nan))
    }
}
