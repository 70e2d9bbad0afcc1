import MetaformerGraph

/// The whole model: what reconstructs an image, and how far the reconstruction is from it.
public struct Metaformer: Hashable, Sendable {
    /// The configurations of the paper's Table 3.
    public enum Mode: String, Sendable, Codable, CaseIterable {
        /// The autoencoder alone: Î = A(I).
        case autoencoder = "A"
        /// Gated by the instance prior itself: Î = A(I) ⊗ P(I).
        case prior = "A+P"
        /// Gated by the transformer: Î = A(I) ⊗ T(P(I); A(I)), Eq. 8.
        case full = "A+P+T"
    }

    public struct Configuration: Hashable, Sendable, Codable {
        public var mode = Mode.full
        public var autoencoder = Autoencoder.Configuration()
        public var transformer = Transformer.Configuration()
        public var prior = InstancePrior.Configuration.compact
        public var loss = ReconstructionLoss()

        /// The published sizes for images of 256 × 256, with sizes and channels that agree among the parts.
        public init(mode: Mode = .full, imageSize: Int = 256, channels: Int = 3, latentSize: Int = 500) {
            self.mode = mode
            autoencoder.imageSize = imageSize
            autoencoder.channels = channels
            autoencoder.latentSize = latentSize
            transformer.imageSize = imageSize
            transformer.channels = channels
            prior.channels = channels
        }
    }

    /// What the model makes of an image.
    public struct Reconstruction {
        /// Ĩ = A(I), [N, C, H, W].
        public let plain: Tensor
        /// R' or R, [N, 1, H, W]; nil for the autoencoder alone.
        public let gate: Tensor?
        /// Î, [N, C, H, W].
        public let image: Tensor
    }

    public let configuration: Configuration

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// The response map R of an image, by parameters under "prior". Frozen while the rest is trained.
    public func response(to image: Tensor, in scope: Scope) throws -> Tensor {
        try InstancePrior(configuration.prior)(image, in: scope["prior"])
    }

    /// Ĩ = A(I) of an image [N, C, H, W]. Parameters are under "autoencoder".
    func reconstructPlainly(_ image: Tensor, in scope: Scope) throws -> Tensor {
        try Autoencoder(configuration.autoencoder)(image, in: scope["autoencoder"])
    }

    /// The reconstruction of an image [N, C, H, W] given its response map [N, 1, H, W], which only the autoencoder alone
    /// does without. Parameters are under "autoencoder" and "transformer". Throws when a shape does not fit.
    public func reconstruct(_ image: Tensor, response: Tensor?, in scope: Scope) throws -> Reconstruction {
        let plain = try reconstructPlainly(image, in: scope)
        guard configuration.mode != .autoencoder else { return Reconstruction(plain: plain, gate: nil, image: plain) }
        guard let response, response.shape == [image.shape[0], 1, image.shape[2], image.shape[3]] else {
            throw GraphError(
                "Metaformer \(configuration.mode.rawValue)", [image.shape] + (response.map { [$0.shape] } ?? []),
                "needs the response map [N, 1, H, W] of the image")
        }
        let gate =
            configuration.mode == .prior
            ? response
            : try Transformer(configuration.transformer)(
                response: response, reconstruction: plain, in: scope["transformer"])
        return Reconstruction(plain: plain, gate: gate, image: try plain * gate)
    }

    /// The parameters that training and adaptation change: those of A, and of T in the full model.
    public func trainableParameters() throws -> [ParameterSpecification] {
        let graph = Graph()
        let scope = Scope(graph)
        let size = configuration.autoencoder.imageSize
        let image = try graph.input("image", [1, configuration.autoencoder.channels, size, size])
        _ = try reconstruct(image, response: graph.input("response", [1, 1, size, size]), in: scope)
        return scope.parameters
    }
}

/// The loss of Eq. 7: l_mse + λ l_ssim, l_ssim = 1 − mean structural similarity.
public struct ReconstructionLoss: Hashable, Sendable, Codable {
    /// λ, the weight of the structural term.
    public var weight: Float = 0.1
    public var similarity = StructuralSimilarity()

    public init() {}

    /// The loss of each sample, [N], for a reconstruction and its image, both [N, C, H, W].
    ///
    /// Throws when the shapes differ or the images are smaller than the window of the similarity.
    public func perSample(_ reconstruction: Tensor, _ image: Tensor) throws -> Tensor {
        let similarity = try similarity.map(reconstruction, image)
        let error = try square(reconstruction - image).mean(axes: [1, 2, 3])
        return try error + weight * (1 - similarity.mean(axes: [1, 2, 3]))
    }

    /// The mean loss of all samples, a scalar.
    public func callAsFunction(_ reconstruction: Tensor, _ image: Tensor) throws -> Tensor {
        try perSample(reconstruction, image).mean()
    }

    /// Σ wᵢ lossᵢ for weights [N]: a weight of 0 leaves a sample out, so that any number fits a batch.
    public func callAsFunction(_ reconstruction: Tensor, _ image: Tensor, weights: Tensor) throws -> Tensor {
        guard weights.shape == [image.shape.dims.first ?? 1] else {
            throw GraphError("loss", [image.shape, weights.shape], "takes one weight per sample")
        }
        return try (perSample(reconstruction, image) * weights).sum()
    }
}
