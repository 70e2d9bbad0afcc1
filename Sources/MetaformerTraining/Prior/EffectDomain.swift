import Foundation
import MetaformerData
import MetaformerModels

/// Where the images that carry the effect come from: domain B, unpaired with the inputs.
public enum EffectDomain: Sendable {
    /// Photos that carry the effect.
    case photos([URL])
    /// Photos and foreground masks, of which the effect is composed.
    case masks([(image: URL, mask: URL)])
    /// Photos whose dominant hue is kept: needs neither masks nor effect photos.
    case dominantHue([URL])

    var count: Int {
        switch self {
        case .photos(let urls), .dominantHue(let urls): urls.count
        case .masks(let pairs): pairs.count
        }
    }

    /// The photos whose foreground is known.
    var pairs: [(image: URL, mask: URL)] {
        if case .masks(let pairs) = self { pairs } else { [] }
    }

    /// The image of a number, [3, size, size].
    func image(_ index: Int, size: Int, effect: EffectComposer) throws -> [Float] {
        let reader = ImageReader()
        switch self {
        case .photos(let urls): return try reader.planes(urls[index], channels: 3, size: size)
        case .masks(let pairs):
            let mask = try reader.planes(pairs[index].mask, channels: 1, size: size)
            return try effect.composed(
                reader.planes(pairs[index].image, channels: 3, size: size), mask: mask)
        case .dominantHue(let urls):
            let planes = try reader.planes(urls[index], channels: 3, size: size)
            return try effect.composed(planes, mask: DominantHue().mask(of: planes))
        }
    }
}

/// What is of an image's commonest colour: a hue range that most of its saturated pixels are in.
public struct DominantHue: Sendable {
    /// The range on each side of the peak, in turns of the colour circle; it fades over as much again.
    public var reach: Float = 1 / 12
    /// Less saturated colours have no hue to speak of.
    public var minimumSaturation: Float = 0.15

    public init() {}

    /// Ones where the hue is kept, for planes [3, H, W]; all zeros for a grey image.
    public func mask(of planes: [Float]) -> [Float] {
        let count = planes.count / 3
        var histogram = [Float](repeating: 0, count: 36)
        let colours = (0..<count).map { index in
            DominantHue.hue(planes[index], planes[count + index], planes[2 * count + index])
        }
        for colour in colours where colour.saturation >= minimumSaturation {
            histogram[Int(colour.hue * 36) % 36] += colour.saturation
        }
        let smooth: [Float] = (0..<36).map { bin in
            let (before, after) = (histogram[(bin + 35) % 36], histogram[(bin + 1) % 36])
            return before + 2 * histogram[bin] + after
        }
        guard let peak = smooth.indices.max(by: { smooth[$0] < smooth[$1] }), smooth[peak] > 0 else {
            return [Float](repeating: 0, count: count)
        }
        let centre = (Float(peak) + 0.5) / 36
        return colours.map { colour in
            guard colour.saturation >= minimumSaturation else { return 0 }
            let difference = abs(colour.hue - centre)
            let distance = min(difference, 1 - difference)
            return min(max(2 - distance / reach, 0), 1)
        }
    }

    /// Hue in [0, 1), and saturation, as in HSV.
    static func hue(_ red: Float, _ green: Float, _ blue: Float) -> (hue: Float, saturation: Float) {
        let (high, low) = (max(red, green, blue), min(red, green, blue))
        let chroma = high - low
        guard chroma > 0 else { return (0, 0) }
        let sector: Float
        if high == red {
            sector = (green - blue) / chroma
        } else if high == green {
            sector = (blue - red) / chroma + 2
        } else {
            sector = (red - green) / chroma + 4
        }
        let hue = sector / 6
        return (hue < 0 ? hue + 1 : min(hue, 0.999_999), chroma / high)
    }
}
