import Foundation
import MetaformerData

/// A fault blended into a view, and where it is: what T learns to tell from good variation.
struct BlendedDefect {
    enum Kind: CaseIterable {
        /// A piece of another photograph.
        case foreign
        /// A colour that lets something of the ground through.
        case stain
        /// Darker or brighter.
        case shade
        /// A piece of the view itself, mirrored.
        case moved
        case blur, warp, scratch, dent
        /// A few pixels of one colour.
        case spot
    }

    /// [3, size, size]
    let planes: [Float]
    /// [size, size]: 1 where the view is changed, by more than 2 % of white, and 0 elsewhere.
    let mask: [Float]

    /// What kinds are drawn, a foreign texture twice as often.
    private static let drawn: [Kind] = Kind.allCases + [.foreign]
    /// The fewest pixels that a fault changes.
    private static let leastArea: Float = 6

    /// Blends a fault of any kind into a view of `size` pixels a side; `other` is a view of another photograph.
    init(into view: [Float], size: Int, other: [Float], using generator: inout RandomGenerator) {
        var best: (planes: [Float], mask: [Float]) = (view, [Float](repeating: 0, count: size * size))
        for _ in 0..<8 {
            best = Brush(size: size, using: &generator).paint(
                generator.choice(BlendedDefect.drawn), on: view, other: other, using: &generator)
            if best.mask.reduce(0, +) >= BlendedDefect.leastArea { break }
        }
        (planes, mask) = best
    }
}

/// Where a fault is and how large.
private struct Brush {
    let size: Int
    let unit: Float
    let centre: (x: Float, y: Float)
    let radius: Float
    let angle: Float

    init(size: Int, using generator: inout RandomGenerator) {
        self.size = size
        unit = Float(size) / 256
        centre = (generator.uniform(0.08...0.92) * Float(size), generator.uniform(0.08...0.92) * Float(size))
        radius = generator.logUniform(3...45) * unit
        angle = generator.uniform(0...Float.pi)
    }

    func paint(
        _ kind: BlendedDefect.Kind, on view: [Float], other: [Float], using generator: inout RandomGenerator
    ) -> (planes: [Float], mask: [Float]) {
        var cover = blob(using: &generator)
        var opacity: Float = 1
        let new: [Float]
        switch kind {
        case .foreign:
            new = shifted(other, using: &generator)
            opacity = generator.uniform(0.35...1)
        case .moved:
            new = mirrored(shifted(view, using: &generator))
            opacity = generator.uniform(0.35...1)
        case .stain:
            new = colour(isGrey: generator.uniform() < 0.5, using: &generator)
            opacity = generator.uniform(0.2...0.9)
        case .shade:
            let gain = generator.uniform() < 0.5 ? generator.uniform(0.4...0.85) : generator.uniform(1.2...1.7)
            new = view.map { $0 * gain }
        case .blur:
            var blurred = view
            Blur.box(&blurred, size: size, radius: max(Int(generator.uniform(2...6) * unit), 1))
            new = blurred
        case .warp: new = warped(view, cover, using: &generator)
        case .scratch:
            cover = line(using: &generator)
            let change = generator.uniform(0.15...0.6) * generator.choice([-1, 1])
            new = view.map { $0 + change }
            opacity = generator.uniform(0.5...1)
        case .dent:
            let (a, b) = (generator.uniform(0...(2 * .pi)), generator.uniform(0...(2 * .pi)))
            let depth = generator.uniform(0.1...0.4)
            let slope = plane { x, y in depth * tanh((x * cos(a) + y * sin(b)) / radius) }
            new = view.indices.map { view[$0] + slope[$0 % (size * size)] }
        case .spot:
            let small = generator.uniform(1.5...5) * unit
            cover = plane { x, y in
                let r = (x * x + y * y) / (small * small)
                return Foundation.exp(-r * r)
            }
            let value = generator.choice([0, 1, generator.uniform()])
            new = [Float](repeating: value, count: view.count)
            opacity = generator.uniform(0.5...1)
        }
        return blended(view, new, cover, opacity)
    }

    private func blended(_ view: [Float], _ new: [Float], _ cover: [Float], _ opacity: Float) -> (
        planes: [Float], mask: [Float]
    ) {
        let count = size * size
        var planes = view
        var mask = [Float](repeating: 0, count: count)
        for pixel in 0..<count {
            let weight = cover[pixel] * opacity
            var change: Float = 0
            for channel in 0..<3 {
                let index = channel * count + pixel
                planes[index] = min(max(view[index] * (1 - weight) + new[index] * weight, 0), 1)
                change += Swift.abs(planes[index] - view[index]) / 3
            }
            if cover[pixel] > 0.4, change > 0.02 { mask[pixel] = 1 }
        }
        return (planes, mask)
    }

    // MARK: Shapes

    /// A value a pixel, by its offset from the centre.
    private func plane(_ value: (Float, Float) -> Float) -> [Float] {
        (0..<size * size).map { value(Float($0 % size) - centre.x, Float($0 / size) - centre.y) }
    }

    /// An ellipse with a ragged, soft edge.
    private func blob(using generator: inout RandomGenerator) -> [Float] {
        let (stretch, roughness) = (generator.uniform(0.3...1), generator.uniform(0.05...0.35))
        let sharpness = generator.uniform(4...14)
        let edge = Field(size: size, cells: max(3, Int(Float(size) / max(radius, 4))), using: &generator)
        let (c, s) = (cos(angle), sin(angle))
        return plane { x, y in
            let (u, v) = ((x * c + y * s) / radius, (y * c - x * s) / (radius * stretch))
            let distance = (u * u + v * v).squareRoot()
            guard distance < 3 else { return 0 }
            let ragged = distance + roughness * edge(x + centre.x, y + centre.y)
            return 1 / (1 + Foundation.exp(-(1 - ragged) * sharpness))
        }
    }

    private func line(using generator: inout RandomGenerator) -> [Float] {
        let (half, width) = (generator.uniform(0.06...0.35) * Float(size), generator.uniform(0.5...2.2) * unit)
        let bend = generator.uniform(-0.002...0.002) / unit
        let (c, s) = (cos(angle), sin(angle))
        return plane { x, y in
            let along = x * c + y * s
            let across = (y * c - x * s + bend * along * along) / width
            guard Swift.abs(across) < 4 else { return 0 }
            return Foundation.exp(-across * across) / (1 + Foundation.exp((Swift.abs(along) - half) / 2))
        }
    }

    // MARK: Contents

    private func colour(isGrey: Bool, using generator: inout RandomGenerator) -> [Float] {
        let first = generator.uniform()
        let levels = isGrey ? [first, first, first] : [first, generator.uniform(), generator.uniform()]
        return levels.flatMap { [Float](repeating: $0, count: size * size) }
    }

    /// Moved in a circle, by a tenth of the view at least.
    private func shifted(_ view: [Float], using generator: inout RandomGenerator) -> [Float] {
        let reach = Float(size)
        let (dx, dy) = (Int(generator.uniform(0.1...0.9) * reach), Int(generator.uniform(0.1...0.9) * reach))
        return view.indices.map { index in
            let (channel, y, x) = (index / (size * size), index / size % size, index % size)
            return view[(channel * size + (y + dy) % size) * size + (x + dx) % size]
        }
    }

    private func mirrored(_ view: [Float]) -> [Float] {
        view.indices.map { view[$0 - $0 % size + size - 1 - $0 % size] }
    }

    private func warped(_ view: [Float], _ cover: [Float], using generator: inout RandomGenerator) -> [Float] {
        let (cells, reach) = (generator.choice([8, 12, 16]), generator.uniform(3...10) * unit)
        let across = Field(size: size, cells: cells, using: &generator)
        let down = Field(size: size, cells: cells, using: &generator)
        let count = size * size
        var planes = view
        for pixel in 0..<count where cover[pixel] > 0.01 {
            let (x, y) = (Float(pixel % size), Float(pixel / size))
            let px = min(max(x + reach * cover[pixel] * across(x, y), 0), Float(size - 1))
            let py = min(max(y + reach * cover[pixel] * down(x, y), 0), Float(size - 1))
            let (x0, y0) = (Int(px), Int(py))
            let (x1, y1) = (min(x0 + 1, size - 1), min(y0 + 1, size - 1))
            let (u, v) = (px - Float(x0), py - Float(y0))
            for channel in 0..<3 {
                let start = channel * count
                let upper = view[start + y0 * size + x0] * (1 - u) + view[start + y0 * size + x1] * u
                let lower = view[start + y1 * size + x0] * (1 - u) + view[start + y1 * size + x1] * u
                planes[start + pixel] = upper * (1 - v) + lower * v
            }
        }
        return planes
    }
}
