import Foundation

extension Opcode {
    public static let softmax = Opcode("softmax")
    public static let softmaxGradient = Opcode("softmax_gradient")
}

/// exp(x) / Σ exp(x) over the last axis.
struct Softmax: Operation {
    var name: String { "softmax" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard inputs[0].rank >= 1 else { throw GraphError(name, inputs, "a scalar has no last axis") }
        return inputs[0]
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.graph.apply(SoftmaxGradient(), to: [output, gradient])]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        rows(inputs[0], of: output.dims[output.rank - 1]).flatMap { row -> [Double] in
            let largest = row.max() ?? 0
            let exponentials = row.map { exp($0 - largest) }
            let sum = exponentials.reduce(0, +)
            return exponentials.map { $0 / sum }
        }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding { .instruction(.softmax, attributes: []) }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 5 * output.count }
}

/// (y, g) → y (g − Σ g y) over the last axis: the adjoint of softmax where its result is y.
struct SoftmaxGradient: Operation {
    var name: String { "softmax gradient" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        guard inputs[0] == inputs[1], inputs[0].rank >= 1 else {
            throw GraphError(name, inputs, "both operands must have the same shape, of rank 1 or more")
        }
        return inputs[0]
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        try gradient.graph.vjp(
            through: { operands in
                let (y, g) = (operands[0], operands[1])
                return try y * (g - (g * y).sum(axes: [-1], keepDims: true))
            }, inputs: inputs, gradient: gradient, needed: needed)
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let length = output.dims[output.rank - 1]
        return zip(rows(inputs[0], of: length), rows(inputs[1], of: length)).flatMap { y, g -> [Double] in
            let sum = zip(y, g).reduce(0) { $0 + $1.0 * $1.1 }
            return zip(y, g).map { $0 * ($1 - sum) }
        }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding { .instruction(.softmaxGradient, attributes: []) }
    var linearOperands: [Int] { [1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 4 * output.count }
}

/// Consecutive pieces of `length` elements.
func rows(_ values: [Double], of length: Int) -> [ArraySlice<Double>] {
    stride(from: 0, to: values.count, by: length).map { values[$0..<$0 + length] }
}

/// exp(x) / Σ exp(x) over the last axis; throws for a scalar.
public func softmax(_ x: Tensor) throws -> Tensor { try x.graph.apply(Softmax(), to: [x]) }
