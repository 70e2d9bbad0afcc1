import MetaformerGraph
import MetaformerModels

/// The loss of a task over features, and its gradient by T's parameters.
///
/// The loss is the cross entropy of each place, good and defective ones weighing the same, and a ranking of images: those with
/// faults are to score higher than those without. Runs on the thread that calls it; not for use by two threads at once.
final class FeatureTaskGradient: @unchecked Sendable {
    struct Result: Sendable {
        let loss: Double
        /// In the order of the parameters.
        let gradient: [Float]
    }

    private let runner: Runner
    private let gradients: [FloatBuffer]
    private let shape: Shape

    /// - Parameters:
    ///   - program: of gaps of this shape, [groups, h, w] each.
    ///   - parameters: read whenever it is run.
    init(_ program: Program, shape: Shape, of parameters: ParameterVector) throws {
        self.shape = shape
        runner = try Runner(program: program.data, threads: 1)
        for (index, parameter) in parameters.layout.parameters.enumerated() {
            try runner.bind(parameter.name, to: parameters.parts[index])
        }
        try runner.bindRemaining()
        let runner = runner
        gradients = parameters.layout.parameters.compactMap { runner.buffer("gradient/\($0.name)") }
    }

    static func program(_ features: FeatureModel.Configuration, _ shape: Shape) throws -> (
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

    /// Of the task seen from one of eight sides.
    func result(of episode: FeatureEpisode, side: Int) throws -> Result {
        let masks = seen(episode.masks, from: side)
        let label: [Float] = masks.map { $0 > 0.25 ? 1 : 0 }
        // Places that are partly defective count for nothing.
        let counts: [Float] = zip(masks, label).map { $0 > 0.02 && $1 == 0 ? 0 : 1 }
        let positive = max(label.reduce(0, +), 1)
        let negative = max(zip(counts, label).reduce(0) { $0 + $1.0 * (1 - $1.1) }, 1)
        runner.buffer("gaps")?.assign(seen(episode.gaps, from: side))
        runner.buffer("response")?.assign(seen(episode.responses, from: side))
        runner.buffer("label")?.assign(label)
        runner.buffer("weight")?.assign(zip(counts, label).map { $0 * ($1 == 1 ? 0.5 / positive : 0.5 / negative) })
        try runner.run()
        return Result(loss: Double(runner.buffer("loss")?[0] ?? .nan), gradient: gradients.flatMap(\.values))
    }

    /// Planes [h, w], turned over and on their side.
    private func seen(_ planes: [Float], from side: Int) -> [Float] {
        let (height, width) = (shape[1], shape[2])
        guard side != 0 else { return planes }
        let isTurned = side & 4 != 0 && height == width
        var result: [Float] = []
        result.reserveCapacity(planes.count)
        for start in stride(from: 0, to: planes.count, by: height * width) {
            for y in 0..<height {
                let v = side & 1 == 0 ? y : height - 1 - y
                for x in 0..<width {
                    let u = side & 2 == 0 ? x : width - 1 - x
                    result.append(planes[start + (isTurned ? u * width + v : v * width + u)])
                }
            }
        }
        return result
    }
}
