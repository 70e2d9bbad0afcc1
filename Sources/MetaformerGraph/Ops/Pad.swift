extension Opcode {
    public static let pad = Opcode("pad")
    public static let reflectPadAdjoint = Opcode("reflect_pad_adjoint")
}

/// Elements around a tensor: zeros, or its own mirrored without repeating the edge.
struct Pad: Operation {
    enum Mode: UInt32, Sendable {
        case zero = 0
        case reflect = 1
    }

    let mode: Mode
    let before: [Int]
    let after: [Int]

    var name: String { mode == .zero ? "pad" : "reflect pad" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        let dims = inputs[0].dims
        guard before.count == dims.count, after.count == dims.count,
            (before + after).allSatisfy((0...Shape.maximumCount).contains)
        else {
            throw GraphError(
                name, inputs,
                "takes \(dims.count) count\(dims.count == 1 ? "" : "s") each before and after, none negative")
        }
        if mode == .reflect {
            guard dims.indices.allSatisfy({ max(before[$0], after[$0]) < dims[$0] }) else {
                throw GraphError(
                    name, inputs, "reflects at most a dimension less 1, not \(before) before, \(after) after")
            }
        }
        return Shape(dims.indices.map { before[$0] + dims[$0] + after[$0] })
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        switch mode {
        case .zero: [try gradient.slice(from: before, shape: inputs[0].shape)]
        case .reflect: [try gradient.graph.apply(ReflectPadAdjoint(before: before, after: after), to: [gradient])]
        }
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        if mode == .reflect {
            return reflectedOffsets(before: before, input: shapes[0], padded: output).map { inputs[0][$0] }
        }
        var result = [Double](repeating: 0, count: output.count)
        let strides = output.strides
        let first = zip(before, strides).reduce(0) { $0 + $1.0 * $1.1 }
        let offsets = Shape.offsets(dims: shapes[0].dims, strides: strides, start: first)
        for (value, offset) in zip(inputs[0], offsets) { result[offset] = value }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.pad, attributes: [mode.rawValue] + before.map { UInt32(attribute: $0) })
    }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 0 }
}

/// The adjoint of reflect padding: adds each padded element to the one it mirrors.
struct ReflectPadAdjoint: Operation {
    let before: [Int]
    let after: [Int]

    var name: String { "reflect pad adjoint" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        let dims = inputs[0].dims
        guard before.count == dims.count, after.count == dims.count,
            dims.indices.allSatisfy({
                min(before[$0], after[$0]) >= 0 && max(before[$0], after[$0]) < dims[$0] - before[$0] - after[$0]
            })
        else {
            throw GraphError(name, inputs, "no reflect padding by \(before) before and \(after) after gives this shape")
        }
        return Shape(dims.indices.map { dims[$0] - before[$0] - after[$0] })
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.graph.apply(Pad(mode: .reflect, before: before, after: after), to: [gradient])]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var result = [Double](repeating: 0, count: output.count)
        let offsets = reflectedOffsets(before: before, input: output, padded: shapes[0])
        for (value, offset) in zip(inputs[0], offsets) { result[offset] += value }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.reflectPadAdjoint, attributes: before.map { UInt32(attribute: $0) })
    }

    var linearOperands: [Int] { [0] }
}

/// For every element of the padded tensor, the offset of the element that it mirrors.
private func reflectedOffsets(before: [Int], input: Shape, padded: Shape) -> [Int] {
    var offsets = [0]
    for (axis, stride) in input.strides.enumerated() {
        let last = input[axis] - 1
        let mirrored = (0..<padded[axis]).map { index in last - abs(last - abs(index - before[axis])) }
        offsets = offsets.flatMap { offset in mirrored.map { offset + $0 * stride } }
    }
    return offsets
}

extension Tensor {
    /// Zeros around the tensor, counted per axis; throws when a count is missing or negative.
    public func pad(before: [Int], after: [Int]) throws -> Tensor {
        try graph.apply(Pad(mode: .zero, before: before, after: after), to: [self])
    }

    /// Mirrors `count` rows and columns on every side of the last two axes, without repeating the edge; throws when
    /// they are not more than that.
    public func reflectPad(_ count: Int) throws -> Tensor {
        guard rank >= 2 else { throw GraphError("reflect pad", [shape], "pads the last two axes") }
        let sides = [Int](repeating: 0, count: rank - 2) + [count, count]
        return try graph.apply(Pad(mode: .reflect, before: sides, after: sides), to: [self])
    }
}
