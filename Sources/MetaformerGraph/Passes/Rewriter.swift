/// A rewriting of single operations, given their operands in the graph that is being built.
protocol RewriteRule {
    /// An equal tensor made otherwise, or nil to leave the operation as it is.
    func rewrite(_ operation: any Operation, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter) throws -> Tensor?
}

/// Copies what the results of a graph need into a new graph, rewriting as it goes.
///
/// Nodes that nothing needs are left behind (dead code), and equal operations on equal operands become one node
/// (common subexpressions).
struct Rewriter {
    let source: Graph
    let target = Graph(interning: true)
    /// How often each node of the source is read, results included.
    let useCounts: [Int]
    /// The copy of each node of the source.
    private(set) var copies: [Int: Tensor] = [:]

    /// Returns the results in the rewritten graph, and how many operations were rewritten.
    static func run(
        _ results: [Tensor], in graph: Graph, rules: [any RewriteRule]
    ) throws -> (results: [Tensor], rewrites: Int) {
        let live = graph.live(results.map(\.id))
        var useCounts = [Int](repeating: 0, count: graph.nodes.count)
        for id in live { for input in graph.nodes[id].inputs { useCounts[input] += 1 } }
        for result in results { useCounts[result.id] += 1 }
        var rewriter = Rewriter(source: graph, useCounts: useCounts)
        for id in live { rewriter.copies[id] = try rewriter.copy(id, rules) }
        return (results.compactMap { rewriter.copies[$0.id] }, rewriter.rewrites)
    }

    private var rewrites = 0

    private init(source: Graph, useCounts: [Int]) {
        self.source = source
        self.useCounts = useCounts
    }

    private mutating func copy(_ id: Int, _ rules: [any RewriteRule]) throws -> Tensor {
        let node = source.nodes[id]
        switch node.source {
        case .input(let name): return try target.input(name, node.shape)
        case .variable(let name): return try target.variable(name, node.shape)
        case .constant(let values): return try target.constant(values, node.shape)
        case .operation(let operation, let ids):
            let inputs = ids.compactMap { copies[$0] }
            for rule in rules {
                if let tensor = try rule.rewrite(operation, inputs, at: id, in: self) {
                    rewrites += 1
                    return try tensor.broadcast(to: node.shape)
                }
            }
            return try target.apply(operation, to: inputs)
        }
    }

    // MARK: Patterns over the source

    /// The operation of a node of the source that nothing else reads, if it is of this type.
    func inner<T: Operation>(_ id: Int, as type: T.Type) -> (operation: T, inputs: [Int])? {
        guard useCounts[id] == 1, case .operation(let operation, let inputs) = source.nodes[id].source,
            let operation = operation as? T
        else { return nil }
        return (operation, inputs)
    }

    /// The value that a node of the source has in every place.
    func uniform(_ id: Int) -> Float? { source.tensor(id).uniformValue }
}

extension Tensor {
    /// The operation that makes the tensor, if it is of this type, and its operands.
    func made<T: Operation>(by type: T.Type) -> (operation: T, inputs: [Tensor])? {
        guard case .operation(let operation, let inputs) = graph.nodes[id].source, let operation = operation as? T
        else { return nil }
        return (operation, inputs.map(graph.tensor))
    }

    /// The operands, if the tensor is made by this step.
    func made(by function: Function) -> [Tensor]? {
        guard let (operation, inputs) = made(by: Pointwise.self), operation.function == function else { return nil }
        return inputs
    }

    /// The values of a constant.
    var constantValues: [Float]? {
        if case .constant(let values) = graph.nodes[id].source { return values }
        return nil
    }

    /// The value that a constant, however broadcast, has in every place.
    var uniformValue: Float? {
        if let values = constantValues {
            guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
            return first
        }
        if let (_, inputs) = made(by: Broadcast.self) { return inputs[0].uniformValue }
        if let (_, inputs) = made(by: Reshape.self) { return inputs[0].uniformValue }
        return nil
    }
}
