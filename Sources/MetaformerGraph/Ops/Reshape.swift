/// The same elements in other dimensions. No instruction: the result is the operand's storage.
struct Reshape: Operation {
    let shape: Shape

    var name: String { "reshape" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard shape.isValid, shape.count == inputs[0].count else {
            throw GraphError(name, inputs, "\(inputs[0].count) elements do not fill \(shape)")
        }
        return shape
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.reshape(to: inputs[0].shape)]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] { inputs[0] }

    func encoding(inputs: [Shape], output: Shape) -> Encoding { .alias }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 0 }
}

extension Tensor {
    /// Throws when the number of elements is another.
    public func reshape(to shape: Shape) throws -> Tensor {
        shape == self.shape ? self : try graph.apply(Reshape(shape: shape), to: [self])
    }
}
