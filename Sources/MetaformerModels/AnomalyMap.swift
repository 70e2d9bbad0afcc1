import MetaformerEngine
import MetaformerGraph

/// Maps of the difference between an image and its reconstruction.
public struct AnomalyMap: Hashable, Sendable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The squared error, averaged over the channels.
        case squaredError
        /// 1 − structural similarity, averaged over the channels; the border that the window leaves is mirrored.
        case dissimilarity
        /// Squared error + λ · dissimilarity: the training loss a pixel.
        case loss
        /// 1 − multi-scale gradient magnitude similarity.
        case gradient
    }

    /// What stands for a whole map.
    public enum Score: String, Sendable, Codable, CaseIterable {
        /// The highest value.
        case maximum
        /// The mean of the highest hundredth of the values.
        case highestHundredth = "mean of 1 %"

        /// The share of the values that are averaged; 0 for the highest alone.
        public var share: Double { self == .maximum ? 0 : 0.01 }

        /// The score of a map, as the engine gives it. Throws where there are no values.
        public func callAsFunction(_ map: [Float]) throws -> Float {
            var score: Float = 0
            try EngineError.check { error in mf_map_score(map, map.count, share, &score, error) }
            return score
        }
    }

    public var kind = Kind.loss
    public var loss = ReconstructionLoss()
    public var gradientSimilarity = GradientSimilarity()
    /// Standard deviation of the Gaussian that smooths the map, in pixels of an image of 256; 0 for none.
    public var smoothing: Float = 4
    /// Whether the map is measured against the good images' own error at each position, which adapting to a product learns.
    public var isNormalized = true
    public var score = Score.maximum

    public init() {}

    /// The map [N, 1, H, W] of a reconstruction and its image, both [N, C, H, W].
    ///
    /// Throws when the shapes differ or the images are smaller than the windows.
    public func callAsFunction(_ reconstruction: Tensor, _ image: Tensor) throws -> Tensor {
        try AnomalyMap.smoothed(difference(reconstruction, image), smoothing)
    }

    /// (map − mean) · gain, for the mean map of good images and one over its spread there: how far maps [N, 1, H, W] are from
    /// theirs. They are parameters "mean" and "gain", and leave the map as it is until the model is adapted.
    public func normalized(_ map: Tensor, in scope: Scope) throws -> Tensor {
        guard isNormalized else { return map }
        let shape = Shape([1] + map.shape.dims.dropFirst())
        return try (map - scope.parameter("mean", shape, .zeros)) * scope.parameter("gain", shape, .ones)
    }

    private func difference(_ reconstruction: Tensor, _ image: Tensor) throws -> Tensor {
        let error = { try square(reconstruction - image).mean(axes: [1], keepDims: true) }
        let dissimilarity = {
            let similarity = try loss.similarity.map(reconstruction, image).mean(axes: [1], keepDims: true)
            return try (1 - similarity).reflectPad(loss.similarity.windowSize / 2)
        }
        switch kind {
        case .squaredError: return try error()
        case .dissimilarity: return try dissimilarity()
        case .loss: return try error() + loss.weight * dissimilarity()
        case .gradient: return try 1 - gradientSimilarity.map(reconstruction, image)
        }
    }

    /// Settings that a file of an earlier version does not name are as they were before they could be chosen.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        kind = try values.decode(Kind.self, forKey: .kind)
        loss = try values.decode(ReconstructionLoss.self, forKey: .loss)
        smoothing = try values.decode(Float.self, forKey: .smoothing)
        isNormalized = try values.decode(Bool.self, forKey: .isNormalized)
        score = try values.decodeIfPresent(Score.self, forKey: .score) ?? .maximum
        gradientSimilarity =
            try values.decodeIfPresent(GradientSimilarity.self, forKey: .gradientSimilarity) ?? GradientSimilarity()
    }

    /// Filtered by a Gaussian of that deviation in pixels of an image of 256, with mirrored edges. The window reaches four
    /// deviations, as far as its limit lets it.
    static func smoothed(_ map: Tensor, _ smoothing: Float) throws -> Tensor {
        try smoothed(map, places: smoothing * Float(map.shape[2]) / 256)
    }

    /// How far that Gaussian reaches, in places of a map [N, C, H, W]; 0 where it leaves the map as it is.
    static func smoothingRadius(_ shape: Shape, places sigma: Float) -> Int {
        sigma > 0 ? min(Int(min((4 * sigma).rounded(.up), 31)), shape[2] - 1, shape[3] - 1) : 0
    }

    /// The same by a deviation in places of the map.
    static func smoothed(_ map: Tensor, places sigma: Float) throws -> Tensor {
        let radius = smoothingRadius(map.shape, places: sigma)
        guard radius > 0 else { return map }
        return try gaussianFilter(map.reflectPad(radius), taps: 2 * radius + 1, sigma: sigma)
    }
}
