import MetaformerGraph

/// The instance prior P: the generator of the visual-effect GAN, whose response map R says where the object is.
///
/// A residual encoder-decoder with reflected edges, instance normalisation and two skips of 1 × 1 convolutions. It may
/// work on a smaller image than it is given.
public struct InstancePrior: Hashable, Sendable {
    public struct Configuration: Hashable, Sendable, Codable {
        /// Channels of the image.
        public var channels = 3
        /// Channels at full scale; twice as many at half and four times at a quarter.
        public var width: Int
        /// Residual blocks at a quarter of the scale.
        public var blocks: Int
        /// Height and width at which the network works; the image's own where nil.
        public var workingSize: Int?

        public init(channels: Int = 3, width: Int, blocks: Int, workingSize: Int? = nil) {
            self.channels = channels
            self.width = width
            self.blocks = blocks
            self.workingSize = workingSize
        }

        /// The published size: near 90 GFLOP at 256 × 256.
        public static let paper = Configuration(width: 64, blocks: 9)
        /// For inspection PCs: under 4 GFLOP.
        public static let compact = Configuration(width: 16, blocks: 3, workingSize: 128)
    }

    public let configuration: Configuration

    public init(_ configuration: Configuration = .compact) { self.configuration = configuration }

    /// The response map R [N, 1, H, W] in [0, 1] of an image [N, channels, H, W].
    ///
    /// Throws when the image has another number of channels, or the working size is not a multiple of 4.
    public func callAsFunction(_ image: Tensor, in scope: Scope) throws -> Tensor {
        guard image.rank == 4, image.shape[1] == configuration.channels else {
            throw GraphError("instance prior", [image.shape], "the image must be [N, \(configuration.channels), H, W]")
        }
        let (height, width) = (image.shape[2], image.shape[3])
        let small = try downsampled(image)
        guard small.shape[2] % 4 == 0, small.shape[3] % 4 == 0 else {
            throw GraphError("instance prior", [small.shape], "the network works on multiples of 4 rows and columns")
        }
        let response = try 0.5 * tanh(generate(small, in: scope)) + 0.5
        return small.shape == image.shape ? response : try resizeBilinear(response, height: height, width: width)
    }

    /// By whole areas where the size divides the image's, otherwise bilinearly.
    private func downsampled(_ image: Tensor) throws -> Tensor {
        guard let size = configuration.workingSize, image.shape[2] != size || image.shape[3] != size else {
            return image
        }
        let factor = image.shape[2] / max(size, 1)
        if factor > 1, image.shape[2] == factor * size, image.shape[3] == factor * size {
            return try averagePool(image, kernel: factor)
        }
        return try resizeBilinear(image, height: size, width: size)
    }

    /// The generator before its tanh.
    private func generate(_ image: Tensor, in scope: Scope) throws -> Tensor {
        let width = configuration.width
        let full = try unit(image.reflectPad(3), width, kernel: 7, in: scope["encoder"][0])
        let half = try unit(full, 2 * width, kernel: 3, stride: 2, padding: 1, in: scope["encoder"][1])
        var x = try unit(half, 4 * width, kernel: 3, stride: 2, padding: 1, in: scope["encoder"][2])
        for index in 0..<configuration.blocks { x = try block(x, in: scope["blocks"][index]) }

        let decoder = scope["decoder"]
        x = try unit(x, 2 * width, kernel: 3, padding: 1, in: decoder[0])
        x = try joined(x, half, channels: 2 * width, in: decoder["skip"][0])
        x = try unit(x, width, kernel: 3, padding: 1, in: decoder[1])
        x = try joined(x, full, channels: width, in: decoder["skip"][1])
        return try decoder[2].convolution(x.reflectPad(3), channels: 1, kernel: 7)
    }

    /// Convolution, instance normalisation and ReLU. The normalisation has an offset: a bias before it has no effect.
    private func unit(
        _ x: Tensor, _ channels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, in scope: Scope
    ) throws -> Tensor {
        let y = try scope.convolution(
            x, channels: channels, kernel: kernel, stride: stride, padding: padding, hasBias: false)
        return try relu(scope["norm"].instanceNormalization(y))
    }

    private func block(_ x: Tensor, in scope: Scope) throws -> Tensor {
        let channels = 4 * configuration.width
        let y = try unit(x.reflectPad(1), channels, kernel: 3, in: scope[0])
        let z = try scope[1].convolution(y.reflectPad(1), channels: channels, kernel: 3, hasBias: false)
        return try x + scope[1]["norm"].instanceNormalization(z)
    }

    /// Twice the size, beside a 1 × 1 convolution of the encoder's features of that size.
    private func joined(_ x: Tensor, _ features: Tensor, channels: Int, in scope: Scope) throws -> Tensor {
        let larger = try resizeBilinear(x, height: features.shape[2], width: features.shape[3])
        return try concatenate([larger, scope.convolution(features, channels: channels, kernel: 1)], axis: 1)
    }
}
