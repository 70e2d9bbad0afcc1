/// The similarity of Eq. 1: the universal quality index (Wang and Bovik, 2002) of two whole images, without windows.
///
///     ssim(x, y) = (4 μx μy σxy + ε) / ((μx² + μy²)(σx² + σy²) + ε)
public struct StructuralQuality: Sendable {
    /// ε keeps flat or black images apart from a division by zero.
    public var epsilon = 1e-8

    public init() {}

    /// In [−1, 1]; 1 for equal images. Both hold as many values.
    public func callAsFunction(_ x: [Float], _ y: [Float]) -> Double {
        precondition(x.count == y.count && !x.isEmpty)
        let count = Double(x.count)
        let meanX = x.reduce(0) { $0 + Double($1) } / count
        let meanY = y.reduce(0) { $0 + Double($1) } / count
        var (varianceX, varianceY, covariance) = (0.0, 0.0, 0.0)
        for (a, b) in zip(x, y) {
            let (dx, dy) = (Double(a) - meanX, Double(b) - meanY)
            varianceX += dx * dx
            varianceY += dy * dy
            covariance += dx * dy
        }
        return (4 * meanX * meanY * covariance / count + epsilon)
            / ((meanX * meanX + meanY * meanY) * (varianceX + varianceY) / count + epsilon)
    }
}
