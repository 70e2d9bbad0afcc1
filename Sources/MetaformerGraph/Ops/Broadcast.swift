/// Repeats a tensor along its dimensions of 1 and along new leading ones.
struct Broadcast: Operation {
    let shape: Shape

    var name: String { "broadcast" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard inputs[0].broadcasts(to: shape) else {
            throw GraphError(name, inputs, "the shape does not broadcast to \(shape)")
        }
        return shape
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.sum(to: inputs[0].shape)]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        shapes[0].broadcastOffsets(to: output).map { inputs[0][$0] }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding { .pointwise(.identity) }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 0 }
}

extension Tensor {
    /// Throws when the shape does not broadcast to `shape`.
    public func broadcast(to shape: Shape) throws -> Tensor {
        shape == self.shape ? self : try graph.apply(Broadcast(shape: shape), to: [self])
    }

    /// The adjoint of broadcasting from `shape`: sums over the axes along which it repeats.
    func sum(to shape: Shape) throws -> Tensor {
        guard shape != self.shape else { return self }
        return try sum(axes: shape.broadcastAxes(in: self.shape), keepDims: true).reshape(to: shape)
    }
}
