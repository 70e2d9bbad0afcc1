import Foundation

/// A fault that is painted into a good image, to try out what would find it.
public enum SyntheticDefect: String, Sendable, Codable, CaseIterable {
    /// A piece of the image, turned and pasted elsewhere in it.
    case patch
    /// A thin bent line, darker or brighter than what it crosses.
    case scratch
    /// A stain with a ragged edge, in a colour of its own that lets something of the ground through.
    case blotch
}

extension SyntheticDefect {
    /// An image with a fault painted into it, and where that is.
    public struct Painted: Sendable, Equatable {
        public let image: Image
        /// A byte a pixel, in rows from top to bottom: 0 for good, 1 for defective.
        public let mask: [UInt8]
    }

    /// A copy of an image with one fault of this kind, at least faintly visible: its pixels differ from the image's by 2 %
    /// of white on average. Where an image looks the same everywhere, a patch of it would not show: a blotch stands in.
    public func painted(on image: Image, using generator: inout RandomGenerator) -> Painted {
        let canvas = Canvas(image)
        var best = canvas.painted(on: image) { _ in nil }
        var bestChange: Float = 0
        // What is pasted may look like what it covers: another place then.
        for attempt in 0..<16 where bestChange < 0.02 {
            let kind = self == .patch && attempt >= 8 ? .blotch : self
            let trial = canvas.painted(on: image, paint: kind.brush(on: canvas, using: &generator))
            let change = canvas.change(to: trial)
            if change > bestChange { (best, bestChange) = (trial, change) }
        }
        return best
    }

    /// The colour of each point that is defective, and how much it covers; nil where the image is good. Points are in
    /// pixels.
    private func brush(on canvas: Canvas, using generator: inout RandomGenerator) -> (Point) -> (
        colour: Colour, opacity: Float
    )? {
        let side = Float(min(canvas.width, canvas.height))
        let centre = canvas.point(using: &generator)
        switch self {
        case .patch: return patch(on: canvas, side, centre, using: &generator)
        case .scratch: return scratch(on: canvas, side, centre, using: &generator)
        case .blotch: return blotch(on: canvas, side, centre, using: &generator)
        }
    }

    private func patch(
        on canvas: Canvas, _ side: Float, _ centre: Point, using generator: inout RandomGenerator
    ) -> (Point) -> (colour: Colour, opacity: Float)? {
        let half = Point(generator.uniform(0.03...0.12), generator.uniform(0.03...0.12)) * side
        let source = canvas.point(using: &generator)
        let angle = generator.uniform(0...(2 * .pi))
        let turn = Point(cos(angle), sin(angle))
        let gain = generator.uniform(0.8...1.2)
        return { point in
            let offset = point - centre
            guard abs(offset.x) <= half.x, abs(offset.y) <= half.y else { return nil }
            return (canvas[source + rotated(offset, by: turn)] * gain, 1)
        }
    }

    private func scratch(
        on canvas: Canvas, _ side: Float, _ centre: Point, using generator: inout RandomGenerator
    ) -> (Point) -> (colour: Colour, opacity: Float)? {
        let angle = generator.uniform(0...(2 * .pi))
        let direction = Point(cos(angle), sin(angle))
        let half = generator.uniform(0.05...0.25) * side
        let bend = Point(-direction.y, direction.x) * (half * generator.uniform(-0.4...0.4))
        let curve = (0...8).map { step -> Point in
            let t = Float(step) / 4 - 1
            return centre + direction * (half * t) + bend * (1 - t * t)
        }
        let width = max(generator.uniform(0.003...0.01) * side, 0.7)
        let change = generator.uniform(0.12...0.4) * (generator.uniform() < 0.5 ? -1 : 1)
        return { point in
            guard length(point - centre) <= half * 1.5 + width else { return nil }
            let (distance, _) = SampleDefect.nearest(point, on: curve)
            guard distance < width else { return nil }
            // Full in the middle, soft at the edge.
            return (canvas[point] + change, 1 - smoothstep(0.5, 1, distance / width) * 0.7)
        }
    }

    private func blotch(
        on canvas: Canvas, _ side: Float, _ centre: Point, using generator: inout RandomGenerator
    ) -> (Point) -> (colour: Colour, opacity: Float)? {
        let radius = generator.uniform(0.03...0.12) * side
        let stretch = generator.uniform(0.6...1)
        let noise = ValueNoise(seed: UInt32(truncatingIfNeeded: generator.next()))
        let colour = Colour(generator.uniform(), generator.uniform(), generator.uniform())
        let opacity = generator.uniform(0.3...0.9)
        return { point in
            let offset = (point - centre) / radius
            let reach = length(Point(offset.x, offset.y / stretch)) + 0.3 * noise(offset.x * 3, offset.y * 3)
            guard reach < 1 else { return nil }
            return (colour, opacity * smoothstep(1, 0.8, reach))
        }
    }
}

/// A image as colours in [0, 1] at points in pixels.
private struct Canvas {
    let width: Int
    let height: Int
    private let colours: [Colour]

    init(_ image: Image) {
        (width, height) = (image.width, image.height)
        let scale = 1 / Float(image.highestValue)
        var colours: [Colour] = []
        colours.reserveCapacity(image.width * image.height)
        for y in 0..<image.height {
            for x in 0..<image.width {
                let red = Float(image[x, y, 0])
                let isGrey = image.channels == 1
                colours.append(
                    Colour(red, isGrey ? red : Float(image[x, y, 1]), isGrey ? red : Float(image[x, y, 2])) * scale)
            }
        }
        self.colours = colours
    }

    /// The pixel nearest to a point; mirrored beyond the edges, so that a colour is there whatever the point.
    subscript(point: Point) -> Colour {
        func mirrored(_ value: Float, _ count: Int) -> Int {
            let place = Int(value.rounded()) % (2 * count)
            let positive = place < 0 ? place + 2 * count : place
            return positive < count ? positive : 2 * count - 1 - positive
        }
        return colours[mirrored(point.y, height) * width + mirrored(point.x, width)]
    }

    func point(using generator: inout RandomGenerator) -> Point {
        Point(generator.uniform() * Float(width), generator.uniform() * Float(height))
    }

    /// The image with what is painted over it.
    func painted(on image: Image, paint: (Point) -> (colour: Colour, opacity: Float)?) -> SyntheticDefect.Painted {
        let scale = Float(image.highestValue)
        var mask = [UInt8](repeating: 0, count: width * height)
        var samples = [UInt16](repeating: 0, count: width * height * image.channels)
        for y in 0..<height {
            for x in 0..<width {
                let pixel = y * width + x
                let paint = paint(Point(Float(x), Float(y)))
                for channel in 0..<image.channels {
                    let old = image[x, y, channel]
                    guard let (colour, opacity) = paint else {
                        samples[pixel * image.channels + channel] = UInt16(old)
                        continue
                    }
                    let target = image.channels == 1 ? dot(colour, Colour(0.2989, 0.5870, 0.1140)) : colour[channel]
                    let value = clamp(Float(old) / scale * (1 - opacity) + target * opacity) * scale
                    samples[pixel * image.channels + channel] = UInt16(value.rounded())
                    if Int(value.rounded()) != old { mask[pixel] = 1 }
                }
            }
        }
        let painted =
            image.bitDepth == 16
            ? Image(width: width, height: height, channels: image.channels, samples: samples).using(bits: image.bits)
            : Image(width: width, height: height, channels: image.channels, bytes: samples.map { UInt8($0) })
        return SyntheticDefect.Painted(image: painted, mask: mask)
    }

    /// The mean change of the pixels that are marked, 1 being that of black to white; 0 where none is.
    func change(to copy: SyntheticDefect.Painted) -> Float {
        let changed = Canvas(copy.image)
        var (sum, count): (Float, Float) = (0, 0)
        for (pixel, mark) in copy.mask.enumerated() where mark == 1 {
            let difference = changed.colours[pixel] - colours[pixel]
            sum += (abs(difference.x) + abs(difference.y) + abs(difference.z)) / 3
            count += 1
        }
        return count == 0 ? 0 : sum / count
    }
}
