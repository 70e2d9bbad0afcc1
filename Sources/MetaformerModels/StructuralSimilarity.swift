import MetaformerGraph

/// Structural similarity (Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004)
/// in Gaussian windows without padding, each channel by itself, of images with values in [0, 1].
public struct StructuralSimilarity: Hashable, Sendable, Codable {
    public var windowSize = 11
    public var sigma: Float = 1.5
    /// (K₁ L)² with K₁ = 0.01, L = 1.
    public var c1: Float = 1e-4
    /// (K₂ L)² with K₂ = 0.03, L = 1.
    public var c2: Float = 9e-4

    public init() {}

    /// The similarity of each window, in [−1, 1]: images [N, C, H, W] → [N, C, H − 10, W − 10].
    ///
    /// Throws when the images have different shapes or are smaller than the window.
    public func map(_ x: Tensor, _ y: Tensor) throws -> Tensor {
        guard x.shape == y.shape, x.rank == 4 else {
            throw GraphError("structural similarity", [x.shape, y.shape], "compares two [N, C, H, W] of one shape")
        }
        let (meanX, meanY) = try (filter(x), filter(y))
        let (squareX, squareY, product) = try (square(meanX), square(meanY), meanX * meanY)
        let varianceX = try filter(square(x)) - squareX
        let varianceY = try filter(square(y)) - squareY
        let covariance = try filter(x * y) - product
        let numerator = try (2 * product + c1) * (2 * covariance + c2)
        return try numerator / ((squareX + squareY + c1) * (varianceX + varianceY + c2))
    }

    private func filter(_ x: Tensor) throws -> Tensor { try gaussianFilter(x, taps: windowSize, sigma: sigma) }
}
