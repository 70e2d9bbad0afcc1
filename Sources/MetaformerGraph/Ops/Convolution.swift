extension Opcode {
    public static let convolution = Opcode("convolution")
    public static let convolutionInputGradient = Opcode("convolution_input_gradient")
    public static let convolutionWeightGradient = Opcode("convolution_weight_gradient")
}

/// Rows and columns of padding outside an image.
public struct Padding: Hashable, Sendable {
    public var top: Int
    public var left: Int
    public var bottom: Int
    public var right: Int

    public init(top: Int, left: Int, bottom: Int, right: Int) {
        (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
    }

    /// The same on every side.
    public init(_ all: Int) { self.init(top: all, left: all, bottom: all, right: all) }

    public static let none = Padding(0)

    var sides: [Int] { [top, left, bottom, right] }
}

/// Stride, padding and groups: what the three forms of a convolution share. With x [N, C, H, W], w [O, C/groups, kh, kw]
/// and y [N, O, (H + padding − kh) / stride + 1, …], each form is the derivative of another, since Σ x·w·y is linear
/// in all three.
struct ConvolutionGeometry: Hashable, Sendable {
    var stride: [Int]
    var padding: Padding
    var groups: Int

    var attributes: [UInt32] { (stride + padding.sides + [groups]).map { UInt32(attribute: $0) } }

    /// The shape of y, or an error in the name of `operation`.
    func outputShape(x: Shape, w: Shape, _ operation: String, _ operands: [Shape]) throws -> Shape {
        func fail(_ problem: String) -> GraphError { GraphError(operation, operands, problem) }
        guard x.rank == 4, w.rank == 4 else {
            throw fail("images are [N, C, H, W] and kernels [O, C / groups, kh, kw]")
        }
        guard stride.count == 2, stride.allSatisfy((1...Shape.maximumStep).contains) else {
            throw fail("strides must be at least 1")
        }
        guard padding.sides.allSatisfy((0...Shape.maximumStep).contains) else {
            throw fail("padding must not be negative")
        }
        guard groups >= 1, x[1] % groups == 0, w[0] % groups == 0 else {
            throw fail("\(groups) groups do not divide \(x[1]) input and \(w[0]) output channels")
        }
        guard w[1] == x[1] / groups else {
            throw fail("the kernel must have \(x[1] / groups) channels per group, not \(w[1])")
        }
        let height = x[2] + padding.top + padding.bottom - w[2]
        let width = x[3] + padding.left + padding.right - w[3]
        guard height >= 0, width >= 0 else { throw fail("the kernel is larger than the padded image") }
        return [x[0], w[0], height / stride[0] + 1, width / stride[1] + 1]
    }

    /// Calls `body` with the offsets in x, w and y of every product of the convolution.
    func forEachProduct(x: Shape, w: Shape, y: Shape, _ body: (Int, Int, Int) -> Void) {
        let outputsPerGroup = w[0] / groups
        for n in 0..<y[0] {
            for o in 0..<y[1] {
                for row in 0..<y[2] {
                    for column in 0..<y[3] {
                        let yOffset = ((n * y[1] + o) * y[2] + row) * y[3] + column
                        for c in 0..<w[1] {
                            let channel = o / outputsPerGroup * w[1] + c
                            for i in 0..<w[2] {
                                let h = row * stride[0] + i - padding.top
                                guard (0..<x[2]).contains(h) else { continue }
                                for j in 0..<w[3] {
                                    let v = column * stride[1] + j - padding.left
                                    guard (0..<x[3]).contains(v) else { continue }
                                    body(
                                        ((n * x[1] + channel) * x[2] + h) * x[3] + v,
                                        ((o * w[1] + c) * w[2] + i) * w[3] + j, yOffset)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Cross-correlation of images with kernels: (x, w) → y.
struct Convolution: Operation {
    let geometry: ConvolutionGeometry

    var name: String { "convolution" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        return try geometry.outputShape(x: inputs[0], w: inputs[1], name, inputs)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let (x, w) = (inputs[0], inputs[1])
        return [
            needed[0] ? try inputGradient(gradient, w, geometry, like: x) : nil,
            needed[1] ? try weightGradient(x, gradient, geometry, like: w) : nil,
        ]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var y = [Double](repeating: 0, count: output.count)
        geometry.forEachProduct(x: shapes[0], w: shapes[1], y: output) { y[$2] += inputs[0][$0] * inputs[1][$1] }
        return y
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.convolution, attributes: geometry.attributes)
    }

    var linearOperands: [Int] { [0, 1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 2 * output.count * inputs[1].count / inputs[1][0] }
}

/// The adjoint of a convolution in its image: (dy, w) → dx, of which the rows and columns must be told.
struct ConvolutionInputGradient: Operation {
    let geometry: ConvolutionGeometry
    let height: Int
    let width: Int

    var name: String { "transposed convolution" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        let (dy, w) = (inputs[0], inputs[1])
        guard dy.rank == 4, w.rank == 4, height >= 1, width >= 1 else {
            throw GraphError(
                name, inputs, "images are [N, C, H, W], kernels [C, O / groups, kh, kw], results not empty")
        }
        let dx: Shape = [dy[0], w[1] * geometry.groups, height, width]
        guard try geometry.outputShape(x: dx, w: w, name, inputs) == dy else {
            throw GraphError(name, inputs, "no convolution takes \(dx) to \(dy) with this kernel, stride and padding")
        }
        return dx
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let (dy, w) = (inputs[0], inputs[1])
        return [
            needed[0] ? try gradient.graph.apply(Convolution(geometry: geometry), to: [gradient, w]) : nil,
            needed[1] ? try weightGradient(gradient, dy, geometry, like: w) : nil,
        ]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var dx = [Double](repeating: 0, count: output.count)
        geometry.forEachProduct(x: output, w: shapes[1], y: shapes[0]) { dx[$0] += inputs[0][$2] * inputs[1][$1] }
        return dx
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.convolutionInputGradient, attributes: geometry.attributes)
    }

    var linearOperands: [Int] { [0, 1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 2 * inputs[0].count * inputs[1].count / inputs[1][0] }
}

/// The adjoint of a convolution in its kernel: (x, dy) → dw, of which the rows and columns must be told.
struct ConvolutionWeightGradient: Operation {
    let geometry: ConvolutionGeometry
    let height: Int
    let width: Int

    var name: String { "convolution weight gradient" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        let (x, dy) = (inputs[0], inputs[1])
        guard x.rank == 4, dy.rank == 4, geometry.groups >= 1, height >= 1, width >= 1 else {
            throw GraphError(name, inputs, "images are [N, C, H, W], groups and kernels at least 1")
        }
        let dw: Shape = [dy[1], x[1] / geometry.groups, height, width]
        guard try geometry.outputShape(x: x, w: dw, name, inputs) == dy else {
            throw GraphError(name, inputs, "no convolution of the first gives the second with the kernel \(dw)")
        }
        return dw
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let (x, dy) = (inputs[0], inputs[1])
        return [
            needed[0] ? try inputGradient(dy, gradient, geometry, like: x) : nil,
            needed[1] ? try gradient.graph.apply(Convolution(geometry: geometry), to: [x, gradient]) : nil,
        ]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var dw = [Double](repeating: 0, count: output.count)
        geometry.forEachProduct(x: shapes[0], w: output, y: shapes[1]) { dw[$1] += inputs[0][$0] * inputs[1][$2] }
        return dw
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.convolutionWeightGradient, attributes: geometry.attributes)
    }

    var linearOperands: [Int] { [0, 1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 2 * inputs[1].count * output.count / output[0] }
}

private func inputGradient(
    _ dy: Tensor, _ w: Tensor, _ geometry: ConvolutionGeometry, like x: Tensor
) throws -> Tensor {
    let operation = ConvolutionInputGradient(geometry: geometry, height: x.shape[2], width: x.shape[3])
    return try dy.graph.apply(operation, to: [dy, w])
}

private func weightGradient(
    _ x: Tensor, _ dy: Tensor, _ geometry: ConvolutionGeometry, like w: Tensor
) throws -> Tensor {
    let operation = ConvolutionWeightGradient(geometry: geometry, height: w.shape[2], width: w.shape[3])
    return try x.graph.apply(operation, to: [x, dy])
}

/// Cross-correlation with zero padding: x [N, C, H, W], weight [O, C / groups, kh, kw], bias [O] → [N, O, H', W'],
/// H' = (H + top + bottom − kh) / stride + 1, rounded down. Throws when the shapes do not fit.
public func conv2d(
    _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Padding = .none, groups: Int = 1
) throws -> Tensor {
    let geometry = ConvolutionGeometry(stride: [stride, stride], padding: padding, groups: groups)
    let y = try x.graph.apply(Convolution(geometry: geometry), to: [x, weight])
    return try addBias(bias, to: y)
}

/// Transposed convolution, the adjoint of `conv2d` in its image: x [N, C, H, W], weight [C, O / groups, kh, kw],
/// bias [O] → [N, O, H', W'], H' = (H − 1) · stride − top − bottom + kh + outputPadding. Throws when the shapes do not
/// fit or the output padding is not less than the stride.
public func convTranspose2d(
    _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Padding = .none,
    outputPadding: Int = 0, groups: Int = 1
) throws -> Tensor {
    guard x.rank == 4, weight.rank == 4,
        (padding.sides + [stride, outputPadding]).allSatisfy((0...Shape.maximumStep).contains)
    else {
        throw GraphError(
            "transposed convolution", [x.shape, weight.shape],
            "images are [N, C, H, W], kernels [C, O / groups, kh, kw], stride and padding not negative")
    }
    let operation = ConvolutionInputGradient(
        geometry: ConvolutionGeometry(stride: [stride, stride], padding: padding, groups: groups),
        height: (x.shape[2] - 1) * stride - padding.top - padding.bottom + weight.shape[2] + outputPadding,
        width: (x.shape[3] - 1) * stride - padding.left - padding.right + weight.shape[3] + outputPadding)
    return try addBias(bias, to: x.graph.apply(operation, to: [x, weight]))
}

private func addBias(_ bias: Tensor?, to y: Tensor) throws -> Tensor {
    guard let bias else { return y }
    guard bias.shape == [y.shape[1]] else {
        throw GraphError("convolution", [y.shape], "the bias must be [\(y.shape[1])], not \(bias.shape)")
    }
    return try y + bias.reshape(to: [y.shape[1], 1, 1])
}
