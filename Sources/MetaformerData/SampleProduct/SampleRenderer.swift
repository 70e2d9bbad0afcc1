import Foundation

/// Photographs one sample part: pose, light, shading, lens and sensor.
struct SampleRenderer: Sendable {
    /// The side of an image in pixels.
    static let size = 256
    /// Points a pixel in each direction.
    static let supersampling = 3

    let flange: Flange
    // Pose: where the part lies under the camera.
    private let turn: Point
    private let shift: Point
    private let scale: Float
    // Light.
    private let key: Light
    private let fill: Light
    // Sensor.
    private let gain: Colour
    private let grain: ValueNoise
    private let noiseSeed: UInt64

    private struct Light: Sendable {
        let direction: Vector
        /// Half way between the light and the camera above.
        let halfway: Vector
        let colour: Colour

        init(azimuth: Float, elevation: Float, colour: Colour) {
            direction = Vector(cos(azimuth) * cos(elevation), sin(azimuth) * cos(elevation), sin(elevation))
            halfway = normalized(direction + Vector(0, 0, 1))
            self.colour = colour
        }
    }

    /// A part of its own pose, light and surface, all from the generator; the defect, if any, comes on top of these.
    init(defect kind: SampleDefect.Kind?, using generator: inout RandomGenerator) {
        var flange = Flange(using: &generator)
        let angle = generator.uniform(-0.14...0.14)
        turn = Point(cos(angle), sin(angle))
        shift = Point(generator.uniform(-0.025...0.025), generator.uniform(-0.025...0.025))
        scale = generator.uniform(0.99...1.01)
        let azimuth = generator.uniform(-0.1...0.1)
        key = Light(azimuth: 2.25 + azimuth, elevation: 0.95, colour: [1.0, 0.97, 0.92])
        fill = Light(azimuth: 0.35 + azimuth, elevation: 0.75, colour: [0.36, 0.40, 0.46])
        let exposure = generator.uniform(0.94...1.06)
        gain = Colour(generator.uniform(0.985...1.015), 1, generator.uniform(0.985...1.015)) * exposure
        grain = ValueNoise(seed: UInt32(truncatingIfNeeded: generator.next()))
        noiseSeed = generator.next()
        if let kind { flange.defect = SampleDefect(kind, using: &generator) }
        self.flange = flange
    }

    // MARK: Image and mask

    /// The photograph, and what of it the defect changed: 255 there, 0 elsewhere, all 0 for a good part.
    func render() -> (image: Image, mask: Image) {
        let size = SampleRenderer.size
        var good = flange
        good.defect = nil
        var pixels: [UInt8] = []
        pixels.reserveCapacity(size * size * 3)
        var changed = [Bool](repeating: false, count: size * size)
        var sensor = RandomGenerator(seed: noiseSeed)
        for y in 0..<size {
            for x in 0..<size {
                let (colour, goodColour) = expose(x, y, good: good)
                let difference = encoded(colour) - encoded(goodColour)
                changed[y * size + x] = max(abs(difference.x), abs(difference.y), abs(difference.z)) > 3
                let level = encoded(noisy(colour, using: &sensor)).rounded(.toNearestOrAwayFromZero)
                for c in 0..<3 { pixels.append(UInt8(max(0, min(255, level[c])))) }
            }
        }
        let mask = closed(changed).map { $0 ? UInt8(255) : 0 }
        return (
            Image(width: size, height: size, channels: 3, bytes: pixels),
            Image(width: size, height: size, channels: 1, bytes: mask)
        )
    }

    /// The light that falls on a pixel, with the defect and without.
    private func expose(_ x: Int, _ y: Int, good: Flange) -> (Colour, Colour) {
        let count = SampleRenderer.supersampling
        let pixel = 2 / Float(SampleRenderer.size)
        var sum = Colour.zero
        var goodSum = Colour.zero
        for i in 0..<count * count {
            let dx = (Float(i % count) + 0.5) / Float(count)
            let dy = (Float(i / count) + 0.5) / Float(count)
            let screen = Point((Float(x) + dx) * pixel - 1, 1 - (Float(y) + dy) * pixel)
            let p = rotated((screen - shift) * (1 / scale), by: turn)
            let colour = shade(good, p, screen: screen)
            goodSum += colour
            sum += flange.defect(at: p) == nil ? colour : shade(flange, p, screen: screen)
        }
        let falloff = (1 - 0.10 * dot(centred(x, y), centred(x, y))) / Float(count * count)
        return (sum * gain * falloff, goodSum * gain * falloff)
    }

    private func centred(_ x: Int, _ y: Int) -> Point {
        Point(Float(x), Float(y)) * (2 / Float(SampleRenderer.size)) - 1
    }

    /// Shot and read noise of the sensor.
    private func noisy(_ colour: Colour, using sensor: inout RandomGenerator) -> Colour {
        var noise = Colour.zero
        for c in 0..<3 {
            // Four uniform numbers add up to nearly a normal one.
            let bits = sensor.next()
            let sum = (0..<4).reduce(Float(0)) { $0 + Float(bits >> (16 * $1) & 0xffff) }
            noise[c] = (sum * 0x1p-16 - 2) * 1.732
        }
        let level = colour.clamped(lowerBound: .zero, upperBound: Colour(repeating: 4))
        return level + noise * (level * 0.00018 + 0.000006).squareRoot()
    }

    /// Linear light to the levels 0 to 255 of an image, highlights rolled off rather than cut.
    private func encoded(_ linear: Colour) -> Colour {
        let x = linear.clamped(lowerBound: .zero, upperBound: Colour(repeating: 4))
        let rolled = x * (1 + x * 0.16) / (1 + x * 0.55)
        var level = Colour.zero
        for c in 0..<3 { level[c] = 255 * min(1, pow(rolled[c], 1 / 2.2) * 1.06) }
        return level
    }

    /// Fills gaps of a pixel: dilated, then eroded.
    private func closed(_ marked: [Bool]) -> [Bool] {
        let size = SampleRenderer.size
        func neighbours(_ x: Int, _ y: Int, _ source: [Bool], _ test: (Bool) -> Bool) -> Bool {
            for v in max(0, y - 1)...min(size - 1, y + 1) {
                for u in max(0, x - 1)...min(size - 1, x + 1) where test(source[v * size + u]) { return true }
            }
            return false
        }
        guard marked.contains(true) else { return marked }
        let grown = marked.indices.map { neighbours($0 % size, $0 / size, marked) { $0 } }
        return grown.indices.map { !neighbours($0 % size, $0 / size, grown) { !$0 } }
    }

    // MARK: Shading

    private func shade(_ flange: Flange, _ p: Point, screen: Point) -> Colour {
        let surface = flange.surface(at: p)
        var colour: Colour
        switch surface.material {
        case .mat: colour = mat(screen, p)
        case .hollow: colour = hollow(p, height: surface.height)
        case .aluminium: colour = metal(flange, p, surface.height, albedo: [0.60, 0.61, 0.63], isTurned: true)
        case .steel: colour = metal(flange, p, surface.height, albedo: [0.26, 0.265, 0.28], isTurned: false)
        case .silicone: colour = silicone(flange, p, surface.height)
        }
        guard let defect = flange.defect(at: p) else { return colour }
        if let cover = defect.cover(at: p) {
            let lit = surface.material == .mat ? Float(0.6) : 1
            colour = mix(colour, cover.colour * lit, cover.opacity)
        }
        if case .chip(let curve, let width) = defect.shape { colour = chip(over: colour, p, curve, width) }
        return colour
    }

    /// From the image's frame, in which the light stands, to the part's.
    private func inPart(_ v: Vector) -> Vector {
        let flat = rotated(Point(v.x, v.y), by: turn)
        return Vector(flat.x, flat.y, v.z)
    }

    private func keyAzimuth() -> Point {
        let direction = inPart(key.direction)
        let flat = Point(direction.x, direction.y)
        return flat * (1 / length(flat))
    }

    /// How much of the key light reaches a point, for what stands above it.
    private func shadow(_ p: Point) -> Float {
        let r = length(p)
        guard r > Flange.bossRadius else { return 1 }
        // The boss throws its round shadow away from the light.
        let from = length(p + keyAzimuth() * 0.062) - Flange.bossRadius
        return 1 - 0.5 * (1 - smoothstep(-0.05, 0.03, from))
    }

    private func mat(_ screen: Point, _ p: Point) -> Colour {
        let weave =
            grain(screen.x * 128, screen.y * 128) * 0.07 + grain(screen.x * 57, screen.y * 57 + screen.x * 20) * 0.06
        let cloud = grain(screen.x * 4 + 31, screen.y * 4) * 0.05
        let base = Colour(0.050, 0.056, 0.066) * (1 + weave + cloud)
        let cast = length(p + keyAzimuth() * 0.085) - Flange.outerRadius
        let contact = length(p) - Flange.outerRadius
        let lit = (0.25 + 0.75 * smoothstep(-0.10, 0.075, cast)) * (0.62 + 0.38 * smoothstep(0, 0.05, contact))
        return base * lit
    }

    /// The inside of the bore, of a socket, or of a hole whose screw is missing.
    private func hollow(_ p: Point, height: Float) -> Colour {
        let r = length(p)
        guard r < Flange.boreRadius else {
            let threads = clamp((height + 0.162) / 0.024)
            return Colour(0.011, 0.0115, 0.013) * (height < -0.13 ? 0.6 + 2.2 * threads : 1)
        }
        // Light reaches the side of the wall that faces it.
        let facing = -dot(p, keyAzimuth()) / Flange.boreRadius
        let wall = smoothstep(0.72, 1.0, r / Flange.boreRadius)
        return Colour(0.014, 0.0145, 0.017) * (1 + 4.5 * wall * (0.35 + 0.65 * smoothstep(-0.2, 1, facing)))
    }

    private func metal(_ flange: Flange, _ p: Point, _ height: Float, albedo: Colour, isTurned: Bool) -> Colour {
        let r = max(length(p), 1e-4)
        let radial = p * (1 / r)
        var normal = flange.normal(at: p, height: height)
        var streak: Float = 0
        if isTurned {
            // Marks of the lathe: fine across, drawn out along the circle.
            let noise = flange.turningMarks
            streak = 0.6 * noise(r * 95, radial.x * 2.5 + radial.y) + 0.4 * noise(r * 210 + 9, radial.y * 4)
            normal = normalized(normal + Vector(radial.x, radial.y, 0) * (streak * 0.05))
        }
        let tangent = Vector(-radial.y, radial.x, 0)
        let shade = shadow(p)
        var light = Colour(repeating: 0.13 + 0.08 * normal.z)
        for (source, visible, sharpness) in [(key, shade, Float(0.17)), (fill, Float(1), Float(0.2))] {
            let direction = inPart(source.direction)
            let halfway = inPart(source.halfway)
            let facing = max(0, dot(normal, direction))
            light += source.colour * (0.24 * facing * visible)
            // Ward's highlight: narrow along the marks, wide across them, so a turned face shows two bright sectors.
            let up = max(dot(halfway, normal), 0.05)
            let along = dot(halfway, tangent - normal * dot(tangent, normal)) / (isTurned ? sharpness : 0.4)
            let binormal = Vector(radial.x, radial.y, 0)
            let across = dot(halfway, binormal - normal * dot(binormal, normal)) / (isTurned ? 0.62 : 0.4)
            let lobe = exp(-(along * along + across * across) / (up * up))
            light += source.colour * (1.15 * lobe * visible * (facing > 0 ? 1 : 0))
        }
        let ink = isTurned ? flange.marking(at: p) : 0
        let bare = albedo * light * (1 + streak * 0.10) * occlusion(p, r)
        return mix(bare, Colour(0.030, 0.030, 0.034) * (0.5 + light), ink * 0.93)
    }

    /// Corners into which less of the sky shines.
    private func occlusion(_ p: Point, _ r: Float) -> Float {
        let seal = abs(r - Flange.sealRadius) - Flange.sealThickness
        return 0.55 + 0.45 * smoothstep(0, 0.03, seal)
    }

    private func silicone(_ flange: Flange, _ p: Point, _ height: Float) -> Colour {
        let normal = flange.normal(at: p, height: height)
        let direction = inPart(key.direction)
        let facing = max(0, dot(normal, direction))
        let shade = shadow(p)
        let gloss = pow(max(0, dot(normal, inPart(key.halfway))), 38)
        let body = flange.sealColour * (0.35 + 0.95 * facing * shade + 0.2 * normal.z)
        return body + key.colour * (0.20 * gloss * shade)
    }

    /// A curl of swarf: its shadow first, then the bright wire.
    private func chip(over ground: Colour, _ p: Point, _ curve: [Point], _ width: Float) -> Colour {
        let shadowed = SampleDefect.nearest(p + keyAzimuth() * 0.02, on: curve).distance
        let colour = ground * (0.45 + 0.55 * smoothstep(width * 0.4, width * 1.9, shadowed))
        let (distance, along) = SampleDefect.nearest(p, on: curve)
        let half = width * (0.7 + 0.3 * sin(along * 19)) * 0.8
        guard distance < half else { return colour }
        let roundness = (1 - distance * distance / (half * half)).squareRoot()
        return Colour(0.50, 0.47, 0.43) * (0.25 + 0.85 * roundness * (0.6 + 0.4 * sin(along * 9 + 1)))
    }
}
