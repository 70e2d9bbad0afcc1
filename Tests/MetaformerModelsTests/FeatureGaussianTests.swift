import MetaformerGraph
import Testing

@testable import MetaformerModels

/// A of the target `features`: what its programs make of features, against the same in Double, computed from the features
/// themselves and not from sums.
@Suite("The Gaussian of good images' features")
struct FeatureGaussianTests {
    private let gaussian = FeatureGaussian(shape: [1, 6, 5, 4], shrinkage: 0.1, smoothing: 0.75)
    private let channels = 6
    private let height = 5
    private let width = 4

    /// Programs that share variables.
    private struct Programs {
        let observe: Runner
        let fit: Runner
        let distances: Runner

        init(_ gaussian: FeatureGaussian) throws {
            func runner(_ build: (Graph, Scope) throws -> ModelGraph) throws -> Runner {
                let graph = Graph()
                return try Runner(program: build(graph, Scope(graph)).program().data, threads: 1)
            }
            let places: Shape = [1, 1, gaussian.shape[2], gaussian.shape[3]]
            observe = try runner { graph, scope in
                let updates = try gaussian.observe(
                    graph.input("features", gaussian.shape), inside: graph.input("inside", places), in: scope["sums"])
                return ModelGraph(outputs: [], updates: updates, parameters: [])
            }
            fit = try runner { graph, scope in
                let updates = try gaussian.fit(sums: scope["sums"], in: scope["normal"])
                return ModelGraph(outputs: [], updates: updates, parameters: [])
            }
            distances = try runner { graph, scope in
                let distances = try gaussian.distances(graph.input("features", gaussian.shape), in: scope["normal"])
                return ModelGraph(outputs: [("distances", distances)], parameters: [])
            }
            let (c, hw) = (gaussian.shape[1], places.count)
            let counts = [
                "sums.count": hw, "sums.sum": c * hw, "sums.products": c * c, "normal.mean": c * hw,
                "normal.whitening": c * c,
            ]
            for (name, count) in counts {
                let buffer = FloatBuffer([Float](repeating: 0, count: count))
                if name.hasPrefix("sums") { try observe.bind(name, to: buffer) }
                try fit.bind(name, to: buffer)
                if name.hasPrefix("normal") { try distances.bind(name, to: buffer) }
            }
            for runner in [observe, fit, distances] { try runner.bindRemaining() }
        }

        func add(_ features: [Float], inside: [Float]) throws {
            observe.buffer("features")?.assign(features)
            observe.buffer("inside")?.assign(inside)
            try observe.run()
        }

        func distances(of features: [Float]) throws -> [Float] {
            distances.buffer("features")?.assign(features)
            try distances.run()
            return distances.buffer("distances")?.values ?? []
        }
    }

    private func images(_ count: Int) -> [[Float]] {
        var generator = SplitMix64(seed: 3)
        return (0..<count).map { _ in
            let common = generator.nextNormal()
            return (0..<channels * height * width).map {
                Float(0.5 * generator.nextNormal() + Double($0 % 7) * 0.3 + common)
            }
        }
    }

    private var everywhere: [Float] { [Float](repeating: 1, count: height * width) }

    /// The mean at each place, smoothed by a Gaussian with mirrored edges, and the covariance of what is left.
    private func expected(_ images: [[Float]], distancesOf image: [Float]) -> [Double] {
        let (c, n) = (channels, height * width)
        let radius = 3
        let taps = gaussianTaps(count: 2 * radius + 1, sigma: gaussian.smoothing).map(Double.init)
        func mirrored(_ i: Int, _ count: Int) -> Int { i < 0 ? -i : i >= count ? 2 * (count - 1) - i : i }
        func smoothed(_ plane: [Double]) -> [Double] {
            (0..<n).map { place in
                var sum = 0.0
                for i in -radius...radius {
                    for j in -radius...radius {
                        let (y, x) = (mirrored(place / width + i, height), mirrored(place % width + j, width))
                        sum += taps[i + radius] * taps[j + radius] * plane[y * width + x]
                    }
                }
                return sum
            }
        }
        let k = Double(images.count)
        let plane = { (channel: Int) in
            (0..<n).map { place in images.reduce(0.0) { $0 + Double($1[channel * n + place]) } }
        }
        let means = (0..<c).map { plane($0).reduce(0, +) / k / Double(n) }
        let local = (0..<c).map { channel in
            smoothed(plane(channel)).map { ($0 + 1e-3 * means[channel]) / (k + 1e-3) }
        }
        func covariance(_ centre: (Int, Int) -> Double) -> [[Double]] {
            (0..<c).map { a in
                (0..<c).map { b in
                    var sum = 0.0
                    for image in images {
                        for place in 0..<n {
                            sum +=
                                (Double(image[a * n + place]) - centre(a, place))
                                * (Double(image[b * n + place]) - centre(b, place))
                        }
                    }
                    return sum / k / Double(n)
                }
            }
        }
        let whole = covariance { channel, _ in means[channel] }
        let squares = covariance { _, _ in 0 }
        let deviation = (0..<c).map { max(whole[$0][$0], 1e-2 * squares[$0][$0], 1e-4).squareRoot() }
        let own = taps[radius] * taps[radius] / k
        let residual = covariance { local[$0][$1] }
        var matrix = (0..<c).map { a in
            (0..<c).map { b in residual[a][b] / ((1 - own) * (1 - own)) / deviation[a] / deviation[b] }
        }
        let shrinkage = Double(gaussian.shrinkage)
        let ratios = (0..<c).map { squares[$0][$0] / (deviation[$0] * deviation[$0]) }
        let rounding = 2e-6 * ratios.reduce(0.0) { $0 + $1 * $1 } / Double(c)
        let level = (0..<c).reduce(0.0) { $0 + matrix[$1][$1] } * shrinkage / Double(c) + 1e-3 + rounding
        for a in 0..<c { for b in 0..<c { matrix[a][b] = (1 - shrinkage) * matrix[a][b] + (a == b ? level : 0) } }
        return (0..<n).map { place in
            let gap = (0..<c).map { (Double(image[$0 * n + place]) - local[$0][place]) / deviation[$0] }
            return zip(gap, solution(of: matrix, gap)).reduce(0) { $0 + $1.0 * $1.1 } / Double(c)
        }
    }

    /// By Gauss's elimination.
    private func solution(of matrix: [[Double]], _ right: [Double]) -> [Double] {
        var rows = zip(matrix, right).map { $0 + [$1] }
        for i in rows.indices {
            for k in rows.indices where k != i {
                let factor = rows[k][i] / rows[i][i]
                for j in i...rows.count { rows[k][j] -= factor * rows[i][j] }
            }
        }
        return rows.indices.map { rows[$0][rows.count] / rows[$0][$0] }
    }

    @Test("its distances are those that the features themselves give", arguments: [1, 2, 9])
    func distances(_ count: Int) throws {
        let programs = try Programs(gaussian)
        let images = images(count + 1)
        for image in images.dropLast() { try programs.add(image, inside: everywhere) }
        try programs.fit.run()
        let distances = try programs.distances(of: images[count])
        let expected = expected(Array(images.dropLast()), distancesOf: images[count])
        for (value, exact) in zip(distances, expected) { #expect(abs(Double(value) - exact) < 2e-4 * (1 + exact)) }
    }

    @Test("what lies outside changes nothing") func masked() throws {
        var inside = everywhere
        for place in [0, 1, 2, 7] { inside[place] = 0 }
        let images = images(4)
        let (plain, changed) = (try Programs(gaussian), try Programs(gaussian))
        for image in images {
            try plain.add(image, inside: inside)
            let other = image.indices.map { inside[$0 % (height * width)] == 0 ? 100 + image[$0] : image[$0] }
            try changed.add(other, inside: inside)
        }
        for programs in [plain, changed] { try programs.fit.run() }
        #expect(try plain.distances(of: images[0]) == changed.distances(of: images[0]))
        #expect(try plain.distances(of: images[0]).allSatisfy(\.isFinite))
    }

    @Test("images that are all alike leave distances finite") func alike() throws {
        let programs = try Programs(gaussian)
        let image = [Float](repeating: 0.25, count: channels * height * width)
        for _ in 0..<3 { try programs.add(image, inside: everywhere) }
        try programs.fit.run()
        let other = try programs.distances(of: image.map { $0 + 1 })
        #expect(try programs.distances(of: image).allSatisfy { $0 >= 0 && $0 < 1e-3 })
        #expect(other.allSatisfy { $0.isFinite && $0 > 10 })
    }
}
