import MetaformerGraph

/// The transformer T: reformulates the response map R concerning the reconstruction Ĩ, as a gate R' for it.
///
/// The encoder-decoder of "Attention is all you need" (Vaswani et al., 2017), normalised after each residual, over
/// patches: those of one image are the source tokens, those of the other the target tokens, and each output token gives
/// a patch of the gate.
public struct Transformer: Hashable, Sendable {
    public enum Direction: String, Sendable, Codable {
        /// Source tokens from R, target tokens from Ĩ: the literal reading of the paper's Section 3.2.
        case responseToReconstruction
        /// The reverse.
        case reconstructionToResponse
    }

    public struct Configuration: Hashable, Sendable, Codable {
        /// Height and width of the images.
        public var imageSize = 256
        /// Channels of the reconstruction.
        public var channels = 3
        public var patchSize = 16
        /// The width d of a token.
        public var width = 256
        public var heads = 8
        public var encoderLayers = 3
        public var decoderLayers = 3
        /// Width of the feed-forward networks.
        public var hiddenWidth = 1024
        public var direction = Direction.responseToReconstruction
        /// Whether a 3 × 3 convolution smooths the edges of the patches of the gate.
        public var smoothsPatches = false

        public init() {}

        /// Tokens of an image.
        public var tokens: Int {
            let patches = imageSize / max(patchSize, 1)
            return patches * patches
        }
    }

    public let configuration: Configuration

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// The gate R' [N, 1, H, W] in (0, 2) for a response map [N, 1, H, W] and a reconstruction [N, channels, H, W].
    ///
    /// The head starts at zero, so that the gate starts at 1: 2 · sigmoid(0). Throws when the shapes are others, or the
    /// patches do not divide the image or the heads the width.
    public func callAsFunction(response: Tensor, reconstruction: Tensor, in scope: Scope) throws -> Tensor {
        let size = configuration.imageSize
        let samples = reconstruction.shape.dims.first ?? 1
        guard response.shape == [samples, 1, size, size],
            reconstruction.shape == [samples, configuration.channels, size, size]
        else {
            throw GraphError(
                "transformer", [response.shape, reconstruction.shape],
                "takes [N, 1, \(size), \(size)] and [N, \(configuration.channels), \(size), \(size)]")
        }
        guard configuration.patchSize >= 1, size % configuration.patchSize == 0, configuration.heads >= 1,
            configuration.width % configuration.heads == 0
        else {
            throw GraphError(
                "transformer", [response.shape],
                "patches of \(configuration.patchSize) must divide \(size) pixels, and \(configuration.heads) heads "
                    + "the width \(configuration.width)")
        }
        let isLiteral = configuration.direction == .responseToReconstruction
        let source = try embed(isLiteral ? response : reconstruction, in: scope["source"])
        let target = try embed(isLiteral ? reconstruction : response, in: scope["target"])
        let tokens = try decode(target, memory: encode(source, in: scope["encoder"]), in: scope["decoder"])

        let patches = try scope["head"].linearLayer(
            tokens, outputs: configuration.patchSize * configuration.patchSize, startsAtZero: true)
        // The same after folding; before it, it costs nothing.
        guard configuration.smoothsPatches else { return try fold(2 * sigmoid(patches)) }
        let smooth = scope["smooth"]
        let weight = try smooth.parameter("weight", [1, 1, 3, 3], .kaimingUniform(fanIn: 9))
        // The bias starts at zero as the head does.
        let bias = try smooth.parameter("bias", [1], .zeros)
        return try 2 * sigmoid(conv2d(fold(patches), weight, bias: bias, padding: Padding(1)))
    }

    // MARK: Patches

    /// Tokens [N, T, d] of an image, with their learned positions.
    private func embed(_ image: Tensor, in scope: Scope) throws -> Tensor {
        let (size, patch) = (configuration.patchSize, configuration.imageSize / configuration.patchSize)
        let (samples, channels) = (image.shape[0], image.shape[1])
        let patches = try image.reshape(to: [samples, channels, patch, size, patch, size])
            .transpose([0, 2, 4, 1, 3, 5]).reshape(to: [samples, configuration.tokens, channels * size * size])
        let positions = try scope.parameter(
            "position", [configuration.tokens, configuration.width], .normal(standardDeviation: 0.02))
        return try scope["embedding"].linearLayer(patches, outputs: configuration.width) + positions
    }

    /// The image [N, 1, H, W] of patches [N, T, patch²].
    private func fold(_ patches: Tensor) throws -> Tensor {
        let (size, patch) = (configuration.patchSize, configuration.imageSize / configuration.patchSize)
        let samples = patches.shape[0]
        return try patches.reshape(to: [samples, patch, patch, 1, size, size]).transpose([0, 3, 1, 4, 2, 5])
            .reshape(to: [samples, 1, configuration.imageSize, configuration.imageSize])
    }

    // MARK: Layers

    private func encode(_ source: Tensor, in scope: Scope) throws -> Tensor {
        var x = source
        for index in 0..<configuration.encoderLayers { x = try encoderLayer(x, in: scope[index]) }
        return try scope["norm"].layerNormalization(x)
    }

    private func decode(_ target: Tensor, memory: Tensor, in scope: Scope) throws -> Tensor {
        var x = target
        for index in 0..<configuration.decoderLayers { x = try decoderLayer(x, memory: memory, in: scope[index]) }
        return try scope["norm"].layerNormalization(x)
    }

    func encoderLayer(_ x: Tensor, in scope: Scope) throws -> Tensor {
        let x = try scope["norm1"].layerNormalization(x + attend(x, to: x, in: scope["attention"]))
        return try scope["norm2"].layerNormalization(x + feedForward(x, in: scope["feedforward"]))
    }

    func decoderLayer(_ x: Tensor, memory: Tensor, in scope: Scope) throws -> Tensor {
        var x = try scope["norm1"].layerNormalization(x + attend(x, to: x, in: scope["attention"]))
        x = try scope["norm2"].layerNormalization(x + attend(x, to: memory, in: scope["cross"]))
        return try scope["norm3"].layerNormalization(x + feedForward(x, in: scope["feedforward"]))
    }

    private func feedForward(_ x: Tensor, in scope: Scope) throws -> Tensor {
        let hidden = try relu(scope[0].linearLayer(x, outputs: configuration.hiddenWidth))
        return try scope[1].linearLayer(hidden, outputs: configuration.width)
    }

    /// Multi-head attention of tokens x [N, T, d] to a memory [N, S, d].
    private func attend(_ x: Tensor, to memory: Tensor, in scope: Scope) throws -> Tensor {
        let width = configuration.width / configuration.heads
        func heads(_ tokens: Tensor, _ name: String, scale: Float = 1) throws -> Tensor {
            let projected = try scope[name].linearLayer(tokens, outputs: configuration.width)
            return try (projected * scale).reshape(to: [tokens.shape[0], tokens.shape[1], configuration.heads, width])
                .transpose([0, 2, 1, 3])
        }
        // The queries are scaled rather than the scores, which are many more.
        let query = try heads(x, "query", scale: 1 / Float(width).squareRoot())
        let (key, value) = try (heads(memory, "key"), heads(memory, "value"))
        let mixed = try matmul(softmax(matmul(query, key, transposeB: true)), value).transpose([0, 2, 1, 3]).reshape(
            to: x.shape)
        return try scope["output"].linearLayer(mixed, outputs: configuration.width)
    }
}
