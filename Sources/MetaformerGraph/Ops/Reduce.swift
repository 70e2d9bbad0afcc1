extension Opcode {
    public static let reduce = Opcode("reduce")
}

/// The sum or the maximum over axes, which stay as dimensions of 1.
struct Reduce: Operation {
    enum Kind: UInt32, Sendable {
        case sum = 0
        case maximum = 1
    }

    let kind: Kind
    /// Ascending.
    let axes: [Int]

    var name: String { kind == .sum ? "sum" : "max" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        return inputs[0].reduced(over: axes)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let shape = inputs[0].shape
        switch kind {
        case .sum: return [try gradient.broadcast(to: shape)]
        case .maximum:
            // Equal maxima share the gradient.
            let isMaximum = try 1 - greater(output, inputs[0])
            let share = try gradient / isMaximum.sum(axes: axes, keepDims: true)
            return [try isMaximum * share]
        }
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var result = [Double](repeating: kind == .sum ? 0 : -.infinity, count: output.count)
        for (value, offset) in zip(inputs[0], output.broadcastOffsets(to: shapes[0])) {
            result[offset] = kind == .sum ? result[offset] + value : max(result[offset], value)
        }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.reduce, attributes: [kind.rawValue, axes.reduce(0) { $0 | 1 << UInt32(attribute: $1) }])
    }

    var linearOperands: [Int] { kind == .sum ? [0] : [] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { inputs[0].count }
}

extension Tensor {
    /// The sum over `axes` (negative ones count from the end; all of them when nil); throws when an axis is missing.
    public func sum(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
        try reduce(.sum, axes, keepDims)
    }

    /// The mean over `axes`, as `sum(axes:keepDims:)`.
    public func mean(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
        let sum = try sum(axes: axes, keepDims: keepDims)
        return try sum * (Float(sum.shape.count) / Float(shape.count))
    }

    /// The maximum over `axes`, as `sum(axes:keepDims:)`; equal maxima share the gradient.
    public func max(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
        try reduce(.maximum, axes, keepDims)
    }

    private func reduce(_ kind: Reduce.Kind, _ axes: [Int]?, _ keepDims: Bool) throws -> Tensor {
        let resolved = try axes?.map { try axis($0, kind == .sum ? "sum" : "max") } ?? Array(shape.dims.indices)
        let axes = Set(resolved).sorted()
        // A reduction of single elements is the operand.
        let reduced =
            shape.reduced(over: axes) == shape ? self : try graph.apply(Reduce(kind: kind, axes: axes), to: [self])
        guard !keepDims else { return reduced }
        return try reduced.reshape(to: Shape(shape.dims.indices.filter { !axes.contains($0) }.map { shape[$0] }))
    }
}
