extension Opcode {
    public static let triangularSolve = Opcode("triangular_solve")
}

/// L⁻¹ B or L⁻ᵀ B over the last two axes; the leading ones are equal, or all 1 in L.
struct TriangularSolve: Operation {
    let isTransposed: Bool

    var name: String { "triangular solve" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        let (l, b) = (inputs[0], inputs[1])
        guard l.rank >= 2, b.rank >= 2 else { throw GraphError(name, inputs, "matrices have at least rank 2") }
        let n = l[l.rank - 1]
        guard l[l.rank - 2] == n else { throw GraphError(name, inputs, "L must be square, [..., N, N]") }
        guard b[b.rank - 2] == n else {
            throw GraphError(name, inputs, "B must have the \(n) rows that L has, not \(b[b.rank - 2])")
        }
        let (leadingL, leadingB) = (l[0..<l.rank - 2], b[0..<b.rank - 2])
        guard leadingL.count == 1 || leadingL == leadingB else {
            throw GraphError(name, inputs, "the leading dimensions of L must be those of B, or 1")
        }
        return b
    }

    func vjp(inputs: [Tensor], output x: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let l = inputs[0]
        let db = try triangularSolve(l, gradient, transposed: !isTransposed)
        var dl: Tensor?
        if needed[0] {
            let product = try isTransposed ? matmul(x, db, transposeB: true) : matmul(db, x, transposeB: true)
            dl = try -product.sumLeading(to: l.shape).lowerTriangle()
        }
        return [dl, db]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let (n, m) = (output[output.rank - 2], output[output.rank - 1])
        var x = inputs[1]
        for system in 0..<output.count / (n * m) {
            let (matrix, start) = (shapes[0].count == n * n ? 0 : system * n * n, system * n * m)
            // Each unknown in turn is taken off the equations that are still to be solved.
            for i in isTransposed ? Array((0..<n).reversed()) : Array(0..<n) {
                for column in 0..<m {
                    let value = x[start + i * m + column] / inputs[0][matrix + i * n + i]
                    x[start + i * m + column] = value
                    for k in isTransposed ? 0..<i : i + 1..<max(n, i + 1) {
                        let factor = inputs[0][matrix + (isTransposed ? i * n + k : k * n + i)]
                        x[start + k * m + column] -= factor * value
                    }
                }
            }
        }
        return x
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.triangularSolve, attributes: [isTransposed ? 1 : 0])
    }

    var linearOperands: [Int] { [1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { output.count * output[output.rank - 2] }
}

extension Tensor {
    /// Square matrices, the last two axes, with 0 above the diagonal, and the diagonal times a factor.
    func lowerTriangle(diagonal: Float = 1) throws -> Tensor {
        let n = shape[rank - 1]
        let mask = (0..<n * n).map { $0 % n < $0 / n ? 1 : $0 % n == $0 / n ? diagonal : 0 }
        return try self * graph.constant(mask, [n, n])
    }
}

/// Solves L X = B, or with `transposed` Lᵀ X = B, for lower triangular L: L [..., N, N], B [..., N, M] → X [..., N, M]. The
/// leading dimensions of L are those of B, or all 1: one matrix for all.
///
/// Only the lower triangle of L is read. A 0 on its diagonal is divided by: what depends on that unknown is then infinite or not
/// a number. The inverse of L is X for the identity B; that of A = L Lᵀ takes both forms, one after the other. Throws when the
/// shapes do not fit.
public func triangularSolve(_ l: Tensor, _ b: Tensor, transposed: Bool = false) throws -> Tensor {
    try l.graph.apply(TriangularSolve(isTransposed: transposed), to: [l, b])
}
