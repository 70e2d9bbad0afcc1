extension Opcode {
    public static let slice = Opcode("slice")
}

/// A block of a tensor.
struct Slice: Operation {
    let start: [Int]
    let shape: Shape

    var name: String { "slice" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        let dims = inputs[0].dims
        guard start.count == dims.count, shape.rank == dims.count,
            zip(start, zip(shape.dims, dims)).allSatisfy({ $0 >= 0 && $1.0 >= 1 && $1.0 <= $1.1 && $0 <= $1.1 - $1.0 })
        else {
            throw GraphError(name, inputs, "\(shape) from \(start) does not lie within the operand")
        }
        return shape
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let dims = inputs[0].shape.dims
        let after = dims.indices.map { dims[$0] - start[$0] - shape[$0] }
        return [try gradient.pad(before: start, after: after)]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let strides = shapes[0].strides
        let first = zip(start, strides).reduce(0) { $0 + $1.0 * $1.1 }
        return Shape.offsets(dims: output.dims, strides: strides, start: first).map { inputs[0][$0] }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.slice, attributes: start.map { UInt32(attribute: $0) })
    }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 0 }
}

extension Tensor {
    /// The block of `shape` that begins at `start`; throws when it does not lie within the tensor.
    public func slice(from start: [Int], shape: Shape) throws -> Tensor {
        try graph.apply(Slice(start: start, shape: shape), to: [self])
    }

    /// The elements of `range` along one axis; throws when they do not lie within the tensor.
    public func slice(axis: Int, _ range: Range<Int>) throws -> Tensor {
        let axis = try self.axis(axis, "slice")
        var start = [Int](repeating: 0, count: rank)
        var dims = shape.dims
        start[axis] = range.lowerBound
        dims[axis] = range.count
        return try slice(from: start, shape: Shape(dims))
    }
}
