extension Opcode {
    public static let pointwise = Opcode("pointwise")
}

/// One step of arithmetic on every element; the operands broadcast to a common shape as in NumPy.
struct Pointwise: Operation {
    let function: Function

    var name: String { "\(function)" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(function.arity, of: name, inputs)
        return try inputs.dropFirst().reduce(inputs[0]) { shape, input in
            guard let result = shape.broadcast(with: input) else {
                throw GraphError(
                    name, inputs, "the shapes do not broadcast: aligned to the right, dimensions must be equal or 1")
            }
            return result
        }
    }

    func vjp(inputs: [Tensor], output y: Tensor, gradient g: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let partials = try partials(inputs, y, g, needed)
        return try zip(partials, inputs).map { partial, input in try partial?.sum(to: input.shape) }
    }

    private func partials(_ x: [Tensor], _ y: Tensor, _ g: Tensor, _ needed: [Bool]) throws -> [Tensor?] {
        // Where a derivative can be had from the result, it is: the operand then need not be kept.
        switch function {
        case .constant, .greater, .sign: return x.map { _ in nil }
        case .add: return [g, g]
        case .subtract: return [g, needed[1] ? try -g : nil]
        case .multiply: return [needed[0] ? try g * x[1] : nil, needed[1] ? try g * x[0] : nil]
        case .divide: return [needed[0] ? try g / x[1] : nil, needed[1] ? try -(g * y / x[1]) : nil]
        case .maximum: return try choice(greater(y, x[1]), g, needed)
        case .minimum: return try choice(greater(x[1], y), g, needed)
        case .select: return [nil] + (try choice(x[0], g, Array(needed.dropFirst())))
        case .negate: return [try -g]
        case .absolute: return [try g * sign(x[0])]
        case .squareRoot: return [try 0.5 * g / y]
        case .exponential: return [try g * y]
        case .logarithm: return [try g / x[0]]
        case .tanh: return [try g * (1 - y * y)]
        case .sigmoid: return [try g * (y * (1 - y))]
        }
    }

    /// Sends the gradient to the first operand where `condition` holds and to the second elsewhere.
    private func choice(_ condition: Tensor, _ g: Tensor, _ needed: [Bool]) throws -> [Tensor?] {
        let zero = g.graph.constant(0)
        return [
            needed[0] ? try select(condition, g, zero) : nil,
            needed[1] ? try select(condition, zero, g) : nil,
        ]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let offsets = shapes.map { $0.broadcastOffsets(to: output) }
        return (0..<output.count).map { element in
            function(inputs.indices.map { inputs[$0][offsets[$0][element]] })
        }
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding { .pointwise(Expression(function)) }

    var linearOperands: [Int] {
        switch function {
        case .multiply: [0, 1]
        case .divide, .negate: [0]
        default: []
        }
    }
}

extension Tensor {
    public static func + (a: Tensor, b: Tensor) throws -> Tensor { try pointwise(.add, a, b) }
    public static func - (a: Tensor, b: Tensor) throws -> Tensor { try pointwise(.subtract, a, b) }
    public static func * (a: Tensor, b: Tensor) throws -> Tensor { try pointwise(.multiply, a, b) }
    public static func / (a: Tensor, b: Tensor) throws -> Tensor { try pointwise(.divide, a, b) }
    public static prefix func - (x: Tensor) throws -> Tensor { try pointwise(.negate, x) }

    public static func + (a: Tensor, b: Float) throws -> Tensor { try a + a.graph.constant(b) }
    public static func - (a: Tensor, b: Float) throws -> Tensor { try a - a.graph.constant(b) }
    public static func * (a: Tensor, b: Float) throws -> Tensor { try a * a.graph.constant(b) }
    public static func / (a: Tensor, b: Float) throws -> Tensor { try a / a.graph.constant(b) }
    public static func + (a: Float, b: Tensor) throws -> Tensor { try b.graph.constant(a) + b }
    public static func - (a: Float, b: Tensor) throws -> Tensor { try b.graph.constant(a) - b }
    public static func * (a: Float, b: Tensor) throws -> Tensor { try b.graph.constant(a) * b }
    public static func / (a: Float, b: Tensor) throws -> Tensor { try b.graph.constant(a) / b }
}

/// The larger of two elements; of equal ones the gradient goes to the second.
public func maximum(_ a: Tensor, _ b: Tensor) throws -> Tensor { try pointwise(.maximum, a, b) }
/// The smaller of two elements; of equal ones the gradient goes to the second.
public func minimum(_ a: Tensor, _ b: Tensor) throws -> Tensor { try pointwise(.minimum, a, b) }
/// 1 where a > b, else 0.
public func greater(_ a: Tensor, _ b: Tensor) throws -> Tensor { try pointwise(.greater, a, b) }
/// `a` where the condition is not 0, else `b`.
public func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    try pointwise(.select, condition, a, b)
}
public func abs(_ x: Tensor) throws -> Tensor { try pointwise(.absolute, x) }
/// -1, 0 or 1.
public func sign(_ x: Tensor) throws -> Tensor { try pointwise(.sign, x) }
public func sqrt(_ x: Tensor) throws -> Tensor { try pointwise(.squareRoot, x) }
public func exp(_ x: Tensor) throws -> Tensor { try pointwise(.exponential, x) }
/// The natural logarithm.
public func log(_ x: Tensor) throws -> Tensor { try pointwise(.logarithm, x) }
public func tanh(_ x: Tensor) throws -> Tensor { try pointwise(.tanh, x) }
/// 1 / (1 + e⁻ˣ).
public func sigmoid(_ x: Tensor) throws -> Tensor { try pointwise(.sigmoid, x) }
public func square(_ x: Tensor) throws -> Tensor { try x * x }

private func pointwise(_ function: Function, _ operands: Tensor...) throws -> Tensor {
    try operands[0].graph.apply(Pointwise(function: function), to: operands)
}
