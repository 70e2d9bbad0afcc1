/// A differentiable operation on tensors. Values are equal when they compute the same of equal operands.
///
/// Adding an operation is one file: a type that conforms to this protocol and the public function that appends it.
public protocol Operation: Hashable, Sendable {
    /// The name in errors and listings.
    var name: String { get }

    /// The shape of the result; throws a `GraphError` when the operands do not fit.
    func outputShape(of inputs: [Shape]) throws -> Shape

    /// The vector-Jacobian product: for each operand that is `needed`, the gradient with respect to it, given the
    /// gradient with respect to the output; nil stands for zero. Made of operations, so that it can be differentiated.
    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?]

    /// The result in Double by the plainest loops: the reference for tests, and what constant folding evaluates.
    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double]

    /// How the operation stands in a program.
    func encoding(inputs: [Shape], output: Shape) -> Encoding

    /// The operands in each of which the operation is linear: a zero there makes the result zero.
    var linearOperands: [Int] { get }

    /// Additions and multiplications, for estimates of cost.
    func operationCount(inputs: [Shape], output: Shape) -> Int
}

extension Operation {
    public var linearOperands: [Int] { [] }
    public func operationCount(inputs: [Shape], output: Shape) -> Int { output.count }
}

/// How an operation stands in a program.
public enum Encoding: Hashable, Sendable {
    /// The result is the operand's own storage, seen with other dimensions.
    case alias
    /// An expression over the operands, each of which broadcasts to the output.
    case pointwise(Expression)
    /// An instruction with its attribute words. A result whose dimensions the instruction cannot have is seen through
    /// `dims`, which has as many elements.
    case instruction(Opcode, attributes: [UInt32])
}

extension UInt32 {
    /// An attribute word from a count or index that the shape rule has checked.
    init(attribute: Int) { self.init(truncatingIfNeeded: attribute) }
}

/// Checks the number of operands of an operation.
func expectOperands(_ count: Int, of name: String, _ inputs: [Shape]) throws {
    guard inputs.count == count else {
        throw GraphError(name, inputs, "takes \(count) operand\(count == 1 ? "" : "s"), not \(inputs.count)")
    }
}
