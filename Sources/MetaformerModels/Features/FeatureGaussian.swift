import MetaformerGraph

/// The features of good images at each place of a grid: their mean there, and the covariance of what is left. It is A of the target
/// `features`, adapted in closed form.
///
/// The gap of an image to it is Mahalanobis' squared distance. That is the error of the ridge-regularised linear autoencoder in
/// whitened space, φ̂ = μ + S (S + σ²I)⁻¹ (φ − μ), whose parameters are the exact solution of the inner problem that Eq. 6 takes a
/// gradient step of. All of it comes from sums over images, so images can be added, or left out, at any time.
///
/// Parameters, for C channels on a grid of h × w places: sums "count" [1, 1, h, w], "sum" [1, C, h, w] and "products" [C, C], and
/// what is made of them, "mean" [1, C, h, w] and "whitening" [C, C].
public struct FeatureGaussian: Hashable, Sendable {
    /// [1, C, h, w]
    public let shape: Shape
    /// How far the correlations of the channels are drawn to independence, in [0, 1].
    public let shrinkage: Float
    /// Standard deviation, in places, of the Gaussian that smooths the mean.
    public let smoothing: Float

    /// The least variance of a channel, in units where that of photographs is 1, and in relation to its mean square; the least of
    /// a direction, where channels have a variance of 1. Images that are all alike say nothing of how others vary, and what
    /// rounding leaves of their sums is not taken for variance.
    static let leastVariance: Float = 1e-4
    static let leastRelativeVariance: Float = 1e-2
    static let leastEigenvalue: Float = 1e-3
    /// Sums in single precision leave errors of the covariance in proportion to a channel's mean square: this, times the squared
    /// ratio of that to its variance, is more than they were seen to be for frames of one colour.
    static let rounding: Float = 2e-6

    private var channels: Int { shape[1] }
    private var places: Int { shape[2] * shape[3] }

    /// The sums, in `scope`, with an image's features [1, C, h, w] added where `inside` [1, 1, h, w] is 1.
    func observe(_ features: Tensor, inside: Tensor, in scope: Scope) throws -> [(name: String, tensor: Tensor)] {
        let sums = try Sums(self, in: scope)
        let seen = try (features * inside).reshape(to: [channels, places])
        let added = [
            try sums.count + inside, try sums.sum + seen.reshape(to: shape),
            try sums.products + matmul(seen, seen, transposeB: true),
        ]
        return zip(sums.names, added).map { (name: $0, tensor: $1) }
    }

    /// Mean and whitening, in `scope`, as the sums in a scope of theirs have them.
    func fit(sums scopeOfSums: Scope, in scope: Scope) throws -> [(name: String, tensor: Tensor)] {
        let sums = try Sums(self, in: scopeOfSums)
        let graph = scope.graph
        let total = try maximum(sums.count.sum(), graph.constant(1))
        let mean = try sums.sum.sum(axes: [2, 3], keepDims: true) / total
        // Where nothing was observed nearby, the mean of everywhere.
        let trace: Float = 1e-3
        let near = { (x: Tensor) in try AnomalyMap.smoothed(x, places: smoothing) }
        let local = try (near(sums.sum) + trace * mean) / (near(sums.count) + trace)

        let flat = { (x: Tensor) in try x.reshape(to: [channels, x.shape.count / channels]) }
        let ones = (0..<channels * channels).map { $0 % (channels + 1) == 0 ? Float(1) : 0 }
        let identity = try graph.constant(ones, [channels, channels])
        let average = try flat(mean)
        let whole = try sums.products / total - matmul(average, average, transposeB: true)
        let diagonal = { (x: Tensor) in try (x * identity).sum(axes: [1], keepDims: true) }
        let meanSquare = try diagonal(sums.products / total)
        let least = try maximum(
            FeatureGaussian.leastRelativeVariance * meanSquare, graph.constant(FeatureGaussian.leastVariance))
        let deviation = try sqrt(maximum(diagonal(whole), least))
        let rounding = try FeatureGaussian.rounding * square(meanSquare / square(deviation)).mean()

        // Σ (φ − μ)(φ − μ)ᵀ, opened up.
        let cross = try matmul(flat(sums.sum), flat(local), transposeB: true)
        let means = try matmul(flat(local * sums.count), flat(local), transposeB: true)
        let residual = try (sums.products - cross - cross.transpose([1, 0]) + means) / total
        // The mean at a place is partly made of what is measured against it there: as if that were left out.
        let own = try ownWeight / maximum(sums.count.max(), graph.constant(1))
        let corrected = try residual / square(1 - own)

        let correlation = try corrected / matmul(deviation, deviation, transposeB: true)
        let shared = try (correlation * identity).sum() * (shrinkage / Float(channels))
        let level = try shared + FeatureGaussian.leastEigenvalue + rounding
        let factor = try cholesky((1 - shrinkage) * correlation + level * identity)
        let whitening = try triangularSolve(factor, identity) / deviation.transpose([1, 0])
        let fitted = try Fitted(self, in: scope)
        return zip(fitted.names, [local, whitening]).map { (name: $0, tensor: $1) }
    }

    /// Squared distances [1, 1, h, w] of features [1, C, h, w]; of good images they are near 1 in the mean.
    func distances(_ features: Tensor, in scope: Scope) throws -> Tensor {
        let fitted = try Fitted(self, in: scope)
        let gap = try (features - fitted.mean).reshape(to: [channels, places])
        let distances = try square(matmul(fitted.whitening, gap)).mean(axes: [0])
        return try distances.reshape(to: [1, 1, shape[2], shape[3]])
    }

    /// The weight of a place in its own smoothed mean.
    private var ownWeight: Float {
        let radius = AnomalyMap.smoothingRadius(shape, places: smoothing)
        guard radius > 0 else { return 0 }
        let middle = gaussianTaps(count: 2 * radius + 1, sigma: smoothing)[radius]
        return middle * middle
    }
}

/// The parameters that images are added to.
private struct Sums {
    let names: [String]
    let count: Tensor
    let sum: Tensor
    let products: Tensor

    init(_ gaussian: FeatureGaussian, in scope: Scope) throws {
        let shape = gaussian.shape
        names = ["count", "sum", "products"].map { scope[$0].path }
        count = try scope.parameter("count", [1, 1, shape[2], shape[3]], .zeros)
        sum = try scope.parameter("sum", shape, .zeros)
        products = try scope.parameter("products", [shape[1], shape[1]], .zeros)
    }
}

/// The parameters that the sums are made into.
private struct Fitted {
    let names: [String]
    let mean: Tensor
    let whitening: Tensor

    init(_ gaussian: FeatureGaussian, in scope: Scope) throws {
        names = ["mean", "whitening"].map { scope[$0].path }
        mean = try scope.parameter("mean", gaussian.shape, .zeros)
        whitening = try scope.parameter("whitening", [gaussian.shape[1], gaussian.shape[1]], .zeros)
    }
}
