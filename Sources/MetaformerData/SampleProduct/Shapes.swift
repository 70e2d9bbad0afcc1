import Foundation

/// The arithmetic of the sample's scene. Lengths are in half widths of the image, x to the right and y up.
typealias Point = SIMD2<Float>
typealias Vector = SIMD3<Float>
/// Red, green, blue; linear light, 1 is the white of the sensor.
typealias Colour = SIMD3<Float>

func length(_ p: Point) -> Float { (p * p).sum().squareRoot() }

func dot(_ a: Point, _ b: Point) -> Float { (a * b).sum() }

func dot(_ a: Vector, _ b: Vector) -> Float { (a * b).sum() }

func normalized(_ v: Vector) -> Vector { v / dot(v, v).squareRoot() }

func clamp(_ x: Float) -> Float { min(max(x, 0), 1) }

func mix(_ a: Colour, _ b: Colour, _ amount: Float) -> Colour { a + (b - a) * amount }

/// 0 up to `low`, 1 from `high` on, straight between.
func ramp(_ low: Float, _ high: Float, _ x: Float) -> Float { clamp((x - low) / (high - low)) }

/// 0 up to `low`, 1 from `high` on, without corners.
func smoothstep(_ low: Float, _ high: Float, _ x: Float) -> Float {
    let t = ramp(low, high, x)
    return t * t * (3 - 2 * t)
}

/// A point turned counter-clockwise; `turn` is the cosine and the sine of the angle.
func rotated(_ p: Point, by turn: Point) -> Point {
    Point(p.x * turn.x - p.y * turn.y, p.x * turn.y + p.y * turn.x)
}

/// The signed distance to a regular hexagon with two flat sides at ±`inradius` in y.
func hexagonDistance(_ p: Point, inradius: Float) -> Float {
    let q = Point(abs(p.x), abs(p.y))
    return max(q.y, 0.866_025_4 * q.x + 0.5 * q.y) - inradius
}

/// The distance to the stretch between two points.
func segmentDistance(_ p: Point, _ a: Point, _ b: Point) -> Float {
    let along = b - a
    let t = clamp(dot(p - a, along) / max(dot(along, along), 1e-12))
    return length(p - a - along * t)
}

/// Smooth noise over the plane, -1 to 1, with features about 1 apart.
struct ValueNoise {
    var seed: UInt32

    func callAsFunction(_ x: Float, _ y: Float) -> Float {
        let left = x.rounded(.down)
        let bottom = y.rounded(.down)
        let column = Int32(left)
        let row = Int32(bottom)
        var fraction = Point(x - left, y - bottom)
        fraction = fraction * fraction * (3 - 2 * fraction)
        let lower = lattice(column, row) * (1 - fraction.x) + lattice(column &+ 1, row) * fraction.x
        let upper = lattice(column, row &+ 1) * (1 - fraction.x) + lattice(column &+ 1, row &+ 1) * fraction.x
        return lower * (1 - fraction.y) + upper * fraction.y
    }

    private func lattice(_ column: Int32, _ row: Int32) -> Float {
        var hash = UInt32(bitPattern: column) &* 0x9e37_79b1 ^ UInt32(bitPattern: row) &* 0x85eb_ca77 ^ seed
        hash = (hash ^ hash >> 15) &* 0x2c1b_3c6d
        hash = (hash ^ hash >> 12) &* 0x297a_2d39
        return Float((hash ^ hash >> 15) >> 8) * 0x1p-23 - 1
    }
}
