/// max(x, slope · x) for 0 < slope < 1, in one operation so that its gradient needs the result and not the operand.
struct LeakyReLU: Operation {
    let slope: Float

    var name: String { "leaky ReLU" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard slope > 0, slope < 1 else { throw GraphError(name, inputs, "the slope is \(slope), not between 0 and 1") }
        return inputs[0]
    }

    func vjp(inputs: [Tensor], output y: Tensor, gradient g: Tensor, needed: [Bool]) throws -> [Tensor?] {
        // A positive slope keeps the sign. The factor is a constant to further derivatives.
        let graph = y.graph
        return [try g * select(greater(y, graph.constant(0)), graph.constant(1), graph.constant(slope))]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        inputs[0].map { max($0, Double(slope) * $0) }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .pointwise(
            Expression(
                inputCount: 1,
                steps: [
                    .init(function: .constant, operands: [], constant: slope),
                    .init(function: .multiply, operands: [0, 1]),
                    .init(function: .maximum, operands: [0, 2]),
                ]))
    }
}

/// max(x, 0).
public func relu(_ x: Tensor) throws -> Tensor { try maximum(x, x.graph.constant(0)) }

/// x where it is positive, else slope · x; throws when the slope is not between 0 and 1.
public func leakyReLU(_ x: Tensor, slope: Float = 0.2) throws -> Tensor {
    try x.graph.apply(LeakyReLU(slope: slope), to: [x])
}
