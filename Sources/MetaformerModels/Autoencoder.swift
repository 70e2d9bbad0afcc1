import MetaformerGraph

/// The autoencoder A: reconstructs an image through a narrow bottleneck.
///
/// The architecture is that of SSIM-AE (Bergmann et al., "Improving unsupervised defect segmentation by applying
/// structural similarity to autoencoders", 2018) for 256 × 256 pixels, with five halvings a side. LeakyReLU follows
/// every layer but the linear bottleneck and the last, which a sigmoid follows.
public struct Autoencoder: Hashable, Sendable {
    /// One convolution of the encoder or the decoder.
    public struct Layer: Hashable, Sendable, Codable {
        public enum Kind: String, Sendable, Codable {
            /// Keeps the size: 3 × 3.
            case plain
            /// Halves the size in the encoder, doubles it in the decoder: 4 × 4, stride 2.
            case scaling
        }

        public var kind: Kind
        public var channels: Int

        public init(_ kind: Kind, _ channels: Int) {
            self.kind = kind
            self.channels = channels
        }
    }

    public struct Configuration: Hashable, Sendable, Codable {
        /// Height and width of the image.
        public var imageSize = 256
        /// Channels of the image and its reconstruction.
        public var channels = 3
        /// The size d of the bottleneck: 100 for textures and 500 for objects in SSIM-AE.
        public var latentSize = 500
        public var encoder: [Layer] = [
            Layer(.scaling, 32), Layer(.scaling, 32), Layer(.scaling, 32), Layer(.plain, 32), Layer(.scaling, 64),
            Layer(.plain, 64), Layer(.scaling, 128), Layer(.plain, 64), Layer(.plain, 32),
        ]
        /// Channels of the decoder's first layer, which widens the bottleneck.
        public var decoderChannels = 32
        /// The layers after that; a last scaling layer to `channels` is implied.
        public var decoder: [Layer] = [
            Layer(.plain, 64), Layer(.plain, 128), Layer(.scaling, 64), Layer(.plain, 64), Layer(.scaling, 32),
            Layer(.plain, 32), Layer(.scaling, 32), Layer(.scaling, 32),
        ]
        public var slope: Float = 0.2

        public init() {}

        /// Height and width before the bottleneck.
        var innerSize: Int { imageSize >> encoder.count { $0.kind == .scaling } }
    }

    public let configuration: Configuration

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// The reconstruction Ĩ of an image, both [N, channels, imageSize, imageSize] with values in [0, 1].
    ///
    /// Throws when the image has another shape or the layers do not halve and double the size equally often.
    public func callAsFunction(_ image: Tensor, in scope: Scope) throws -> Tensor {
        let size = configuration.imageSize
        guard image.rank == 4, image.shape.dims.dropFirst() == [configuration.channels, size, size] else {
            throw GraphError(
                "autoencoder", [image.shape], "the image must be [N, \(configuration.channels), \(size), \(size)]")
        }
        let halvings = configuration.encoder.count { $0.kind == .scaling }
        let doublings = configuration.decoder.count { $0.kind == .scaling } + 1
        guard halvings == doublings, configuration.innerSize << halvings == size, configuration.innerSize >= 1 else {
            throw GraphError(
                "autoencoder", [image.shape],
                "\(halvings) halvings and \(doublings) doublings do not lead from \(size) pixels and back")
        }
        return try decode(encode(image, in: scope["encoder"]), in: scope["decoder"])
    }

    private func encode(_ image: Tensor, in scope: Scope) throws -> Tensor {
        var x = image
        for (index, layer) in configuration.encoder.enumerated() {
            let isScaling = layer.kind == .scaling
            let y = try scope[index].convolution(
                x, channels: layer.channels, kernel: isScaling ? 4 : 3, stride: isScaling ? 2 : 1, padding: 1,
                slope: configuration.slope)
            x = try leakyReLU(y, slope: configuration.slope)
        }
        return try scope[configuration.encoder.count].convolution(
            x, channels: configuration.latentSize, kernel: configuration.innerSize, slope: 1)
    }

    private func decode(_ latent: Tensor, in scope: Scope) throws -> Tensor {
        var x = try leakyReLU(
            scope[0].transposedConvolution(
                latent, channels: configuration.decoderChannels, kernel: configuration.innerSize,
                slope: configuration.slope),
            slope: configuration.slope)
        for (index, layer) in configuration.decoder.enumerated() {
            let inner = scope[index + 1]
            let y =
                layer.kind == .scaling
                ? try inner.transposedConvolution(
                    x, channels: layer.channels, kernel: 4, stride: 2, padding: 1, slope: configuration.slope)
                : try inner.convolution(
                    x, channels: layer.channels, kernel: 3, padding: 1, slope: configuration.slope)
            x = try leakyReLU(y, slope: configuration.slope)
        }
        return try sigmoid(
            scope[configuration.decoder.count + 1].transposedConvolution(
                x, channels: configuration.channels, kernel: 4, stride: 2, padding: 1, slope: 1))
    }
}
