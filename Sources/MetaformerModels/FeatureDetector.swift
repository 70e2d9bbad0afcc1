import MetaformerGraph

/// A detector that trains nothing: it compares the features that a frozen network has for the places of an image with those
/// that it had for good images'.
///
/// The features are those of the network's middle, averaged over 3 × 3 places, as PatchCore takes them (Roth et al., "Towards
/// total recall in industrial anomaly detection", 2022).
public struct FeatureDetector: Hashable, Sendable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The distance to the nearest of good images' features, wherever in the image those were (PatchCore's memory, drawn at
        /// random).
        case nearestNeighbour = "1-NN"
        /// Mahalanobis' distance to the mean of good images' features at the same place, on a random projection of them (PaDiM;
        /// Defard et al., 2021).
        case gaussian = "Gaussian"
    }

    public var kind: Kind
    public var network: FeatureNetwork.Architecture
    /// 1 or 3; a grey image is shown to the network in three equal channels.
    public var channels: Int
    /// Height and width of the image, a multiple of 16.
    public var imageSize = 256
    /// Features that the memory holds.
    public var memoryCount = 8192
    /// Features after projection.
    public var projectedCount = 100
    /// Standard deviation of the Gaussian that smooths the map, in pixels of an image of 256; 0 for none.
    public var smoothing: Float = 4
    /// The network's channels are divided by this: 1 for published weights, more for tests.
    var divisor = 1

    public init(_ kind: Kind, network: FeatureNetwork.Architecture, channels: Int) {
        self.kind = kind
        self.network = network
        self.channels = channels
    }

    public var imageShape: Shape { [1, channels, imageSize, imageSize] }

    /// Places of an image that have features.
    public var placeCount: Int { (imageSize / 8) * (imageSize / 8) }

    /// The features [placeCount, D] of an image [1, channels, imageSize, imageSize] with values in [0, 1].
    public func features(of image: Tensor, in scope: Scope) throws -> Tensor {
        guard image.shape == imageShape, imageSize % 16 == 0, channels == 1 || channels == 3 else {
            throw GraphError(
                "feature detector", [image.shape],
                "the image must be \(imageShape), of 1 or 3 channels and a multiple of 16")
        }
        let coloured = channels == 3 ? image : try concatenate([image, image, image], axis: 1)
        let maps = try FeatureNetwork(network, divisor: divisor).maps(of: coloured, in: scope["network"])
        let (fine, coarse) = (try averaged(maps.fine), try averaged(maps.coarse))
        let larger = try resizeBilinear(coarse, height: fine.shape[2], width: fine.shape[3])
        let joined = try concatenate([fine, larger], axis: 1)
        return try joined.reshape(to: [joined.shape[1], placeCount]).transpose([1, 0])
    }

    private func averaged(_ map: Tensor) throws -> Tensor {
        try averagePool(map.reflectPad(1), kernel: 3, stride: 1)
    }

    /// The anomaly map [1, 1, imageSize, imageSize] of an image. What good images have left is in parameters: "memory"
    /// [memoryCount, D], or "mean" [placeCount, projectedCount], "projection" [D, projectedCount] and "whitening"
    /// [placeCount, projectedCount, projectedCount].
    public func map(of image: Tensor, in scope: Scope) throws -> Tensor {
        let features = try features(of: image, in: scope)
        let distances =
            switch kind {
            case .nearestNeighbour: try distanceToNearest(features, in: scope)
            case .gaussian: try distanceToMean(features, in: scope)
            }
        let side = imageSize / 8
        let map = try resizeBilinear(
            distances.reshape(to: [1, 1, side, side]), height: imageSize, width: imageSize)
        return try AnomalyMap.smoothed(map, smoothing)
    }

    /// By |a|² + |b|² − 2ab; what rounding leaves below zero is zero.
    private func distanceToNearest(_ features: Tensor, in scope: Scope) throws -> Tensor {
        let memory = try scope.parameter("memory", [memoryCount, features.shape[1]], .zeros)
        let products = try matmul(features, memory, transposeB: true)
        let nearness = try (2 * products - square(memory).sum(axes: [1])).max(axes: [1])
        return try sqrt(relu(square(features).sum(axes: [1]) - nearness))
    }

    private func distanceToMean(_ features: Tensor, in scope: Scope) throws -> Tensor {
        let projection = try scope.parameter("projection", [features.shape[1], projectedCount], .zeros)
        let mean = try scope.parameter("mean", [placeCount, projectedCount], .zeros)
        let whitening = try scope.parameter("whitening", [placeCount, projectedCount, projectedCount], .zeros)
        let difference = try (matmul(features, projection) - mean).reshape(to: [placeCount, 1, projectedCount])
        return try sqrt(square(matmul(difference, whitening)).sum(axes: [1, 2]))
    }

    /// What inspects images at the network's own size with these parameters, by name.
    public struct Inspection {
        public let runner: Runner
        public let image: FloatBuffer
        public let map: FloatBuffer
    }

    /// Throws where a parameter is missing or has another count.
    public func inspection(_ parameters: [String: [Float]], threads: Int = 0) throws -> Inspection {
        let (program, specifications) = try inspect()
        let runner = try Runner(program: program.data, threads: threads)
        for specification in specifications {
            try runner.bind(
                specification.name, to: FloatBuffer(checked(parameters[specification.name], specification)))
        }
        let (image, map) = (FloatBuffer(count: imageShape.count), FloatBuffer(count: imageSize * imageSize))
        try runner.bind("image", to: image)
        try runner.bind("map", to: map)
        return Inspection(runner: runner, image: image, map: map)
    }

    private func inspect() throws -> (Program, [ParameterSpecification]) {
        let graph = Graph()
        let scope = Scope(graph)
        let map = try map(of: graph.input("image", imageShape), in: scope)
        return (try Program(graph: graph, outputs: [("map", map)]), scope.parameters)
    }

    private func checked(_ values: [Float]?, _ specification: ParameterSpecification) throws -> [Float] {
        guard let values, values.count == specification.shape.count else {
            throw ModelError("parameter \"\(specification.name)\" must have the shape \(specification.shape)")
        }
        return values
    }

    /// The model file of a detector with these parameters, by name, and these settings beside its own.
    ///
    /// Throws where a parameter is missing or has another count.
    public func file(parameters: [String: [Float]], settings: [String: String]) throws -> TensorFile {
        let (program, specifications) = try inspect()
        var entries = try specifications.map { specification in
            TensorFile.Entry(
                name: specification.name, shape: specification.shape,
                contents: .floats(try checked(parameters[specification.name], specification)))
        }
        entries.append(TensorFile.Entry(name: "program/inspect", bytes: program.data))
        let own = [
            "configuration": kind.rawValue, "input.channels": "\(channels)", "input.height": "\(imageSize)",
            "input.width": "\(imageSize)", "origin": "\(kind.rawValue) on features of \(network.rawValue)",
        ]
        return TensorFile(entries: entries, metadata: own.merging(settings) { _, given in given })
    }
}
