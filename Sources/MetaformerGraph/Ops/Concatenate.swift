extension Opcode {
    public static let concatenate = Opcode("concatenate")
}

/// Tensors one after another along an axis.
struct Concatenate: Operation {
    let axis: Int

    /// The most operands that the instruction takes.
    static let maximumOperands = 64

    var name: String { "concatenate" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        guard let first = inputs.first, inputs.count <= Concatenate.maximumOperands else {
            throw GraphError(name, inputs, "takes 1 to \(Concatenate.maximumOperands) operands, not \(inputs.count)")
        }
        guard first.dims.indices.contains(axis),
            inputs.allSatisfy({ $0.rank == first.rank && $0.reduced(over: [axis]) == first.reduced(over: [axis]) })
        else {
            throw GraphError(name, inputs, "the dimensions other than that of axis \(axis) must be equal")
        }
        var dims = first.dims
        dims[axis] = inputs.reduce(0) { $0 + $1[axis] }
        return Shape(dims)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        var start = 0
        return try zip(inputs, needed).map { input, isNeeded in
            defer { start += input.shape[axis] }
            return isNeeded ? try gradient.slice(axis: axis, start..<start + input.shape[axis]) : nil
        }
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var result = [Double](repeating: 0, count: output.count)
        let strides = output.strides
        var start = 0
        for (input, shape) in zip(inputs, shapes) {
            let offsets = Shape.offsets(dims: shape.dims, strides: strides, start: start * strides[axis])
            for (value, offset) in zip(input, offsets) { result[offset] = value }
            start += shape[axis]
        }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.concatenate, attributes: [UInt32(attribute: axis)])
    }

    func operationCount(inputs: [Shape], output: Shape) -> Int { 0 }
}

/// Tensors one after another along `axis`, their other dimensions equal; throws when they are not.
public func concatenate(_ tensors: [Tensor], axis: Int) throws -> Tensor {
    guard let first = tensors.first else { throw GraphError("concatenate", [], "there is nothing to concatenate") }
    return try first.graph.apply(Concatenate(axis: first.axis(axis, "concatenate")), to: tensors)
}
