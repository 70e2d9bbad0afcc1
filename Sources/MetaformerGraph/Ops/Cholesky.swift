extension Opcode {
    public static let cholesky = Opcode("cholesky")
}

/// The lower factor of symmetric positive definite matrices, the last two axes.
struct Cholesky: Operation {
    var name: String { "cholesky" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        let a = inputs[0]
        guard a.rank >= 2, a[a.rank - 1] == a[a.rank - 2] else {
            throw GraphError(name, inputs, "takes square matrices, [..., N, N]")
        }
        return a
    }

    /// For L of A (I. Murray, "Differentiation of the Cholesky decomposition", 2016): the symmetric part of
    /// L⁻ᵀ Φ(Lᵀ L̄) L⁻¹, where Φ takes the lower triangle with half the diagonal.
    func vjp(inputs: [Tensor], output l: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let inner = try matmul(l, gradient, transposeA: true).lowerTriangle(diagonal: 0.5)
        let left = try triangularSolve(l, inner, transposed: true)
        let both = try triangularSolve(l, left.matrixTranspose(), transposed: true)
        return [try 0.5 * (both + both.matrixTranspose())]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let n = output[output.rank - 1]
        var l = [Double](repeating: 0, count: output.count)
        for start in stride(from: 0, to: output.count, by: n * n) {
            // Column by column, each taken off what is right of it.
            var rest = inputs[0][start..<start + n * n].map { $0 }
            for k in 0..<n {
                let pivot = rest[k * n + k] > 0 ? rest[k * n + k].squareRoot() : .nan
                for i in k..<n { l[start + i * n + k] = i == k ? pivot : rest[i * n + k] / pivot }
                for i in k + 1..<max(n, k + 1) {
                    for j in k + 1...i { rest[i * n + j] -= l[start + i * n + k] * l[start + j * n + k] }
                }
            }
        }
        return l
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding { .instruction(.cholesky, attributes: []) }
    func operationCount(inputs: [Shape], output: Shape) -> Int { output.count * output[output.rank - 1] / 3 }
}

extension Tensor {
    /// The last two axes exchanged.
    func matrixTranspose() throws -> Tensor {
        try transpose(Array(0..<rank - 2) + [rank - 1, rank - 2])
    }
}

/// The Cholesky factor of symmetric positive definite matrices: A [..., N, N] → L [..., N, N], lower triangular with
/// L Lᵀ = A and a positive diagonal; above the diagonal it is exactly 0.
///
/// Only the lower triangle of A is read, the upper one being taken for its mirror image; the gradient is symmetric, half of it
/// above the diagonal. Where A is not positive definite there is no factor: from the first column on whose pivot is not
/// positive, all that is not above the diagonal is not a number. Nothing is clamped: add a ridge to the diagonal of what may be
/// singular. Throws when A is not square or of rank under 2.
public func cholesky(_ a: Tensor) throws -> Tensor { try a.graph.apply(Cholesky(), to: [a]) }
