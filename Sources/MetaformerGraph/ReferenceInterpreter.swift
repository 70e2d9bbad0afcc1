extension Graph {
    /// Evaluates tensors in Double by the operations' reference implementations: slow, and as exact as Double is.
    ///
    /// Throws when an input or a variable that is needed has no values or too few.
    public func evaluate(
        _ outputs: [Tensor], inputs: [String: [Double]] = [:], variables: [String: [Double]] = [:]
    ) throws -> [[Double]] {
        guard outputs.allSatisfy({ $0.graph === self }) else {
            throw GraphError("evaluate", outputs.map(\.shape), "a tensor belongs to another graph")
        }
        var values: [Int: [Double]] = [:]
        for id in live(outputs.map(\.id)) {
            let node = nodes[id]
            switch node.source {
            case .input(let name): values[id] = try Graph.lookUp(name, "input", node.shape, in: inputs)
            case .variable(let name): values[id] = try Graph.lookUp(name, "variable", node.shape, in: variables)
            case .constant(let constant): values[id] = constant.map(Double.init)
            case .operation(let operation, let operands):
                values[id] = operation.reference(
                    operands.map { values[$0, default: []] }, shapes: shapes(of: operands), output: node.shape)
            }
        }
        return outputs.map { values[$0.id, default: []] }
    }

    private static func lookUp(
        _ name: String, _ kind: String, _ shape: Shape, in table: [String: [Double]]
    ) throws -> [Double] {
        guard let values = table[name] else { throw GraphError("evaluate", [], "no values for \(kind) \"\(name)\"") }
        guard values.count == shape.count else {
            throw GraphError("evaluate", [shape], "\(kind) \"\(name)\" has \(values.count) values")
        }
        return values
    }
}
