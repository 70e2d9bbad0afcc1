import MetaformerEngine
import MetaformerGraph

/// A threshold that good images alone have set.
public struct Threshold: Sendable, Hashable {
    public let value: Float
    /// "conformal": the stated rate holds whatever the scores' distribution; "extrapolated": too few scores for that.
    public let rule: String
    public let falseAlarmRate: Float
    public let scoreCount: Int

    /// The score that a good image exceeds with probability `falseAlarmRate`, from scores of good images that were not taught.
    ///
    /// - Throws: where there are none, one is not finite, or the rate is not in (0, 0.5].
    public init(goodScores: [Float], falseAlarmRate: Float) throws {
        var value: Float = 0
        var rule: UnsafePointer<CChar>?
        try EngineError.check { error in
            mf_threshold_fit(goodScores, goodScores.count, Double(falseAlarmRate), &value, &rule, error)
        }
        self.value = value
        self.rule = rule.map { String(cString: $0) } ?? ""
        self.falseAlarmRate = falseAlarmRate
        scoreCount = goodScores.count
    }

    /// As a model file holds it.
    public var settings: [String: String] {
        [
            "threshold": "\(value)", "threshold.rule": rule, "threshold.false_alarm_rate": "\(falseAlarmRate)",
            "threshold.scores": "\(scoreCount)",
        ]
    }
}
