import MetaformerGraph
import Testing

@testable import MetaformerModels

/// One plane of numbers, computed on without graphs.
private struct Plane {
    let (height, width): (Int, Int)
    var values: [Double]

    /// Mirrored beyond the edge, without repeating it.
    subscript(y: Int, x: Int) -> Double {
        let mirrored = { (i: Int, n: Int) in i < 0 ? -i : i >= n ? 2 * n - 2 - i : i }
        return values[mirrored(y, height) * width + mirrored(x, width)]
    }

    func map(_ height: Int, _ width: Int, _ value: (Int, Int) -> Double) -> Plane {
        let values = (0..<height * width).map { value($0 / width, $0 % width) }
        return Plane(height: height, width: width, values: values)
    }

    var halved: Plane {
        map(height / 2, width / 2) { y, x in
            (self[2 * y, 2 * x] + self[2 * y, 2 * x + 1] + self[2 * y + 1, 2 * x] + self[2 * y + 1, 2 * x + 1]) / 4
        }
    }

    var magnitude: Plane {
        map(height, width) { y, x in
            let across = (-1...1).map { self[y + $0, x - 1] - self[y + $0, x + 1] }.reduce(0, +) / 3
            let down = (-1...1).map { self[y - 1, x + $0] - self[y + 1, x + $0] }.reduce(0, +) / 3
            return (across * across + down * down).squareRoot()
        }
    }

    /// Between the centres of positions, the nearest one beyond the outermost.
    func enlarged(_ toHeight: Int, _ toWidth: Int) -> Plane {
        func place(_ i: Int, _ from: Int, _ to: Int) -> (low: Int, high: Int, share: Double) {
            let at = min(max((Double(i) + 0.5) * Double(from) / Double(to) - 0.5, 0), Double(from - 1))
            return (Int(at), min(Int(at) + 1, from - 1), at - at.rounded(.down))
        }
        return map(toHeight, toWidth) { y, x in
            let (v, h) = (place(y, height, toHeight), place(x, width, toWidth))
            let upper = self[v.low, h.low] * (1 - h.share) + self[v.low, h.high] * h.share
            let lower = self[v.high, h.low] * (1 - h.share) + self[v.high, h.high] * h.share
            return upper * (1 - v.share) + lower * v.share
        }
    }
}

@Suite("Gradient similarity")
struct GradientSimilarityTests {
    @Test("equals a plain computation in Double, in the interpreter and in the engine", arguments: [1, 3])
    func againstPlain(_ channels: Int) throws {
        let (height, width) = (38, 52)
        let shape = Shape([1, channels, height, width])
        var generator = SplitMix64(seed: 11)
        let x = (0..<shape.count).map { _ in generator.nextUnit() }
        let y = x.map { min(max($0 + 0.4 * generator.nextUnit() - 0.2, 0), 1) }
        let weights = channels == 3 ? [0.2989, 0.5870, 0.1140] : [1]
        var planes = [x, y].map { image in
            let grey = (0..<height * width).map { position in
                weights.indices.map { weights[$0] * image[$0 * height * width + position] }.reduce(0, +)
            }
            return Plane(height: height, width: width, values: grey)
        }
        var expected = [Double](repeating: 0, count: height * width)
        for scale in 0..<4 {
            if scale > 0 { planes = planes.map(\.halved) }
            let (a, b) = (planes[0].magnitude, planes[1].magnitude)
            let similarity = a.map(a.height, a.width) { y, x in
                (2 * a[y, x] * b[y, x] + 0.0026) / (a[y, x] * a[y, x] + b[y, x] * b[y, x] + 0.0026)
            }
            for (index, value) in similarity.enlarged(height, width).values.enumerated() {
                expected[index] += value / 4
            }
        }
        let graph = Graph()
        let map = try GradientSimilarity().map(graph.input("x", shape), graph.input("y", shape))
        let values = try graph.evaluate([map], inputs: ["x": x, "y": y])[0]
        #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        let runner = try Runner(program: Program(graph: graph, outputs: [("map", map)]).data)
        try runner.bindRemaining()
        runner.buffer("x")?.assign(x.map { Float($0) })
        runner.buffer("y")?.assign(y.map { Float($0) })
        try runner.run()
        let engine = try #require(runner.buffer("map")).values
        #expect(zip(engine, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    }

    @Test("images that are too small are refused") func tooSmall() throws {
        let graph = Graph()
        let error = try #require(throws: GraphError.self) {
            _ = try GradientSimilarity().map(graph.input("x", [1, 1, 15, 64]), graph.input("y", [1, 1, 15, 64]))
        }
        #expect(error.description.contains("of 16 rows and columns at least"))
    }
}
