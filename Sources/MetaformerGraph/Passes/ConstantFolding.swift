/// Evaluates operations on constants, in Double, where the result is not much larger than its operands.
struct ConstantFolding: RewriteRule {
    /// Results up to this size are folded even when the operands are smaller.
    static let freeCount = 4096

    func rewrite(_ operation: any Operation, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter) throws -> Tensor? {
        let shape = rewriter.source.nodes[id].shape
        if let value = uniformResult(operation, inputs, shape) { return rewriter.target.constant(value) }
        let constants = inputs.compactMap(\.constantValues)
        guard !(operation is Broadcast), !inputs.isEmpty, constants.count == inputs.count,
            shape.count <= max(ConstantFolding.freeCount, constants.reduce(0) { $0 + $1.count })
        else { return nil }
        let values = operation.reference(
            constants.map { $0.map(Double.init) }, shapes: inputs.map(\.shape), output: shape)
        return try rewriter.target.constant(values.map(Float.init), shape)
    }

    /// The value that the result has in every place, as far as that is known without its elements.
    private func uniformResult(_ operation: any Operation, _ inputs: [Tensor], _ shape: Shape) -> Float? {
        if operation.linearOperands.contains(where: { inputs[$0].uniformValue == 0 }) { return 0 }
        let values = inputs.compactMap(\.uniformValue)
        guard !inputs.isEmpty, values.count == inputs.count else { return nil }
        if let reduce = operation as? Reduce {
            let terms = reduce.kind == .sum ? Float(inputs[0].shape.count / shape.count) : 1
            return values[0] * terms
        }
        guard !(operation is Broadcast),
            case .pointwise(let expression) = operation.encoding(inputs: inputs.map(\.shape), output: shape)
        else { return nil }
        return Float(expression.evaluate(values.map(Double.init)))
    }
}
