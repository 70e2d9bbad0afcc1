import MetaformerEngine
import MetaformerGraph
import MetaformerModels

/// A threshold that images have set.
public struct Threshold: Sendable, Hashable {
    public let value: Float
    /// "conformal": the stated rate holds whatever the scores' distribution; "extrapolated": too few scores for that; "best F1":
    /// of good and defective images.
    public let rule: String
    /// nil where it was not set by one.
    public let falseAlarmRate: Float?
    public let scoreCount: Int

    /// The score that a good image exceeds with probability `falseAlarmRate`, from scores of good images that were not adapted.
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

    /// What a model that knows a product holds; throws where it does not.
    init(of model: Model) throws {
        guard let value = model[setting: "threshold"].flatMap(Float.init) else {
            throw InspectionError("the model knows no product yet")
        }
        self.value = value
        rule = model[setting: "threshold.rule"] ?? ""
        falseAlarmRate = model[setting: "threshold.false_alarm_rate"].flatMap(Float.init)
        scoreCount = model[setting: "threshold.scores"].flatMap(Int.init) ?? 0
    }

    /// The keys of all settings of a threshold.
    static let keys = [
        "threshold", "threshold.rule", "threshold.false_alarm_rate", "threshold.scores", "threshold.from",
    ]

    /// As a model file holds it.
    public var settings: [String: String] {
        var settings = ["threshold": "\(value)", "threshold.rule": rule, "threshold.scores": "\(scoreCount)"]
        settings["threshold.false_alarm_rate"] = falseAlarmRate.map { "\($0)" }
        return settings
    }
}
