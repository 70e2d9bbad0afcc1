import MetaformerEngine

/// How well image scores tell defective images from good ones. Exact, ties included.
public struct Classification: Sendable, Equatable, Codable {
    /// The chance that a defective image scores higher than a good one, a tie counting half.
    public let auroc: Double
    /// Precision, averaged over recall: the sum of precision times gain in recall over the distinct scores.
    public let averagePrecision: Double
    /// The highest F1 that any threshold reaches.
    public let bestF1: Double
    /// The highest threshold that reaches it; scores at or above it count as defective.
    public let bestThreshold: Float

    init(auroc: Double, averagePrecision: Double, bestF1: Double, bestThreshold: Float) {
        self.auroc = auroc
        self.averagePrecision = averagePrecision
        self.bestF1 = bestF1
        self.bestThreshold = bestThreshold
    }

    /// Measures scores.
    ///
    /// - Parameters:
    ///   - scores: the higher, the more defective.
    ///   - isDefective: what is known of each score's image.
    /// - Throws: where the counts differ, a score is not finite, or one of the two kinds is missing.
    public init(scores: [Float], isDefective: [Bool]) throws(MetricError) {
        guard scores.count == isDefective.count else {
            throw MetricError(MF_E_INVALID, "\(scores.count) scores, but \(isDefective.count) labels")
        }
        var result = mf_classification()
        result.struct_size = MemoryLayout<mf_classification>.size
        try MetricError.check { error in
            mf_classify(scores, isDefective.map { $0 ? 1 : 0 }, scores.count, nil, &result, error)
        }
        self.init(
            auroc: result.auroc, averagePrecision: result.average_precision, bestF1: result.best_f1,
            bestThreshold: result.best_threshold)
    }
}
