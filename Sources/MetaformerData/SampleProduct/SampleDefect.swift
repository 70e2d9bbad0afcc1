import Foundation

/// A fault of the sample part, in the part's own coordinates.
struct SampleDefect: Sendable {
    /// The kinds, named as their folders are.
    enum Kind: String, CaseIterable, Sendable {
        case contamination, dent, misprint
        case missingScrew = "missing_screw"
        case scratch
    }

    enum Shape: Sendable {
        /// Dirt or grease that dried on the surface.
        case stain(colour: Colour, opacity: Float, noise: ValueNoise)
        /// A curl of swarf lying on the part.
        case chip(curve: [Point], width: Float)
        /// An impact; the axis is the direction in which it is longer.
        case dent(axis: Point, stretch: Float, depth: Float)
        /// Marking that did not take.
        case faded(noise: ValueNoise)
        /// Marking wiped along a direction while it was wet.
        case smeared(shift: Point)
        case missingScrew(index: Int)
        case scratch(curve: [Point], width: Float, depth: Float)
    }

    let shape: Shape
    /// Nothing changes outside this circle.
    let centre: Point
    let radius: Float

    func touches(_ p: Point) -> Bool {
        let offset = p - centre
        return dot(offset, offset) < radius * radius
    }

    init(_ kind: Kind, using generator: inout RandomGenerator) {
        switch kind {
        case .contamination where generator.uniform() < 0.35: self = .chip(using: &generator)
        case .contamination: self = .stain(using: &generator)
        case .dent: self = .dent(using: &generator)
        case .misprint: self = .misprint(using: &generator)
        case .missingScrew:
            let index = Int(generator.next() % UInt64(Flange.screwCount))
            self.init(
                shape: .missingScrew(index: index), centre: Flange.screwCentres[index], radius: Flange.holeRadius)
        case .scratch: self = .scratch(using: &generator)
        }
    }

    private init(shape: Shape, centre: Point, radius: Float) {
        self.shape = shape
        self.centre = centre
        self.radius = radius
    }

    // MARK: Where and how large

    private static func polar(_ radius: Float, _ angle: Float) -> Point {
        Point(radius * cos(angle), radius * sin(angle))
    }

    private static func anyAngle(_ generator: inout RandomGenerator) -> Float {
        generator.uniform(0...(2 * .pi))
    }

    private static func stain(using generator: inout RandomGenerator) -> SampleDefect {
        let palette: [Colour] = [[0.10, 0.055, 0.02], [0.05, 0.045, 0.04], [0.16, 0.09, 0.03]]
        let colour = palette[Int(generator.next() % 3)]
        let shape = Shape.stain(
            colour: colour, opacity: generator.uniform(0.6...0.9),
            noise: ValueNoise(seed: UInt32(truncatingIfNeeded: generator.next())))
        let centre = polar(generator.uniform(0.25...0.66), anyAngle(&generator))
        return SampleDefect(shape: shape, centre: centre, radius: generator.uniform(0.11...0.2))
    }

    private static func chip(using generator: inout RandomGenerator) -> SampleDefect {
        let centre = polar(generator.uniform(0.25...0.68), anyAngle(&generator))
        let radius = generator.uniform(0.07...0.11)
        let start = anyAngle(&generator)
        let turn = generator.uniform(2.6...4.6)
        let curve = (0...14).map { step -> Point in
            let t = Float(step) / 14
            return centre + polar(radius * (0.45 + 0.55 * t), start + turn * t)
        }
        let shape = Shape.chip(curve: curve, width: generator.uniform(0.015...0.021))
        return SampleDefect(shape: shape, centre: centre, radius: radius + 0.07)
    }

    private static func dent(using generator: inout RandomGenerator) -> SampleDefect {
        let angle = anyAngle(&generator)
        // On the flange between two screws, on the boss, or on the rim.
        let place = generator.next() % 3
        let between = (angle / Flange.screwSpacing).rounded(.down) * Flange.screwSpacing + Flange.screwSpacing / 2
        let centre: Point
        switch place {
        case 0: centre = polar(generator.uniform(0.56...0.68), between + generator.uniform(-0.12...0.12))
        case 1: centre = polar(generator.uniform(0.26...0.34), angle)
        default: centre = polar(generator.uniform(0.745...0.775), angle)
        }
        let shape = Shape.dent(
            axis: polar(1, anyAngle(&generator)), stretch: generator.uniform(1...1.5),
            depth: generator.uniform(0.24...0.34))
        return SampleDefect(shape: shape, centre: centre, radius: generator.uniform(0.075...0.115))
    }

    private static func misprint(using generator: inout RandomGenerator) -> SampleDefect {
        // The first word is on the upper side; faults of the marking are put where there is much of it.
        let angle = generator.uniform(-0.1...(.pi + 0.1))
        let centre = polar(Lettering.radius, angle)
        if generator.uniform() < 0.5 {
            let noise = ValueNoise(seed: UInt32(truncatingIfNeeded: generator.next()))
            return SampleDefect(shape: .faded(noise: noise), centre: centre, radius: generator.uniform(0.11...0.16))
        }
        let shift = polar(generator.uniform(0.05...0.075), angle + .pi / 2 + generator.uniform(-0.5...0.5))
        return SampleDefect(shape: .smeared(shift: shift), centre: centre, radius: generator.uniform(0.11...0.15))
    }

    private static func scratch(using generator: inout RandomGenerator) -> SampleDefect {
        let angle = anyAngle(&generator)
        let centre = polar(generator.uniform(0.5...0.66), angle)
        let half = generator.uniform(0.13...0.28)
        // Across the turning marks rather than along them: a tool slipped.
        let direction = polar(1, angle + generator.uniform(0.5...2.6))
        let bend = Point(-direction.y, direction.x) * generator.uniform(-0.12...0.12)
        let curve = (0...12).map { step -> Point in
            let t = Float(step) / 6 - 1
            return centre + direction * (half * t) + bend * (half * (1 - t * t))
        }
        let shape = Shape.scratch(
            curve: curve, width: generator.uniform(0.012...0.018), depth: generator.uniform(0.42...0.62))
        return SampleDefect(shape: shape, centre: centre, radius: half * 1.1 + 0.02)
    }

    // MARK: What it does to a point

    /// How far the surface is pushed up; negative is down.
    func displacement(at p: Point) -> Float {
        switch shape {
        case .dent(let axis, let stretch, let depth):
            let offset = p - centre
            let local = Point(dot(offset, axis) / stretch, offset.y * axis.x - offset.x * axis.y)
            let t = dot(local, local) / (radius * radius / (stretch * stretch))
            guard t < 1 else { return 0 }
            // A bowl with a slightly raised lip, flat at its edge.
            let bowl = (1 - t) * (1 - t)
            return -depth * radius / stretch * bowl * (1 - 1.6 * t)
        case .scratch(let curve, let width, let depth):
            let (distance, along) = SampleDefect.nearest(p, on: curve)
            let taper = smoothstep(0, 0.15, along) * smoothstep(0, 0.3, 1 - along)
            let t = distance / (width * (0.5 + 0.5 * taper))
            guard t < 1.8 else { return 0 }
            // A groove, and the burr that it throws up on both sides.
            let groove = max(0, 1 - t * t)
            let burr = max(0, 1 - (t - 1.2) * (t - 1.2) * 6)
            return depth * width * taper * (0.35 * burr - groove)
        default: return 0
        }
    }

    /// Distance to a curve, and how far along it, 0 to 1, its nearest point is.
    static func nearest(_ p: Point, on curve: [Point]) -> (distance: Float, along: Float) {
        var best = (distance: Float.infinity, along: Float(0))
        for i in 1..<curve.count {
            let along = curve[i] - curve[i - 1]
            let t = clamp(dot(p - curve[i - 1], along) / dot(along, along))
            let distance = length(p - curve[i - 1] - along * t)
            if distance < best.distance {
                best = (distance, (Float(i - 1) + t) / Float(curve.count - 1))
            }
        }
        return best
    }

    /// How much the marking at a point is there, given how it would be at any point.
    func marking(at p: Point, whole: (Point) -> Float) -> Float {
        let edge = 1 - smoothstep(0.7, 1, length(p - centre) / radius)
        switch shape {
        case .faded(let noise):
            let patches = smoothstep(-0.5, 0.1, noise(p.x * 22, p.y * 22) + edge * 1.5 - 0.9)
            return whole(p) * (1 - edge * patches)
        case .smeared(let shift):
            var streak: Float = 0
            for step in 1...8 { streak = max(streak, whole(p - shift * (Float(step) / 8)) * (1 - Float(step) / 11)) }
            return max(whole(p), streak * edge * 0.8)
        default: return whole(p)
        }
    }

    /// What lies over the surface: its colour and how much it covers.
    func cover(at p: Point) -> (colour: Colour, opacity: Float)? {
        guard case .stain(let colour, let opacity, let noise) = shape else { return nil }
        let offset = p - centre
        let wobble = 0.22 * noise(p.x * 9, p.y * 9) + 0.1 * noise(p.x * 26 + 7, p.y * 26)
        let t = length(offset) / radius + wobble + 0.32
        guard t < 1 else { return nil }
        // Dirt collects at the edge of a drop that dries.
        let body = smoothstep(1, 0.9, t) * (0.62 + 0.38 * smoothstep(0.72, 0.95, t))
        return (colour, opacity * body * (0.9 + 0.1 * noise(p.x * 60, p.y * 60)))
    }
}
