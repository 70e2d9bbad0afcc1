import Foundation
import MetaformerData
import MetaformerInspection

/// A photograph that views are taken of: planes [3, height, width] in [0, 1], larger than a view.
struct Photograph {
    let planes: [Float]
    let height: Int
    let width: Int
    /// Whether it shows a texture, of which any part is as good as any other.
    let isTexture: Bool

    /// How much larger than a view its shorter side is.
    static let margin: Float = 1.25

    /// Scales an image; a grey one stays grey. Throws where it is too small.
    init(_ image: Image, named name: String, viewSize: Int, isTexture: Bool) throws {
        let factor = Photograph.margin * Float(viewSize) / Float(min(image.width, image.height))
        height = max(Int((Float(image.height) * factor).rounded()), viewSize)
        width = max(Int((Float(image.width) * factor).rounded()), viewSize)
        self.isTexture = isTexture
        planes = try Frame(image, of: name).planes(channels: 3, height: height, width: width)
    }

    /// The value of a channel between pixels, mirrored beyond the edges.
    func sample(_ channel: Int, _ x: Float, _ y: Float) -> Float {
        let (left, top) = (x.rounded(.down), y.rounded(.down))
        let (u, v) = (x - left, y - top)
        let (x0, x1) = (mirrored(Int(left), width), mirrored(Int(left) + 1, width))
        let (y0, y1) = (mirrored(Int(top), height), mirrored(Int(top) + 1, height))
        let start = channel * height * width
        let upper = planes[start + y0 * width + x0] * (1 - u) + planes[start + y0 * width + x1] * u
        let lower = planes[start + y1 * width + x0] * (1 - u) + planes[start + y1 * width + x1] * u
        return upper * (1 - v) + lower * v
    }

    private func mirrored(_ index: Int, _ count: Int) -> Int {
        let period = 2 * (count - 1)
        guard period > 0 else { return 0 }
        let place = ((index % period) + period) % period
        return place < count ? place : period - place
    }
}

/// Views of one photograph that stand for good images of one product: they vary as those do, in place, angle, scale and shape,
/// in light, contrast, sharpness and noise.
struct ProductViews {
    let photograph: Photograph
    let size: Int
    /// How much they vary: 1 for shifts of 5 %, angles of 5°, scales of 6 %, gains of 15 % and elastic shifts of 4 of 256 pixels.
    let strength: Float
    /// Whether each view shows a place of its own.
    let isFree: Bool
    /// Whether the product is grey.
    let isGrey: Bool
    private let centre: (x: Float, y: Float)

    /// - Parameter variation: 1 for a strength of 0.15 to 1.3.
    init(of photograph: Photograph, size: Int, variation: Float = 1, using generator: inout RandomGenerator) {
        self.photograph = photograph
        self.size = size
        strength = variation * generator.choice([0.15, 0.4, 0.7, 1, 1.3])
        isFree = photograph.isTexture && generator.uniform() < 0.6
        isGrey = generator.uniform() < 0.3
        centre = ProductViews.centre(photograph, size, &generator)
    }

    private static func centre(_ photograph: Photograph, _ size: Int, _ generator: inout RandomGenerator) -> (
        x: Float, y: Float
    ) {
        let half = Float(size) / 2
        return (
            generator.uniform(half...max(Float(photograph.width) - half, half)),
            generator.uniform(half...max(Float(photograph.height) - half, half))
        )
    }

    /// A view: planes [3, size, size] in [0, 1].
    func view(using generator: inout RandomGenerator) -> [Float] {
        var planes = moved(using: &generator)
        light(&planes, using: &generator)
        if generator.uniform() < 0.4 { Blur.gaussian(&planes, size: size, sigma: generator.uniform(0.3...1)) }
        let noise = generator.uniform(0...0.02)
        for index in planes.indices { planes[index] = min(max(planes[index] + noise * generator.normal(), 0), 1) }
        return planes
    }

    private func moved(using generator: inout RandomGenerator) -> [Float] {
        var angle = generator.uniform(-5...5) * .pi / 180 * strength
        let scale = 1 + generator.uniform(-0.06...0.06) * strength
        let place = isFree ? ProductViews.centre(photograph, size, &generator) : centre
        if isFree, generator.uniform() < 0.3 { angle += generator.choice([0, .pi / 2, .pi]) }
        let reach = 0.05 * Float(size) * strength
        let (dx, dy) = (generator.uniform(-reach...reach), generator.uniform(-reach...reach))
        let bend = generator.uniform(0...4) * Float(size) / 256 * strength
        let cells = generator.choice([4, 6, 8])
        let across = Field(size: size, cells: cells, using: &generator)
        let down = Field(size: size, cells: cells, using: &generator)
        var planes = [Float](repeating: 0, count: 3 * size * size)
        for y in 0..<size {
            for x in 0..<size {
                let (u, v) = ((Float(x) - Float(size) / 2) * scale, (Float(y) - Float(size) / 2) * scale)
                let px = cos(angle) * u - sin(angle) * v + place.x + dx + bend * across(Float(x), Float(y))
                let py = sin(angle) * u + cos(angle) * v + place.y + dy + bend * down(Float(x), Float(y))
                for channel in 0..<3 {
                    planes[(channel * size + y) * size + x] = photograph.sample(channel, px, py)
                }
            }
        }
        return isGrey ? Photograph.grey(planes) : planes
    }

    private func light(_ planes: inout [Float], using generator: inout RandomGenerator) {
        let gain = 1 + generator.uniform(-0.15...0.15) * strength
        let contrast = 1 + generator.uniform(-0.15...0.15) * strength
        let shade = 0.08 * strength * generator.uniform()
        let field = Field(size: size, cells: 3, using: &generator)
        let mean = gain * planes.reduce(0, +) / Float(planes.count)
        for y in 0..<size {
            for x in 0..<size {
                let local = gain * (1 + shade * field(Float(x), Float(y)))
                for channel in 0..<3 {
                    let index = (channel * size + y) * size + x
                    planes[index] = (planes[index] * local - mean) * contrast + mean
                }
            }
        }
    }
}

extension Photograph {
    /// The mean of three planes, in each of them.
    static func grey(_ planes: [Float]) -> [Float] {
        let count = planes.count / 3
        let mean = (0..<count).map { (planes[$0] + planes[count + $0] + planes[2 * count + $0]) / 3 }
        return mean + mean + mean
    }
}

/// Filters of planes [channels, size, size].
enum Blur {
    static func gaussian(_ planes: inout [Float], size: Int, sigma: Float) {
        let radius = 3
        let taps = (-radius...radius).map { Foundation.exp(-Float($0 * $0) / (2 * sigma * sigma)) }
        let sum = taps.reduce(0, +)
        filter(&planes, size: size, taps: taps.map { $0 / sum })
    }

    static func box(_ planes: inout [Float], size: Int, radius: Int) {
        filter(&planes, size: size, taps: [Float](repeating: 1 / Float(2 * radius + 1), count: 2 * radius + 1))
    }

    /// Along rows, then along columns; edges are repeated.
    private static func filter(_ planes: inout [Float], size: Int, taps: [Float]) {
        let radius = taps.count / 2
        for isAcross in [true, false] {
            let source = planes
            for start in stride(from: 0, to: planes.count, by: size * size) {
                for y in 0..<size {
                    for x in 0..<size {
                        var sum: Float = 0
                        for (index, tap) in taps.enumerated() {
                            let moved = min(max((isAcross ? x : y) + index - radius, 0), size - 1)
                            sum += tap * source[start + (isAcross ? y * size + moved : moved * size + x)]
                        }
                        planes[start + y * size + x] = sum
                    }
                }
            }
        }
    }
}
