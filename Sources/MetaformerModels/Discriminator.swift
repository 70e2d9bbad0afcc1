import MetaformerGraph

/// The critic of the visual-effect GAN: how much an image looks like one that carries the effect.
///
/// 4 × 4 convolutions of stride 2 that double the channels each time, LeakyReLU, instance normalisation from the second
/// on; then a convolution of up to 7 × 7 without padding to one value, averaged over places.
public struct Discriminator: Hashable, Sendable {
    public struct Configuration: Hashable, Sendable, Codable {
        public var channels = 3
        /// Channels of the first layer.
        public var width: Int
        public var layers: Int

        public init(width: Int, layers: Int = 5) {
            self.width = width
            self.layers = layers
        }

        /// The published size: 64 to 1024 channels.
        public static let paper = Configuration(width: 64)
        public static let compact = Configuration(width: 24)
    }

    public let configuration: Configuration

    public init(_ configuration: Configuration = .compact) { self.configuration = configuration }

    /// A value [N] for each image [N, channels, H, W].
    ///
    /// Throws when the image has other channels or is too small to be halved so often.
    public func callAsFunction(_ image: Tensor, in scope: Scope) throws -> Tensor {
        guard image.rank == 4, image.shape[1] == configuration.channels,
            min(image.shape[2], image.shape[3]) >> configuration.layers >= 1
        else {
            throw GraphError(
                "discriminator", [image.shape],
                "the image must be [N, \(configuration.channels), H, W], halved \(configuration.layers) times")
        }
        var x = image
        for index in 0..<configuration.layers {
            let layer = scope["layers"][index]
            x = try layer.convolution(
                x, channels: configuration.width << index, kernel: 4, stride: 2, padding: 1, hasBias: index == 0)
            if index > 0 { x = try layer["norm"].instanceNormalization(x) }
            x = try leakyReLU(x, slope: 0.2)
        }
        let kernel = min(7, x.shape[2], x.shape[3])
        return try scope["head"].convolution(x, channels: 1, kernel: kernel).mean(axes: [1, 2, 3])
    }
}
