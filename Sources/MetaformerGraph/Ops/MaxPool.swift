extension Opcode {
    public static let maxPoolGather = Opcode("max_pool_gather")
    public static let maxPoolScatter = Opcode("max_pool_scatter")
}

/// Windows over the last two axes of an image.
struct Window: Hashable, Sendable {
    var kernel: [Int]
    var stride: [Int]
    var padding: Padding

    var attributes: [UInt32] { (kernel + stride + padding.sides).map { UInt32(attribute: $0) } }

    /// The shape of the pooled image, or an error in the name of `operation`.
    func outputShape(_ x: Shape, _ operation: String, _ operands: [Shape]) throws -> Shape {
        func fail(_ problem: String) -> GraphError { GraphError(operation, operands, problem) }
        guard x.rank == 4 else { throw fail("images are [N, C, H, W]") }
        guard kernel.count == 2, stride.count == 2, (kernel + stride).allSatisfy((1...Shape.maximumStep).contains)
        else {
            throw fail("kernel and stride must be at least 1")
        }
        guard padding.sides.allSatisfy({ $0 >= 0 }), max(padding.top, padding.bottom) < kernel[0],
            max(padding.left, padding.right) < kernel[1]
        else { throw fail("padding must not be negative and must be less than the kernel") }
        let height = x[2] + padding.top + padding.bottom - kernel[0]
        let width = x[3] + padding.left + padding.right - kernel[1]
        guard height >= 0, width >= 0 else { throw fail("the window is larger than the padded image") }
        return [x[0], x[1], height / stride[0] + 1, width / stride[1] + 1]
    }

    /// For every element of the pooled image, the offsets of the image's elements in its window, in row-major order.
    func members(_ x: Shape, pooled: Shape) -> [[Int]] {
        Shape.offsets(dims: [pooled[0] * pooled[1]], strides: [x[2] * x[3]]).flatMap { plane in
            (0..<pooled[2]).flatMap { row in
                (0..<pooled[3]).map { column in
                    let top = row * stride[0] - padding.top
                    let left = column * stride[1] - padding.left
                    let rows = max(0, top)..<min(x[2], top + kernel[0])
                    let columns = max(0, left)..<min(x[3], left + kernel[1])
                    return rows.flatMap { h in columns.map { plane + h * x[3] + $0 } }
                }
            }
        }
    }
}

/// For every window the offset of the first maximum of x.
private func maxima(_ x: [Double], _ windows: [[Int]]) -> [Int] {
    windows.map { $0.dropFirst().reduce($0[0]) { best, next in x[next] > x[best] ? next : best } }
}

/// (x, v) → v at the position of the first maximum of x in each window. With v = x, max pooling.
struct MaxPoolGather: Operation {
    let window: Window

    var name: String { "max pool" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        guard inputs[0] == inputs[1] else { throw GraphError(name, inputs, "both operands must have the same shape") }
        return try window.outputShape(inputs[0], name, inputs)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        // The choice of a maximum has no derivative: only the values do.
        [nil, needed[1] ? try gradient.graph.apply(MaxPoolScatter(window: window), to: [inputs[0], gradient]) : nil]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        maxima(inputs[0], window.members(shapes[0], pooled: output)).map { inputs[1][$0] }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.maxPoolGather, attributes: window.attributes)
    }

    var linearOperands: [Int] { [1] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { output.count * window.kernel[0] * window.kernel[1] }
}

/// The adjoint of `MaxPoolGather` in v: adds g to the position of the first maximum of x in each window.
struct MaxPoolScatter: Operation {
    let window: Window

    var name: String { "max pool adjoint" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(2, of: name, inputs)
        guard try window.outputShape(inputs[0], name, inputs) == inputs[1] else {
            throw GraphError(name, inputs, "the second operand must have the shape of the pooled first")
        }
        return inputs[0]
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [nil, needed[1] ? try gradient.graph.apply(MaxPoolGather(window: window), to: [inputs[0], gradient]) : nil]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        var result = [Double](repeating: 0, count: output.count)
        let positions = maxima(inputs[0], window.members(shapes[0], pooled: shapes[1]))
        for (position, value) in zip(positions, inputs[1]) { result[position] += value }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.maxPoolScatter, attributes: window.attributes)
    }

    var linearOperands: [Int] { [1] }
}

/// The maximum of each window: x [N, C, H, W] → [N, C, H', W'], H' = (H + top + bottom − kernel) / stride + 1, rounded
/// down; padding never wins, and of equal maxima the first has the gradient. The stride is the kernel when nil.
/// Throws when the window does not fit or the padding is not less than it.
public func maxPool(_ x: Tensor, kernel: Int, stride: Int? = nil, padding: Padding = .none) throws -> Tensor {
    let stride = stride ?? kernel
    let window = Window(kernel: [kernel, kernel], stride: [stride, stride], padding: padding)
    return try x.graph.apply(MaxPoolGather(window: window), to: [x, x])
}
