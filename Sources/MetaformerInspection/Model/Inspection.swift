import MetaformerEngine

/// What an inspection found.
public struct Inspection: Sendable {
    /// A connected region (8-connectivity) of the frame where the map is above the threshold.
    public struct Region: Sendable, Hashable, Codable {
        /// The bounding box, pixels of the frame.
        public let x: Int
        public let y: Int
        public let width: Int
        public let height: Int
        /// Pixels of the frame.
        public let area: Int
        /// The map's highest value in it.
        public let peak: Float
    }

    /// Why a frame does not show the product, as the good frames did.
    public enum Unlikeness: String, Sendable, Hashable, Codable, CaseIterable {
        /// Darker than any of them: no light, say.
        case dark
        /// Brighter: too much of it.
        case bright
        /// Without their contrast: nothing is there.
        case flat
        /// Without their sharpness: out of focus.
        case blurred
        /// The map is high over more than half of it: something else.
        case different

        fileprivate var code: mf_unlike {
            switch self {
            case .dark: MF_UNLIKE_DARK
            case .bright: MF_UNLIKE_BRIGHT
            case .flat: MF_UNLIKE_FLAT
            case .blurred: MF_UNLIKE_BLURRED
            case .different: MF_UNLIKE_DIFFERENT
            }
        }

        static func of(_ reasons: UInt32) -> [Unlikeness] { allCases.filter { reasons & $0.code.rawValue != 0 } }
    }

    /// The map's highest value, or the mean of its highest where the model says so: the higher, the less like the good images.
    public let score: Float
    public let threshold: Float
    /// The highest peak first, 64 at most.
    public let regions: [Region]
    public let seconds: Double
    /// The anomaly map at the frame's size, rows from top to bottom; empty where it was not asked for.
    public let map: [Float]
    /// Why the frame does not show the product; empty where it does, or the model's file does not say how to tell.
    public let unlikeness: [Unlikeness]

    /// Whether the frame does not show the product: whatever its score, nothing is known of one.
    public var isUnlikeTaught: Bool { !unlikeness.isEmpty }
    public var isAnomalous: Bool { score > threshold || isUnlikeTaught }
}
