extension Opcode {
    public static let standardize = Opcode("standardize")
    public static let standardizeGradient = Opcode("standardize_gradient")
}

/// (x − mean) / √(variance + ε), biased variance, over the last `axes` axes.
struct Standardize: Operation {
    let axes: Int
    let epsilon: Float

    var name: String { "standardize" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        guard axes >= 1, axes <= inputs[0].rank, epsilon > 0, epsilon < 1 else {
            throw GraphError(
                name, inputs, "takes 1 to \(inputs[0].rank) axes, not \(axes), and an epsilon between 0 and 1")
        }
        return inputs[0]
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.graph.apply(StandardizeGradient(axes: axes, epsilon: epsilon), to: [inputs[0], gradient])]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        rows(inputs[0], of: output.dims.suffix(axes).reduce(1, *)).flatMap { row -> [Double] in
            let (mean, deviation) = moments(row, epsilon)
            return row.map { ($0 - mean) / deviation }
        }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.standardize, attributes: [UInt32(attribute: axes), epsilon.bitPattern])
    }

    func operationCount(inputs: [Shape], output: Shape) -> Int { 5 * output.count }
}

private func moments(_ row: ArraySlice<Double>, _ epsilon: Float) -> (mean: Double, deviation: Double) {
    let mean = row.reduce(0, +) / Double(row.count)
    let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
    return (mean, (variance + Double(epsilon)).squareRoot())
}

/// (x, g) → the adjoint of `Standardize` at x applied to g.
struct StandardizeGradient: Operation {
    let axes: Int
    let epsilon: Float

    var name: String { "standardize gradient" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        guard inputs[0] == inputs[1], axes >= 1, axes <= inputs[0].rank, epsilon > 0 else {
            throw GraphError(name, inputs, "both operands must have the same shape, with at least \(axes) axes")
        }
        return inputs[0]
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let last = (1...axes).map { -$0 }
        return try gradient.graph.vjp(
            through: { operands in
                let (x, g) = (operands[0], operands[1])
                let centered = try x - x.mean(axes: last, keepDims: true)
                let deviation = try sqrt(square(centered).mean(axes: last, keepDims: true) + epsilon)
                let y = try centered / deviation
                let parallel = try y * (y * g).mean(axes: last, keepDims: true)
                return try (g - g.mean(axes: last, keepDims: true) - parallel) / deviation
            }, inputs: inputs, gradient: gradient, needed: needed)
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let length = output.dims.suffix(axes).reduce(1, *)
        return zip(rows(inputs[0], of: length), rows(inputs[1], of: length)).flatMap { x, g -> [Double] in
            let (mean, deviation) = moments(x, epsilon)
            let y = x.map { ($0 - mean) / deviation }
            let meanG = g.reduce(0, +) / Double(length)
            let parallel = zip(y, g).reduce(0) { $0 + $1.0 * $1.1 } / Double(length)
            return zip(y, g).map { ($1 - meanG - $0 * parallel) / deviation }
        }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.standardizeGradient, attributes: [UInt32(attribute: axes), epsilon.bitPattern])
    }

    var linearOperands: [Int] { [1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 8 * output.count }
}

/// Zero mean and unit variance over the last `axes` axes; throws when there are not as many.
public func standardize(_ x: Tensor, axes: Int, epsilon: Float = 1e-5) throws -> Tensor {
    try x.graph.apply(Standardize(axes: axes, epsilon: epsilon), to: [x])
}

/// Layer normalisation over the last axis: x [..., D], weight [D], bias [D].
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float = 1e-5) throws -> Tensor {
    guard x.rank >= 1, weight.shape == Shape(x.shape.dims.suffix(1)), bias.shape == weight.shape else {
        throw GraphError(
            "layer norm", [x.shape, weight.shape, bias.shape], "weight and bias have the last dimension of x")
    }
    return try standardize(x, axes: 1, epsilon: epsilon) * weight + bias
}

/// Instance normalisation of each channel of each image: x [N, C, H, W], weight [C], bias [C].
public func instanceNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float = 1e-5) throws -> Tensor {
    guard x.rank == 4, weight.shape == [x.shape[1]], bias.shape == weight.shape else {
        throw GraphError(
            "instance norm", [x.shape, weight.shape, bias.shape], "x is [N, C, H, W], weight and bias are [C]")
    }
    let channels: Shape = [x.shape[1], 1, 1]
    return try standardize(x, axes: 2, epsilon: epsilon) * weight.reshape(to: channels) + bias.reshape(to: channels)
}
