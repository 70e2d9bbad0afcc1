import MetaformerGraph

/// Multi-scale gradient magnitude similarity (Xue et al., "Gradient magnitude similarity deviation", 2014; over scales as in
/// Zavrtanik et al., "Reconstruction by inpainting for visual anomaly detection", 2021): where the edges of two grey images
/// are equally strong. What only brightens or darkens a surface does not change it.
public struct GradientSimilarity: Hashable, Sendable, Codable {
    /// Keeps the quotient of two flat images at one, for values in [0, 1].
    public var stabilizer: Float = 0.0026
    /// Each has half the rows and columns of the one before.
    public var scales = 4

    public init() {}

    /// The similarity of each position in (0, 1], averaged over the scales: images [N, C, H, W], grey or red, green and blue,
    /// → [N, 1, H, W].
    ///
    /// Throws when the images have different shapes, or fewer than two rows or columns at the coarsest scale.
    public func map(_ x: Tensor, _ y: Tensor) throws -> Tensor {
        guard x.shape == y.shape, x.rank == 4, min(x.shape[2], x.shape[3]) >> (scales - 1) >= 2 else {
            throw GraphError(
                "gradient similarity", [x.shape, y.shape],
                "compares two [N, C, H, W] of one shape, of \(2 << (scales - 1)) rows and columns at least")
        }
        var (x, y) = (try grey(x), try grey(y))
        let (height, width) = (x.shape[2], x.shape[3])
        var sum: Tensor?
        for scale in 0..<scales {
            if scale > 0 { (x, y) = (try averagePool(x, kernel: 2), try averagePool(y, kernel: 2)) }
            let similarity = try resizeBilinear(similarity(x, y), height: height, width: width)
            sum = try sum.map { try $0 + similarity } ?? similarity
        }
        guard let sum else { throw GraphError("gradient similarity", [x.shape], "has no scales") }
        return try sum / Float(scales)
    }

    /// At one scale: (2 g h + c) / (g² + h² + c), g and h being the magnitudes of the gradients.
    private func similarity(_ x: Tensor, _ y: Tensor) throws -> Tensor {
        let (gx, gy) = (try squaredMagnitude(x), try squaredMagnitude(y))
        return try (2 * sqrt(gx * gy) + stabilizer) / (gx + gy + stabilizer)
    }

    /// Of Prewitt's gradient, with mirrored edges.
    private func squaredMagnitude(_ image: Tensor) throws -> Tensor {
        let across: [Float] = [1, 0, -1, 1, 0, -1, 1, 0, -1]
        let down: [Float] = [1, 1, 1, 0, 0, 0, -1, -1, -1]
        let taps = try image.graph.constant((across + down).map { $0 / 3 }, [2, 1, 3, 3])
        return try square(conv2d(image.reflectPad(1), taps)).sum(axes: [1], keepDims: true)
    }

    private func grey(_ image: Tensor) throws -> Tensor {
        image.shape[1] == 3 ? try luminance(image) : try image.mean(axes: [1], keepDims: true)
    }
}

/// The grey image [N, 1, H, W] of one in red, green and blue, [N, 3, H, W].
func luminance(_ image: Tensor) throws -> Tensor {
    let weights = try image.graph.constant([0.2989, 0.5870, 0.1140], [3, 1, 1])
    return try (image * weights).sum(axes: [1], keepDims: true)
}
