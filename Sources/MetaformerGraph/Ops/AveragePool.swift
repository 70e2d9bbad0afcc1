extension Opcode {
    public static let averagePool = Opcode("average_pool")
    public static let averagePoolAdjoint = Opcode("average_pool_adjoint")
}

/// The mean of each window over the last two axes.
struct AveragePool: Operation {
    let kernel: [Int]
    let stride: [Int]

    var name: String { "average pool" }
    var window: Window { Window(kernel: kernel, stride: stride, padding: .none) }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        return try window.outputShape(inputs[0], name, inputs)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let shape = inputs[0].shape
        let adjoint = AveragePoolAdjoint(kernel: kernel, stride: stride, height: shape[2], width: shape[3])
        return [try gradient.graph.apply(adjoint, to: [gradient])]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        window.members(shapes[0], pooled: output).map { members in
            members.reduce(0) { $0 + inputs[0][$1] } / Double(members.count)
        }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.averagePool, attributes: (kernel + stride).map { UInt32(attribute: $0) })
    }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { output.count * kernel[0] * kernel[1] }
}

/// The adjoint of `AveragePool`, whose rows and columns must be told.
struct AveragePoolAdjoint: Operation {
    let kernel: [Int]
    let stride: [Int]
    let height: Int
    let width: Int

    var name: String { "average pool adjoint" }
    var window: Window { Window(kernel: kernel, stride: stride, padding: .none) }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard inputs[0].rank == 4, height >= 1, width >= 1 else {
            throw GraphError(name, inputs, "images are [N, C, H, W]")
        }
        let result: Shape = [inputs[0][0], inputs[0][1], height, width]
        guard try window.outputShape(result, name, inputs) == inputs[0] else {
            throw GraphError(name, inputs, "pooling \(result) does not give this shape")
        }
        return result
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.graph.apply(AveragePool(kernel: kernel, stride: stride), to: [gradient])]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var result = [Double](repeating: 0, count: output.count)
        for (members, value) in zip(window.members(output, pooled: shapes[0]), inputs[0]) {
            for member in members { result[member] += value / Double(members.count) }
        }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.averagePoolAdjoint, attributes: (kernel + stride).map { UInt32(attribute: $0) })
    }

    var linearOperands: [Int] { [0] }
}

/// The mean of each window: x [N, C, H, W] → [N, C, (H − kernel) / stride + 1, …], rounded down. The stride is the
/// kernel when nil. Throws when the window does not fit.
public func averagePool(_ x: Tensor, kernel: Int, stride: Int? = nil) throws -> Tensor {
    let stride = stride ?? kernel
    return try x.graph.apply(AveragePool(kernel: [kernel, kernel], stride: [stride, stride]), to: [x])
}
