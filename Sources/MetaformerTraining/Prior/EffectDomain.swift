import Foundation
import MetaformerData
import MetaformerModels

/// Where the images that carry the effect come from: domain B, unpaired with the inputs.
public enum EffectDomain: Sendable {
    /// Photos that carry the effect.
    case photos([URL])
    /// Photos and foreground masks, of which the effect is composed.
    case masks([(image: URL, mask: URL)])
    /// Photos alone, whose foreground a rule finds by a heuristic: needs neither masks nor effect photos.
    case byHeuristic([URL], ForegroundHeuristic)

    var count: Int {
        switch self {
        case .photos(let urls), .byHeuristic(let urls, _): urls.count
        case .masks(let pairs): pairs.count
        }
    }

    /// Whether the foreground of its photos is known, or found by a heuristic.
    var hasMasks: Bool {
        if case .photos = self { false } else { true }
    }

    /// The image of a number, [3, size, size].
    func image(_ index: Int, size: Int, effect: EffectComposer) throws -> [Float] {
        if case .photos(let urls) = self { return try ImageReader().planes(urls[index], channels: 3, size: size) }
        let (image, mask) = try masked(index, size: size)
        return try effect.composed(image, mask: mask)
    }

    /// The photo of a number without the effect, [3, size, size], and its foreground, [1, size, size].
    func masked(_ index: Int, size: Int) throws -> (image: [Float], mask: [Float]) {
        let reader = ImageReader()
        switch self {
        case .photos: throw TrainingError("the foreground of photos that carry the effect is not known")
        case .masks(let pairs):
            return (
                try reader.planes(pairs[index].image, channels: 3, size: size),
                try reader.planes(pairs[index].mask, channels: 1, size: size)
            )
        case .byHeuristic(let urls, let rule):
            let planes = try reader.planes(urls[index], channels: 3, size: size)
            return (planes, rule.mask(of: planes, size: size))
        }
    }
}
