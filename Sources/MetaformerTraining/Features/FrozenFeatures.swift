import MetaformerGraph
import MetaformerModels

/// The part of a model over features that no training changes: the network φ, and what its features are over photographs.
public struct FrozenFeatures: Sendable {
    /// By their names in a model: "network.…" and "features.…".
    public let parameters: [String: [Float]]

    /// Reads published weights, and measures mean and spread of the network's features over images.
    ///
    /// - Parameters:
    ///   - configuration: of the model that they are for.
    ///   - path: the weights, as scripts/convert-weights.py writes them.
    ///   - images: [3, H, W] with values in [0, 1], of the model's size.
    ///   - threads: worker threads, 0 for one a processor.
    ///   - progress: called after each image.
    /// - Throws: an error that names the tensor where the file is not of the model's network; where there are no images.
    public init(
        _ configuration: FeatureModel.Configuration, weights path: String, images: some Sequence<[Float]>,
        threads: Int = 0, progress: () -> Void = {}
    ) throws {
        let graph = Graph()
        let scope = Scope(graph)
        let model = FeatureModel(configuration)
        let image = try graph.input("image", model.imageShape)
        let groups = try model.plainFeatures(of: image, in: scope)
        let outputs = groups.enumerated().map { (name: "\($0)", tensor: $1) }
        let runner = try Runner(program: Program(graph: graph, outputs: outputs).data, threads: threads)
        let input = FloatBuffer(count: image.shape.count)
        try runner.bind("image", to: input)
        var parameters = try configuration.network.weights(of: scope.parameters, under: "network.", path: path)
        for (name, values) in parameters { try runner.bind(name, to: FloatBuffer(values)) }
        try runner.bindRemaining()

        var sums = groups.map { ChannelSums(channels: $0.shape[1]) }
        for planes in images {
            input.assign(planes)
            try runner.run()
            for index in sums.indices { sums[index].add(runner.buffer("\(index)")?.values ?? []) }
            progress()
        }
        for (index, sum) in sums.enumerated() {
            guard sum.count > 0 else { throw TrainingError("there are no images to measure features over") }
            parameters["features.\(index).mean"] = sum.mean
            parameters["features.\(index).gain"] = sum.gain
        }
        self.parameters = parameters
    }
}

/// Sums over all places of all images, a channel at a time.
private struct ChannelSums {
    private(set) var count = 0.0
    private var sum: [Double]
    private var squares: [Double]

    init(channels: Int) {
        sum = [Double](repeating: 0, count: channels)
        squares = sum
    }

    mutating func add(_ values: [Float]) {
        let places = values.count / sum.count
        for channel in sum.indices {
            for value in values[channel * places..<(channel + 1) * places] {
                sum[channel] += Double(value)
                squares[channel] += Double(value) * Double(value)
            }
        }
        count += Double(places)
    }

    var mean: [Float] { sum.map { Float($0 / count) } }

    /// One over the standard deviation.
    var gain: [Float] {
        zip(sum, squares).map { sum, squares in
            let mean = sum / count
            return Float(1 / max(squares / count - mean * mean, 1e-12).squareRoot())
        }
    }
}
