import Foundation

/// The sample part: a turned aluminium flange with a boss, a bore, a silicone seal, a line of marking, and six steel
/// screws. It is described as a height and a material over the plane.
struct Flange: Sendable {
    enum Material: Sendable {
        case mat, aluminium, silicone, steel, hollow
    }

    struct Surface {
        var height: Float
        var material: Material
    }

    // MARK: Dimensions

    static let outerRadius: Float = 0.8
    static let rimBevel: Float = 0.028
    static let bossRadius: Float = 0.405
    static let bossHeight: Float = 0.09
    static let bossBevel: Float = 0.022
    static let boreRadius: Float = 0.165
    static let boreChamfer: Float = 0.03
    static let sealRadius: Float = 0.452
    static let sealThickness: Float = 0.029
    static let holeRadius: Float = 0.098
    static let screwRadius: Float = 0.074
    static let screwCount = 6
    static let screwSpacing = 2 * Float.pi / Float(screwCount)
    static let screwCentres = (0..<screwCount).map { i -> Point in
        Point(cos(Float(i) * screwSpacing), sin(Float(i) * screwSpacing)) * 0.622
    }

    // MARK: What differs from part to part

    /// How each screw's socket happens to stand: cosine and sine.
    let socketTurns: [Point]
    let markingStrength: Float
    let turningMarks: ValueNoise
    let sealColour: Colour
    var defect: SampleDefect?

    init(using generator: inout RandomGenerator) {
        socketTurns = (0..<Flange.screwCount).map { _ in
            let angle = generator.uniform(0...(.pi / 3))
            return Point(cos(angle), sin(angle))
        }
        markingStrength = generator.uniform(0.86...1)
        turningMarks = ValueNoise(seed: UInt32(truncatingIfNeeded: generator.next()))
        sealColour = Colour(0.012, 0.115, 0.19) * generator.uniform(0.92...1.08)
    }

    // MARK: Geometry

    /// The defect, if it can matter at a point.
    func defect(at p: Point) -> SampleDefect? {
        guard let defect, defect.touches(p) else { return nil }
        return defect
    }

    /// What stands at a point, seen from above.
    func surface(at p: Point) -> Surface {
        let r = length(p)
        guard r < Flange.outerRadius else { return Surface(height: -0.12, material: .mat) }
        var surface = turned(radius: r)
        if r > 0.5 && r < 0.74 { cutHole(&surface, at: p) }
        if let defect = defect(at: p) { surface.height += defect.displacement(at: p) }
        return surface
    }

    /// The part as it comes from the lathe, with its seal.
    private func turned(radius r: Float) -> Surface {
        if r < Flange.boreRadius { return Surface(height: -0.12, material: .hollow) }
        let rim = Flange.rimBevel * ramp(Flange.outerRadius - Flange.rimBevel, Flange.outerRadius, r)
        let boss = Flange.bossHeight * (1 - ramp(Flange.bossRadius - Flange.bossBevel, Flange.bossRadius, r))
        let chamfer = Flange.boreChamfer * (1 - ramp(Flange.boreRadius, Flange.boreRadius + Flange.boreChamfer, r))
        let height = boss - rim - chamfer
        let fromSeal = abs(r - Flange.sealRadius)
        guard fromSeal < Flange.sealThickness else { return Surface(height: height, material: .aluminium) }
        let tube = (Flange.sealThickness * Flange.sealThickness - fromSeal * fromSeal).squareRoot()
        return Surface(height: height + tube * 0.8, material: .silicone)
    }

    private func cutHole(_ surface: inout Surface, at p: Point) {
        var nearest = 0
        for i in 1..<Flange.screwCount where dot(p, Flange.screwCentres[i]) > dot(p, Flange.screwCentres[nearest]) {
            nearest = i
        }
        let local = p - Flange.screwCentres[nearest]
        let d = length(local)
        guard d < Flange.holeRadius else { return }
        let wall = Flange.holeRadius - 0.016
        surface.height -= 0.016 * (1 - ramp(wall, Flange.holeRadius, d))
        guard d < wall else { return }
        if case .missingScrew(nearest)? = defect?.shape {
            surface = Surface(height: -0.15 + 0.012 * sin(d * 420), material: .hollow)
        } else if d > Flange.screwRadius {
            surface = Surface(height: -0.1, material: .hollow)
        } else {
            let turned = rotated(local, by: socketTurns[nearest])
            let socket = hexagonDistance(turned, inradius: 0.035)
            let edge = 0.014 * ramp(Flange.screwRadius - 0.014, Flange.screwRadius, d)
            let lip = 0.006 * (1 - ramp(0, 0.006, socket))
            surface = Surface(height: 0.006 - edge - lip, material: socket < 0 ? .hollow : .steel)
        }
    }

    /// The upward normal of the surface at a point, from differences over a fraction of a pixel.
    func normal(at p: Point, height: Float) -> Vector {
        let step: Float = 0.0022
        let dx = surface(at: p + Point(step, 0)).height - height
        let dy = surface(at: p + Point(0, step)).height - height
        // A step over an edge is a wall, not a slope without end.
        let slope = Point(max(-2, min(2, dx / step)), max(-2, min(2, dy / step)))
        return normalized(Vector(-slope.x, -slope.y, 1))
    }

    // MARK: Marking

    /// How strongly the laser marked a point, 0 to 1: the lettering of the boss and the scale of the flange.
    func marking(at p: Point) -> Float {
        let whole = { (q: Point) in markingStrength * Flange.wholeMarking(at: q) }
        return defect(at: p)?.marking(at: p, whole: whole) ?? whole(p)
    }

    private static func wholeMarking(at p: Point) -> Float {
        let r = length(p)
        if abs(r - Lettering.radius) < Lettering.reach {
            let distance = Lettering.distance(p, radius: r, clockwiseAngle: atan2(p.x, p.y))
            return 1 - smoothstep(-0.002, 0.002, distance)
        }
        guard r > 0.728 && r < 0.765 else { return 0 }
        let angle = atan2(p.x, p.y) * (36 / .pi)
        let tick = angle.rounded()
        let isLong = Int(tick) % 6 == 0
        let across = abs(angle - tick) * (.pi / 36) * r
        return r > (isLong ? 0.728 : 0.745) && across < (isLong ? 0.0055 : 0.0035) ? 1 : 0
    }
}
