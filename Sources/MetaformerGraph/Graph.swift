/// A computation on tensors: inputs, variables and constants, and operations on them, in topological order.
public final class Graph {
    /// One tensor of the graph and how it comes to be.
    public struct Node {
        public enum Source {
            case input(name: String)
            case variable(name: String)
            case constant([Float])
            case operation(any Operation, inputs: [Int])
        }

        public let source: Source
        public let shape: Shape

        /// The nodes that this one reads.
        public var inputs: [Int] {
            if case .operation(_, let inputs) = source { return inputs }
            return []
        }

        var isInput: Bool {
            if case .input = source { return true }
            return false
        }
    }

    public private(set) var nodes: [Node] = []
    /// The inputs and variables by name: a name stands for one of them.
    private var named: [String: Int] = [:]
    /// Where equal operations and constants are to be one node: the node of each. Nil in graphs that people build.
    private var interned: [Key: Int]?

    /// What a node computes.
    private struct Key: Hashable {
        var operation: AnyHashable
        var inputs: [Int]
    }

    public init() {}

    /// A graph in which equal operations on equal operands, and equal constants, are one node.
    init(interning: Bool) { interned = interning ? [:] : nil }

    // MARK: Sources

    /// A tensor that the caller gives to every run. The same name and shape give the same tensor; throws when the name
    /// already stands for another shape.
    public func input(_ name: String, _ shape: Shape) throws -> Tensor {
        try source(.input(name: name), name, shape, "input")
    }

    /// A parameter or state that programs share. The same name and shape give the same tensor; throws when the name
    /// already stands for another shape.
    public func variable(_ name: String, _ shape: Shape) throws -> Tensor {
        try source(.variable(name: name), name, shape, "variable")
    }

    /// A constant, row-major; throws when the number of values is not the shape's.
    public func constant(_ values: [Float], _ shape: Shape) throws -> Tensor {
        guard shape.isValid, shape.count == values.count else {
            throw GraphError("constant", [shape], "\(values.count) values do not fill the shape")
        }
        let bits = values.map(\.bitPattern)
        return append(
            Node(source: .constant(values), shape: shape), Key(operation: AnyHashable(bits), inputs: shape.dims))
    }

    /// A scalar constant.
    public func constant(_ value: Float) -> Tensor {
        append(
            Node(source: .constant([value]), shape: .scalar),
            Key(operation: AnyHashable([value.bitPattern]), inputs: []))
    }

    /// `value` in every place.
    public func full(_ value: Float, _ shape: Shape) throws -> Tensor {
        try constant(value).broadcast(to: shape)
    }

    /// The variables of the graph, in the order in which they were made.
    public var variables: [(name: String, shape: Shape)] {
        nodes.compactMap { node in
            if case .variable(let name) = node.source { return (name, node.shape) }
            return nil
        }
    }

    // MARK: Operations

    /// Appends an operation; throws when the operands do not fit or belong to another graph.
    public func apply(_ operation: some Operation, to inputs: [Tensor]) throws -> Tensor {
        let shapes = inputs.map(\.shape)
        guard inputs.allSatisfy({ $0.graph === self }) else {
            throw GraphError(operation.name, shapes, "the operands belong to different graphs")
        }
        let shape = try operation.outputShape(of: shapes)
        try Graph.check(shape, operation.name, shapes)
        let ids = inputs.map(\.id)
        return append(
            Node(source: .operation(operation, inputs: ids), shape: shape),
            Key(operation: AnyHashable(operation), inputs: ids))
    }

    /// Additions and multiplications of everything that `outputs` need.
    public func operationCount(of outputs: [Tensor]) -> Int {
        live(outputs.map(\.id)).reduce(0) { total, id in
            guard case .operation(let operation, let inputs) = nodes[id].source else { return total }
            return total + operation.operationCount(inputs: inputs.map { nodes[$0].shape }, output: nodes[id].shape)
        }
    }

    func tensor(_ id: Int) -> Tensor { Tensor(graph: self, id: id) }

    func shapes(of ids: [Int]) -> [Shape] { ids.map { nodes[$0].shape } }

    /// The nodes that `outputs` need, in topological order.
    func live(_ outputs: [Int]) -> [Int] {
        var isLive = [Bool](repeating: false, count: nodes.count)
        for id in outputs { isLive[id] = true }
        for id in nodes.indices.reversed() where isLive[id] {
            for input in nodes[id].inputs { isLive[input] = true }
        }
        return nodes.indices.filter { isLive[$0] }
    }

    /// Whether an input or a variable has this name.
    func isNamed(_ name: String) -> Bool { named[name] != nil }

    private func append(_ node: Node, _ key: @autoclosure () -> Key? = nil) -> Tensor {
        if interned != nil, let key = key() {
            if let id = interned?[key] { return tensor(id) }
            interned?[key] = nodes.count
        }
        nodes.append(node)
        return Tensor(graph: self, id: nodes.count - 1)
    }

    private func source(_ source: Node.Source, _ name: String, _ shape: Shape, _ kind: String) throws -> Tensor {
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw GraphError(kind, [shape], "the name must not be empty or hold a zero byte")
        }
        try Graph.check(shape, "\(kind) \"\(name)\"", [])
        if let id = named[name] {
            guard nodes[id].shape == shape, nodes[id].isInput == (kind == "input") else {
                throw GraphError(
                    "\(kind) \"\(name)\"", [shape],
                    "the name already stands for \(nodes[id].isInput ? "an input" : "a variable") of \(nodes[id].shape)"
                )
            }
            return tensor(id)
        }
        let tensor = append(Node(source: source, shape: shape))
        named[name] = tensor.id
        return tensor
    }

    private static func check(_ shape: Shape, _ name: String, _ operands: [Shape]) throws {
        guard shape.isValid else {
            throw GraphError(
                name, operands,
                "\(shape) is no shape: rank 0 to \(Shape.maximumRank), every dimension at least 1, "
                    + "at most \(Shape.maximumCount) elements")
        }
    }
}

/// A handle of one tensor of a graph.
public struct Tensor {
    public let graph: Graph
    public let id: Int

    public var shape: Shape { graph.nodes[id].shape }
    public var rank: Int { shape.rank }

    /// An axis counted from the end when negative; throws when there is none.
    func axis(_ axis: Int, _ operation: String) throws -> Int {
        let resolved = axis < 0 ? axis + rank : axis
        guard shape.dims.indices.contains(resolved) else {
            throw GraphError(operation, [shape], "there is no axis \(axis)")
        }
        return resolved
    }
}
