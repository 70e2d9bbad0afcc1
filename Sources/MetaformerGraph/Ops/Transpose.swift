extension Opcode {
    public static let transpose = Opcode("transpose")
}

/// Reorders the axes: output axis i is operand axis permutation[i].
struct Transpose: Operation {
    let permutation: [Int]

    var name: String { "transpose" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard permutation.sorted() == Array(0..<inputs[0].rank) else {
            throw GraphError(name, inputs, "\(permutation) is no order of the axes 0..<\(inputs[0].rank)")
        }
        return Shape(permutation.map { inputs[0][$0] })
    }

    var inverse: [Int] {
        var inverse = permutation
        for (axis, source) in permutation.enumerated() { inverse[source] = axis }
        return inverse
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.transpose(inverse)]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let strides = shapes[0].strides
        return Shape.offsets(dims: output.dims, strides: permutation.map { strides[$0] }).map { inputs[0][$0] }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.transpose, attributes: permutation.map { UInt32(attribute: $0) })
    }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 0 }
}

extension Tensor {
    /// Output axis i is axis permutation[i]; throws when that is no order of the axes.
    public func transpose(_ permutation: [Int]) throws -> Tensor {
        try graph.apply(Transpose(permutation: permutation), to: [self])
    }
}
