extension Opcode {
    public static let attention = Opcode("attention")
}

/// softmax(scale · q kᵀ) v in one instruction: q [B, M, D], k [B, N, D], v [B, N, E] → [B, M, E].
///
/// Made by a pass where the product stands and nothing else needs its inside.
struct Attention: Operation {
    let scale: Float

    var name: String { "attention" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(3, of: name, inputs)
        let (q, k, v) = (inputs[0], inputs[1], inputs[2])
        guard q.rank == 3, k.rank == 3, v.rank == 3, q[0] == k[0], k[0] == v[0], q[2] == k[2], k[1] == v[1] else {
            throw GraphError(name, inputs, "takes q [B, M, D], k [B, N, D] and v [B, N, E]")
        }
        return [q[0], q[1], v[2]]
    }

    private func compose(_ operands: [Tensor]) throws -> Tensor {
        let scores = try matmul(operands[0], operands[1], transposeB: true) * scale
        return try matmul(softmax(scores), operands[2])
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        try gradient.graph.vjp(through: compose, inputs: inputs, gradient: gradient, needed: needed)
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let scores: Shape = [shapes[0][0], shapes[0][1], shapes[1][1]]
        let product = MatrixProduct(transposeA: false, transposeB: true)
            .reference([inputs[0], inputs[1]], shapes: [shapes[0], shapes[1]], output: scores)
        let weights = Softmax()
            .reference([product.map { Double(scale) * $0 }], shapes: [scores], output: scores)
        return MatrixProduct(transposeA: false, transposeB: false)
            .reference([weights, inputs[2]], shapes: [scores, shapes[2]], output: output)
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.attention, attributes: [scale.bitPattern])
    }

    var linearOperands: [Int] { [2] }
    func operationCount(inputs: [Shape], output: Shape) -> Int {
        let products = inputs[0][0] * inputs[0][1] * inputs[1][1]
        return 2 * products * (inputs[0][2] + inputs[2][2]) + 5 * products
    }
}
