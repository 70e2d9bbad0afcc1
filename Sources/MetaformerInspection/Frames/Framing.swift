import MetaformerEngine

/// How an image of any size comes to a model's input of fixed size.
public enum Framing: String, Sendable, CaseIterable {
    /// Scaled to the input's width and height.
    case stretch
    /// Scaled with its aspect kept; what it leaves of the input counts for nothing.
    case letterbox
    /// At its own scale in many overlapping tiles, whose maps are blended.
    case tile

    var code: mf_framing {
        switch self {
        case .stretch: MF_FRAMING_STRETCH
        case .letterbox: MF_FRAMING_LETTERBOX
        case .tile: MF_FRAMING_TILE
        }
    }
}
