import MetaformerGraph

/// The whole model over the target `features`: what a frozen network φ makes of an image is compared with what good images have.
///
/// Eq. 8 with another target: A holds the good images' features (`FeatureGaussian`, adapted in closed form) and gives their gap;
/// P's response, or R' that T makes of gap and response (`FeatureReweighting`), weighs it.
public struct FeatureModel: Hashable, Sendable {
    public struct Configuration: Hashable, Sendable, Codable {
        public var mode = Metaformer.Mode.full
        public var network = FeatureNetwork.Architecture.efficientNetLite0
        /// Height and width of the image, a multiple of 32.
        public var imageSize = 384
        /// Of the groups of features, from the finest grid to the coarsest; see `FeatureGaussian.shrinkage`.
        public var shrinkage: [Float] = [0.05, 0.05, 0.2]
        /// What the groups' gaps weigh in their mean.
        public var groupWeights: [Float] = [0.5, 1, 2]
        /// Standard deviation of the Gaussian that smooths the mean features, in places of their grid.
        public var meanSmoothing: Float = 0.75
        /// The same for the map, in places of the finest grid.
        public var mapSmoothing: Float = 0.8
        public var reweighting = FeatureReweighting.Configuration()
        public var prior = InstancePrior.Configuration.compact
        /// The network's channels are divided by this: 1 for published weights, more for tests.
        var networkDivisor = 1

        /// Whether P is a part of the model.
        public var usesPrior: Bool { mode == .prior || (mode == .full && reweighting.usesResponse) }

        /// The mean of the groups' gaps by their weights; tensors of one shape.
        public func weightedMean(of gaps: [Tensor]) throws -> Tensor {
            let total = groupWeights.reduce(0, +)
            let weighted = try zip(gaps, groupWeights).map { try $0 * ($1 / total) }
            return try weighted.dropFirst().reduce(weighted[0]) { try $0 + $1 }
        }

        public init(mode: Metaformer.Mode = .full, imageSize: Int = 384) {
            self.mode = mode
            self.imageSize = imageSize
        }
    }

    public let configuration: Configuration

    /// Heights and widths of images that a model is made for; each is a multiple of 32.
    public static let imageSizes = 64...1024

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// Of the image that the model takes: grey frames are shown in three equal channels.
    public var imageShape: Shape { [1, 3, configuration.imageSize, configuration.imageSize] }

    /// An image as the rest of the model sees it.
    private struct Features {
        /// φ(I): [1, C, H/8, W/8], [1, C', H/16, W/16] and [1, C'', H/32, W/32].
        let groups: [Tensor]
        /// P(I) on the finest grid, [1, 1, H/8, W/8]; nil for A alone.
        let response: Tensor?

        /// By the names that one program gives them by, and others take them by.
        var named: [(name: String, tensor: Tensor)] {
            groups.enumerated().map { ("features.\($0)", $1) } + (response.map { [("response", $0)] } ?? [])
        }
    }

    // MARK: Parts

    /// φ of an image [1, 3, H, W], averaged over 3 × 3 places.
    public func plainFeatures(of image: Tensor, in scope: Scope) throws -> [Tensor] {
        guard image.shape == imageShape, configuration.imageSize % 32 == 0 else {
            throw GraphError("feature model", [image.shape], "the image must be \(imageShape), a multiple of 32")
        }
        let network = FeatureNetwork(configuration.network, divisor: configuration.networkDivisor)
        return try network.groups(of: image, in: scope["network"]).map {
            try averagePool($0.reflectPad(1), kernel: 3, stride: 1)
        }
    }

    /// The same with mean 0 and variance 1 over photographs.
    private func groups(of image: Tensor, in scope: Scope) throws -> [Tensor] {
        try plainFeatures(of: image, in: scope).enumerated().map { index, group in
            let (scope, channels) = (scope["features"][index], Shape([group.shape[1], 1, 1]))
            return try (group - scope.parameter("mean", channels, .zeros)) * scope.parameter("gain", channels, .ones)
        }
    }

    /// φ and P of an image.
    private func features(of image: Tensor, in scope: Scope) throws -> Features {
        let groups = try groups(of: image, in: scope)
        guard configuration.usesPrior else { return Features(groups: groups, response: nil) }
        let response = try InstancePrior(configuration.prior)(image, in: scope["prior"])
        return Features(groups: groups, response: try averagePool(response, kernel: 8))
    }

    private func gaussians(_ groups: [Tensor]) -> [FeatureGaussian] {
        zip(groups, configuration.shrinkage).map {
            FeatureGaussian(shape: $0.shape, shrinkage: $1, smoothing: configuration.meanSmoothing)
        }
    }

    /// Scopes of what adaptation makes.
    static let (sums, normal) = ("sums", "normal")

    /// The groups' gaps to good images' features, all on the finest grid: [1, 1, H/8, W/8] each.
    private func gaps(of groups: [Tensor], in scope: Scope) throws -> [Tensor] {
        try zip(gaussians(groups), groups).enumerated().map { index, pair in
            let gap = try pair.0.distances(pair.1, in: scope[FeatureModel.normal][index])
            return try resizeBilinear(gap, height: groups[0].shape[2], width: groups[0].shape[3])
        }
    }

    /// The anomaly map [1, 1, H, W]: how far the features are from good ones, in units of how far those are from each other.
    private func map(of features: Features, in scope: Scope) throws -> Tensor {
        let gaps = try self.gaps(of: features.groups, in: scope)
        var gap = try configuration.weightedMean(of: gaps)
        switch configuration.mode {
        case .autoencoder: break
        case .prior: if let response = features.response { gap = try gap * response }
        case .full:
            let weight = try FeatureReweighting(configuration.reweighting)(
                gaps: gaps, response: features.response, in: scope["transformer"])
            gap = try gap * weight
        }
        let distance = try sqrt(AnomalyMap.smoothed(gap, places: configuration.mapSmoothing))
        return try resizeBilinear(distance, height: configuration.imageSize, width: configuration.imageSize)
    }

    // MARK: Programs

    /// Image → the features that those below take.
    public func featuresGraph() throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let features = try self.features(of: graph.input("image", imageShape), in: scope)
        return ModelGraph(outputs: features.named, parameters: scope.parameters)
    }

    /// What the graph of features gives, as inputs of another.
    private func inputs(_ features: ModelGraph, of graph: Graph) throws -> Features {
        let inputs = try features.outputs.map { try graph.input($0.name, $0.tensor.shape) }
        return Features(
            groups: Array(inputs.prefix(configuration.shrinkage.count)),
            response: configuration.usesPrior ? inputs.last : nil)
    }

    /// Features of a good image, and the mask [1, 1, H, W] of what counts in it → added to the sums.
    public func observeGraph(of features: ModelGraph) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let groups = try inputs(features, of: graph).groups
        let size = configuration.imageSize
        let outside = try 1 - graph.input("mask", [1, 1, size, size])
        let updates = try zip(gaussians(groups), groups).enumerated().flatMap { index, pair in
            // A place counts where all of its pixels do.
            let inside = try 1 - maxPool(outside, kernel: size / pair.1.shape[2], stride: size / pair.1.shape[2])
            return try pair.0.observe(pair.1, inside: inside, in: scope[FeatureModel.sums][index])
        }
        return ModelGraph(outputs: [], updates: updates, parameters: scope.parameters)
    }

    /// Sums → what is normal.
    public func fitGraph(of features: ModelGraph) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let updates = try gaussians(inputs(features, of: Graph()).groups).enumerated().flatMap { index, gaussian in
            try gaussian.fit(sums: scope[FeatureModel.sums][index], in: scope[FeatureModel.normal][index])
        }
        return ModelGraph(outputs: [], updates: updates, parameters: scope.parameters)
    }

    /// Features → the groups' gaps on the finest grid, [1, groups, H/8, W/8]: what T is trained on.
    public func gapGraph(of features: ModelGraph) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let gaps = try self.gaps(of: inputs(features, of: graph).groups, in: scope)
        return ModelGraph(
            outputs: [(name: "gaps", tensor: try concatenate(gaps, axis: 1))], parameters: scope.parameters)
    }

    /// Features → map, as the inspection has it.
    public func mapGraph(of features: ModelGraph) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let map = try self.map(of: inputs(features, of: graph), in: scope)
        return ModelGraph(outputs: [(name: "map", tensor: map)], parameters: scope.parameters)
    }

    /// Image → map, and P's response where there is one.
    public func inspectionGraph() throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let features = try self.features(of: graph.input("image", imageShape), in: scope)
        var outputs = [(name: "map", tensor: try map(of: features, in: scope))]
        if let response = features.response {
            let size = configuration.imageSize
            outputs.append((name: "response", tensor: try resizeBilinear(response, height: size, width: size)))
        }
        return ModelGraph(outputs: outputs, parameters: scope.parameters)
    }
}
