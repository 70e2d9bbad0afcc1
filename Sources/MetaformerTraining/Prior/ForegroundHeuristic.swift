import Foundation

/// What of a photo is foreground, by its colours.
public enum ForegroundHeuristic: String, Sendable, CaseIterable {
    /// Colours that the middle has rather than the border.
    case centreSurround = "centre-surround"
    /// The commonest hue.
    case dominantHue = "dominant-hue"

    /// From zeros (ground) to ones, for planes [3, size, size].
    public func mask(of planes: [Float], size: Int) -> [Float] {
        switch self {
        case .centreSurround: CentreSurround().mask(of: planes, size: size)
        case .dominantHue: DominantHue().mask(of: planes)
        }
    }
}

/// What has colours of an image's middle that its border lacks: objects are mostly whole and in the middle.
public struct CentreSurround: Sendable {
    /// Bins of each colour channel.
    public var bins = 8
    /// The width of the border, a share of the image's.
    public var border: Float = 0.08
    /// The middle: a Gaussian, its deviation a share of the image's width.
    public var deviation: Float = 0.25

    public init() {}

    /// Zeros where a colour is at least as likely at the border as in the middle, ones where it is a third as likely there or
    /// less, for planes [3, size, size].
    public func mask(of planes: [Float], size: Int) -> [Float] {
        let count = size * size
        let place = { (value: Float) in min(max(Int(value * Float(bins)), 0), bins - 1) }
        let colours = (0..<count).map { index in
            (place(planes[index]) * bins + place(planes[count + index])) * bins + place(planes[2 * count + index])
        }
        let profile = (0..<size).map { index -> Float in
            let distance = (Float(index) - Float(size - 1) / 2) / (deviation * Float(size))
            return exp(-distance * distance / 2)
        }
        let width = max(1, Int((border * Float(size)).rounded()))
        let isOuter = { (index: Int) in index < width || index >= size - width }
        var (middle, outside) = (
            [Float](repeating: 0, count: bins * bins * bins), [Float](repeating: 0, count: bins * bins * bins)
        )
        for index in 0..<count {
            let (y, x) = (index / size, index % size)
            middle[colours[index]] += profile[y] * profile[x]
            if isOuter(y) || isOuter(x) { outside[colours[index]] += 1 }
        }
        let (middleSum, outsideSum) = (middle.reduce(0, +), outside.reduce(0, +))
        let kept = zip(middle, outside).map { middle, outside -> Float in
            // Half a pixel more: a colour that the border happens to lack is weak evidence where the middle has little of it.
            let (inner, outer) = (middle / middleSum, (outside + 0.5) / outsideSum)
            return min(max((inner / (inner + outer) - 0.5) * 4, 0), 1)
        }
        return colours.map { kept[$0] }
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
