/// Batch normalisation with frozen statistics: x [N, C, H, W], the others [C].
/// y = weight · (x − mean) / √(variance + ε) + bias, as one multiplication and one addition a channel; over constants a
/// pass moves the multiplication into the kernel of a preceding convolution.
public func batchNorm(
    _ x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, epsilon: Float = 1e-5
) throws -> Tensor {
    let parameters = [mean, variance, weight, bias]
    guard x.rank == 4, parameters.allSatisfy({ $0.shape == [x.shape[1]] }) else {
        throw GraphError(
            "batch norm", [x.shape] + parameters.map(\.shape), "x is [N, C, H, W] and every parameter [C]")
    }
    let channels: Shape = [x.shape[1], 1, 1]
    let scale = try weight / sqrt(variance + epsilon)
    let shift = try bias - mean * scale
    return try x * scale.reshape(to: channels) + shift.reshape(to: channels)
}
