import Foundation
import MetaformerData

/// A smooth field of random numbers: normal ones on a coarse grid, cubic between them.
struct Field {
    private let cells: Int
    private let values: [Float]
    private let scale: Float

    /// Over an image of `size` pixels a side with so many cells, at least 1.
    init(size: Int, cells: Int, using generator: inout RandomGenerator) {
        self.cells = max(cells, 1)
        scale = Float(self.cells) / Float(size)
        let side = self.cells + 3
        values = (0..<side * side).map { _ in generator.normal() }
    }

    /// At a pixel; about 0, with a standard deviation near 1.
    func callAsFunction(_ x: Float, _ y: Float) -> Float {
        let (u, v) = (min(max(x * scale, 0), Float(cells) - 1e-3), min(max(y * scale, 0), Float(cells) - 1e-3))
        let (column, row) = (Int(u), Int(v))
        let (across, down) = (weights(u - Float(column)), weights(v - Float(row)))
        var sum: Float = 0
        for i in 0..<4 {
            let start = (row + i) * (cells + 3) + column
            let line = (0..<4).reduce(Float(0)) { $0 + across[$1] * values[start + $1] }
            sum += down[i] * line
        }
        return sum
    }

    /// Of the four values around a point (Catmull and Rom).
    private func weights(_ t: Float) -> SIMD4<Float> {
        let (t2, t3) = (t * t, t * t * t)
        return 0.5 * SIMD4(-t3 + 2 * t2 - t, 3 * t3 - 5 * t2 + 2, -3 * t3 + 4 * t2 + t, t3 - t2)
    }
}

extension RandomGenerator {
    /// Normal with mean 0 and deviation 1, nearly: a sum of twelve uniform numbers.
    mutating func normal() -> Float { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }

    /// One of these.
    mutating func choice<T>(_ items: [T]) -> T { items[Int(next() % UInt64(items.count))] }

    /// A number whose logarithm is evenly spread.
    mutating func logUniform(_ range: ClosedRange<Float>) -> Float {
        Foundation.exp(uniform(Foundation.log(range.lowerBound)...Foundation.log(range.upperBound)))
    }
}
