import MetaformerGraph
import Testing

/// Cholesky factors and triangular systems by what they are for, in Double; sums of products that are added up in place.
@Suite("Factors, systems and sums of products")
struct FactorTests {
    /// F Fᵀ / P + I for random F [n, P], with rubbish above the diagonal.
    private func covariance(_ n: Int) -> [Float] {
        let p = n + 8
        let f = [Float].random([n, p], seed: UInt64(n))
        return (0..<n * n).map { at in
            let (i, j) = (at / n, at % n)
            guard j <= i else { return .nan }
            return (0..<p).reduce(i == j ? 1 : 0) { $0 + f[i * p + $1] * f[j * p + $1] / Float(p) }
        }
    }

    private func factor(_ a: [Float], _ n: Int, on set: InstructionSet, batch: Int = 1) throws -> [Float] {
        let shape = batch == 1 ? [n, n] : [batch, n, n]
        return try SingleInstruction(opcode: .cholesky, inputs: [shape], output: shape).run([a], on: set)
    }

    @Test("L Lᵀ is A, read below the diagonal alone, and L is 0 above it", arguments: [1, 2, 17, 40, 192])
    func factors(n: Int) throws {
        let a = covariance(n)
        for set in InstructionSet.available {
            let l = try factor(a, n, on: set).map(Double.init)
            for i in 0..<n {
                #expect(l[i * n + i] > 0)
                #expect(l[i * n + i + 1..<(i + 1) * n].allSatisfy { $0 == 0 && $0.sign == .plus })
                for j in 0...i {
                    let product = (0...j).reduce(0.0) { $0 + l[i * n + $1] * l[j * n + $1] }
                    #expect(abs(product - Double(a[i * n + j])) < 1e-5, "\(set): row \(i), column \(j)")
                }
            }
        }
    }

    @Test("from the first pivot that is not positive on, a factor is not a number", arguments: [-1, 0, Float.nan])
    func notPositive(pivot: Float) throws {
        let (n, bad) = (21, 6)
        var a = covariance(n)
        // Its own row alone: with nothing left of it, the diagonal is the pivot.
        for j in 0..<bad { a[bad * n + j] = 0 }
        a[bad * n + bad] = pivot
        // The second matrix is unharmed.
        let both = a + covariance(n)
        for set in InstructionSet.available {
            let l = try factor(both, n, on: set, batch: 2)
            for i in 0..<n {
                for j in 0..<n {
                    let value = l[i * n + j]
                    #expect(j > i ? value == 0 : value.isNaN == (j >= bad), "\(set): row \(i), column \(j)")
                }
            }
            #expect(l[(n * n)...].allSatisfy { $0.isFinite })
        }
    }

    @Test(
        "L X is B, read below the diagonal alone", arguments: [(1, 1), (5, 100), (40, 40), (192, 192)], [false, true])
    func solves(size: (n: Int, m: Int), transposed: Bool) throws {
        let (n, m) = size
        let b = [Float].random([n, m], seed: 3)
        for set in InstructionSet.available {
            var l = try factor(covariance(n), n, on: set)
            for i in 0..<n { for j in i + 1..<max(n, i + 1) { l[i * n + j] = .nan } }
            let x = try SingleInstruction(
                opcode: .triangularSolve, inputs: [[n, n], [n, m]], output: [n, m],
                attributes: [transposed ? 1 : 0]
            ).run([l, b], on: set)
            for i in 0..<n {
                for column in 0..<m {
                    let sum = (transposed ? i..<n : 0..<i + 1).reduce(0.0) {
                        $0 + Double(l[transposed ? $1 * n + i : i * n + $1]) * Double(x[$1 * m + column])
                    }
                    #expect(abs(sum - Double(b[i * m + column])) < 1e-5, "\(set): row \(i), column \(column)")
                }
            }
        }
    }

    @Test(
        "S + F Fᵀ is one instruction that adds to S where it is, with the same bits for any number of threads",
        arguments: [(40, 64), (40, 2304), (192, 64), (192, 2304)])
    func accumulates(size: (channels: Int, positions: Int)) throws {
        let (c, p) = size
        let graph = Graph()
        let f = try graph.input("f", [c, p])
        let s = try graph.variable("s", [c, c])
        let program = try Program(
            graph: graph, outputs: [], updates: [("s", s + matmul(f, f, transposeB: true))])
        #expect(program.plan.instructionCount == 1)
        #expect(program.plan.arenaBytes == 0)
        let features = [[Float]]([.random([c, p], seed: 1), .random([c, p], seed: 2)])
        for set in InstructionSet.available {
            var bits: [UInt32]?
            for threads in [1, 2, 3, 8] {
                let runner = try Runner(program: program.data, threads: threads, instructionSet: set)
                let sum = FloatBuffer([Float](repeating: 0.5, count: c * c))
                try runner.bind("s", to: sum)
                for values in features {
                    try runner.bind("f", to: FloatBuffer(values))
                    try runner.run()
                }
                let values = sum.values
                #expect(bits ?? values.map(\.bitPattern) == values.map(\.bitPattern), "\(set), \(threads) threads")
                bits = values.map(\.bitPattern)
                for at in stride(from: 0, to: c * c, by: 97) {
                    let (i, j) = (at / c, at % c)
                    let expected = features.reduce(0.5) { sum, f in
                        (0..<p).reduce(sum) { $0 + Double(f[i * p + $1]) * Double(f[j * p + $1]) }
                    }
                    #expect(abs(Double(values[at]) - expected) < 1e-6 * Double(p))
                }
            }
        }
    }
}
