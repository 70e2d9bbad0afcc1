import MetaformerData
import MetaformerInspection

/// How many good images a product is adapted to.
public enum Shots: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    case count(Int)
    case all

    /// "all", or a number from 1.
    public init?(_ text: String) {
        if text == "all" {
            self = .all
        } else if let count = Int(text), count >= 1 {
            self = .count(count)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .count(let count): "\(count)"
        case .all: "all"
        }
    }

    public static func < (a: Shots, b: Shots) -> Bool {
        switch (a, b) {
        case (.count(let a), .count(let b)): a < b
        case (.count, .all): true
        case (.all, _): false
        }
    }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let shots = Shots(text) else { throw EvaluationError("\(text): no number of shots") }
        self = shots
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The smallest thing that is measured: one model, adapted once in one way, and tested.
public struct EvaluationUnit: Hashable, Sendable, Codable {
    public let method: String
    public let category: String
    public let shots: Shots
    public let seed: UInt64

    public init(method: String, category: String, shots: Shots, seed: UInt64) {
        self.method = method
        self.category = category
        self.shots = shots
        self.seed = seed
    }

    /// A name that can be a folder's.
    public var folderName: String {
        let plain = "\(method)-\(category)-\(shots)-\(seed)"
        return String(plain.map { $0.isLetter || $0.isNumber || "+-_.".contains($0) ? $0 : "_" })
    }
}

/// The score of one test image.
public struct ImageScore: Sendable, Codable, Equatable {
    /// Within the data set.
    public let path: String
    /// "good" or the kind of defect.
    public let label: String
    public let isDefective: Bool
    public let score: Float
}

/// What was measured of one unit.
public struct UnitResult: Sendable, Codable, Equatable {
    public let unit: EvaluationUnit
    /// What the figures depend on beside the unit: a digest of model, settings and data. A result of another one is not used.
    public let provenance: String
    public let trainingCount: Int
    public let goodCount: Int
    public let defectiveCount: Int
    /// Defective images without a mask, which are left out of `pixels`.
    public let withoutMaskCount: Int
    public let images: Classification
    /// nil where no defective image has a mask.
    public let pixels: Localization?
    public let proLimit: Double
    /// The threshold of verdicts, set from good images alone, and how it was found.
    public let threshold: Float
    public let thresholdRule: String
    public let adaptationSeconds: Double
    /// The mean of all test images, reading files left out.
    public let inspectionMilliseconds: Double
    public let scores: [ImageScore]
    /// Corners of the pixel curves, thinned: false-positive rate, true-positive rate, region overlap.
    public let curve: [[Double]]
    /// Images and masks that could not be used, each with the reason: they are in no figure.
    public var unreadable: [String]?

    /// The verdict on a score: defective above the threshold.
    public func isWrong(_ score: ImageScore) -> Bool { (score.score > threshold) != score.isDefective }

    /// The share of good images that the threshold rejects.
    public var falseAlarmRate: Double { share { !$0.isDefective } }
    /// The share of defective images that it finds.
    public var detectionRate: Double { share { $0.isDefective } }

    private func share(_ isOf: (ImageScore) -> Bool) -> Double {
        let chosen = scores.filter(isOf)
        return chosen.isEmpty ? .nan : Double(chosen.count { $0.score > threshold }) / Double(chosen.count)
    }
}

extension UnitResult {
    /// Corners of a curve, without those that lie within 1/500 of the one before.
    static func thinned(_ points: [CurvePoint]) -> [[Double]] {
        var kept: [[Double]] = []
        for (index, point) in points.enumerated() {
            let corner = [point.falsePositiveRate, point.truePositiveRate, point.regionOverlap]
            let distance = kept.last.map { zip($0, corner).map { abs($0 - $1) }.reduce(0, +) } ?? 1
            if distance >= 0.002 || index == points.count - 1 { kept.append(corner) }
        }
        return kept
    }
}
