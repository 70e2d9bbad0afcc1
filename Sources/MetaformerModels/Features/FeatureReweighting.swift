import MetaformerGraph

/// T of the target `features`: weighs the gap at each place by what lies around it, R' = exp(λ h).
///
/// h is made by 3 × 3 convolutions of the logarithms of the groups' gaps, and of P's response. It is meta-learned through the
/// closed form of A, and starts at R' = 1.
public struct FeatureReweighting: Hashable, Sendable {
    public struct Configuration: Hashable, Sendable, Codable {
        /// Channels of the two inner layers.
        public var width = 16
        /// λ: tasks from photographs vary less than products do, so that what is learned of them is believed in part.
        public var bound: Float = 0.2
        /// Whether P's response is among the inputs.
        public var usesResponse = false

        public init() {}
    }

    public let configuration: Configuration

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// R' [1, 1, h, w] of the gaps of all groups and of the response, each [1, 1, h, w].
    ///
    /// Throws when the response is missing and needed, or a shape does not fit.
    public func callAsFunction(gaps: [Tensor], response: Tensor?, in scope: Scope) throws -> Tensor {
        var inputs = try gaps.map { try log($0 + 1e-6) }
        if configuration.usesResponse {
            guard let response else { throw GraphError("re-weighting", gaps.map(\.shape), "needs P's response") }
            inputs.append(response)
        }
        var x = try concatenate(inputs, axis: 1)
        for layer in 0..<2 {
            x = try relu(scope[layer].convolution(x.reflectPad(1), channels: configuration.width, kernel: 3))
        }
        let last = scope[2]
        let weight = try last.parameter("weight", [1, configuration.width, 3, 3], .zeros)
        let h = try conv2d(x.reflectPad(1), weight, bias: last.parameter("bias", [1], .zeros))
        return try exp(configuration.bound * h)
    }
}
