extension Opcode {
    public static let matmul = Opcode("matmul")
}

/// Matrix products over the last two axes; the leading ones are equal, or all 1 in one operand.
struct MatrixProduct: Operation {
    let transposeA: Bool
    let transposeB: Bool

    var name: String { "matmul" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        let (a, b) = (inputs[0], inputs[1])
        guard a.rank >= 2, b.rank >= 2 else { throw GraphError(name, inputs, "matrices have at least rank 2") }
        let (rows, inner) = matrix(a, transposeA)
        let (innerB, columns) = matrix(b, transposeB)
        guard inner == innerB else {
            throw GraphError(
                name, inputs, "the inner dimensions must agree: a has \(inner) columns and b \(innerB) rows")
        }
        let (leadingA, leadingB) = (a[0..<a.rank - 2], b[0..<b.rank - 2])
        guard leadingA.count == 1 || leadingB.count == 1 || leadingA == leadingB else {
            throw GraphError(name, inputs, "the leading dimensions must be equal, or 1 in one operand")
        }
        let isWider = (leadingB.count, leadingB.rank) > (leadingA.count, leadingA.rank)
        return Shape((isWider ? leadingB : leadingA).dims + [rows, columns])
    }

    private func matrix(_ shape: Shape, _ isTransposed: Bool) -> (rows: Int, columns: Int) {
        let (rows, columns) = (shape[shape.rank - 2], shape[shape.rank - 1])
        return isTransposed ? (columns, rows) : (rows, columns)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient g: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let (a, b) = (inputs[0], inputs[1])
        if b.rank == 2, a.rank > 2, !transposeA {
            // One tall product instead of many small ones that are summed.
            let flat = { (x: Tensor) in
                try x.reshape(to: [x.shape.count / x.shape[x.rank - 1], x.shape[x.rank - 1]])
            }
            let gradients = try vjp(inputs: [flat(a), b], output: output, gradient: flat(g), needed: needed)
            return [try gradients[0]?.reshape(to: a.shape), gradients[1]]
        }
        var result: [Tensor?] = [nil, nil]
        if needed[0] {
            let da =
                try transposeA
                ? matmul(b, g, transposeA: transposeB, transposeB: true)
                : matmul(g, b, transposeB: !transposeB)
            result[0] = try da.sumLeading(to: a.shape)
        }
        if needed[1] {
            let db =
                try transposeB
                ? matmul(g, a, transposeA: true, transposeB: transposeA)
                : matmul(a, g, transposeA: !transposeA)
            result[1] = try db.sumLeading(to: b.shape)
        }
        return result
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let (a, b) = (shapes[0], shapes[1])
        let (rows, inner) = matrix(a, transposeA)
        let columns = matrix(b, transposeB).columns
        var result: [Double] = []
        result.reserveCapacity(output.count)
        for batch in 0..<output.count / (rows * columns) {
            let aStart = a.count == rows * inner ? 0 : batch * rows * inner
            let bStart = b.count == inner * columns ? 0 : batch * inner * columns
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum = 0.0
                    for k in 0..<inner {
                        sum +=
                            inputs[0][aStart + (transposeA ? k * rows + row : row * inner + k)]
                            * inputs[1][bStart + (transposeB ? column * inner + k : k * columns + column)]
                    }
                    result.append(sum)
                }
            }
        }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.matmul, attributes: [transposeA ? 1 : 0, transposeB ? 1 : 0])
    }

    var linearOperands: [Int] { [0, 1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int {
        2 * output.count * matrix(inputs[0], transposeA).columns
    }
}

extension Tensor {
    /// Sums over the leading dimensions along which a matrix was shared.
    func sumLeading(to shape: Shape) throws -> Tensor {
        guard shape.count != self.shape.count else { return try reshape(to: shape) }
        return try sum(axes: Array(0..<rank - 2)).reshape(to: shape)
    }
}

/// a [..., M, K] · b [..., K, N] → [..., M, N]; a transposed operand is stored [..., K, M] or [..., N, K]. The leading
/// dimensions are equal, or all 1 in one operand. Throws when the shapes do not fit.
public func matmul(
    _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false
) throws -> Tensor {
    try a.graph.apply(MatrixProduct(transposeA: transposeA, transposeB: transposeB), to: [a, b])
}

/// x weightᵀ + bias: x [..., in], weight [out, in], bias [out] → [..., out]. Throws when the shapes do not fit.
public func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil) throws -> Tensor {
    guard x.rank >= 2 else {
        throw GraphError("linear", [x.shape, weight.shape], "x must be [..., in], rank 2 or more")
    }
    let y = try matmul(x, weight, transposeB: true)
    guard let bias else { return y }
    guard bias.shape == [weight.shape[0]] else {
        throw GraphError("linear", [x.shape, weight.shape], "the bias must be [\(weight.shape[0])], not \(bias.shape)")
    }
    return try y + bias
}
