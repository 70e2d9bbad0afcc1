/// A graph in the Open Neural Network Exchange format, for other runtimes.
///
/// Made of the graph as it is written, before the passes. What the format has one operator for becomes that: a bias of a
/// convolution, scale and offset of a normalisation, and ReLU.
public struct ONNXModel: Sendable {
    /// The binary form: a `ModelProto`.
    public let data: [UInt8]

    /// - Parameters:
    ///   - name: of the graph, for people.
    ///   - outputs: the results, and what they are called.
    ///   - parameters: the values of all variables, by name, row-major.
    ///   - documentation: texts for inputs, by name.
    ///   - metadata: settings that travel with the model.
    /// - Throws: a `GraphError` where an operation has no counterpart (what only derivatives or fitting use), values are missing or of
    ///   another count, or the model is over 2 GB, which the format cannot hold.
    public init(
        name: String, outputs: [(name: String, tensor: Tensor)], parameters: [String: [Float]],
        documentation: [String: String] = [:], metadata: [String: String] = [:]
    ) throws {
        guard let graph = outputs.first?.tensor.graph, outputs.allSatisfy({ $0.tensor.graph === graph }) else {
            throw GraphError("ONNX export", outputs.map(\.tensor.shape), "takes one or more tensors of one graph")
        }
        var writer = ONNXWriter(graph, outputs.map(\.tensor.id), parameters, documentation)
        try writer.write()
        for (name, tensor) in outputs { writer.builder.addOutput(name, writer.value(tensor.id)) }
        data = writer.builder.model(name: name, metadata: metadata).bytes
        guard data.count <= Int(Int32.max) else {
            throw GraphError("ONNX export", [], "\(data.count) bytes are more than the format holds, 2 GB")
        }
    }
}

/// An operation that ONNX has a counterpart of.
protocol ONNXOperation: Operation {
    /// Appends nodes that compute the operation, and returns the name of their result. Convolutions may be given a bias as
    /// a third operand, normalisations weight and bias as a second and third.
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) throws -> String
}

/// Walks a graph in topological order.
private struct ONNXWriter {
    let graph: Graph
    let parameters: [String: [Float]]
    let documentation: [String: String]
    let outputs: [Int]
    var builder = ONNXBuilder()
    private var names: [Int: String] = [:]
    private var useCounts: [Int: Int] = [:]

    init(_ graph: Graph, _ outputs: [Int], _ parameters: [String: [Float]], _ documentation: [String: String]) {
        (self.graph, self.outputs, self.parameters) = (graph, outputs, parameters)
        self.documentation = documentation
        for id in outputs + graph.live(outputs).flatMap({ graph.nodes[$0].inputs }) { useCounts[id, default: 0] += 1 }
    }

    func value(_ id: Int) -> ONNXBuilder.Value { .init(name: names[id] ?? "", shape: graph.nodes[id].shape) }

    mutating func write() throws {
        let live = graph.live(outputs)
        // From the results backwards, so that what a match takes in is not written by itself.
        var isNeeded = Set(outputs)
        var matches: [Int: Match] = [:]
        for id in live.reversed() where isNeeded.contains(id) {
            matches[id] = match(id)
            isNeeded.formUnion(matches[id]?.inputs ?? graph.nodes[id].inputs)
        }
        for id in live where isNeeded.contains(id) { names[id] = try write(graph.nodes[id], matches[id]) }
    }

    private mutating func write(_ node: Graph.Node, _ match: Match?) throws -> String {
        switch node.source {
        case .input(let name):
            builder.addInput(name, node.shape, documentation: documentation[name] ?? "")
            return name
        case .variable(let name):
            guard let values = parameters[name], values.count == node.shape.count else {
                throw GraphError("ONNX export", [node.shape], "parameter \"\(name)\" has no values of this shape")
            }
            return builder.floats(values, node.shape, name: name)
        case .constant(let values): return builder.floats(values, node.shape)
        case .operation(let plain, let plainInputs):
            if case .relu(let x) = match { return builder.emit("Relu", [value(x).name]) }
            let (operation, inputs) = match?.operation ?? (plain, plainInputs)
            let shapes = graph.shapes(of: inputs)
            guard let operation = operation as? any ONNXOperation else {
                throw GraphError(operation.name, shapes, "has no counterpart in ONNX")
            }
            return try operation.write(inputs.map(value), output: node.shape, to: &builder)
        }
    }

    // MARK: Operators of several operations

    private enum Match {
        /// Max of the operand and zero.
        case relu(Int)
        /// The operation over its own operands and the vectors that belong to it.
        case affine(any Operation, [Int])

        var inputs: [Int] {
            switch self {
            case .relu(let x): [x]
            case .affine(_, let inputs): inputs
            }
        }
        var operation: (any Operation, [Int])? {
            if case .affine(let operation, let inputs) = self { return (operation, inputs) }
            return nil
        }
    }

    private func match(_ id: Int) -> Match? {
        guard case .operation(let operation, let inputs) = graph.nodes[id].source,
            let function = (operation as? Pointwise)?.function
        else { return nil }
        if function == .maximum, case .constant([0]) = graph.nodes[inputs[1]].source { return .relu(inputs[0]) }
        guard function == .add, useCounts[inputs[0]] == 1,
            case .operation(let inner, let operands) = graph.nodes[inputs[0]].source
        else { return nil }
        if inner is Convolution || inner is ConvolutionInputGradient {
            guard let bias = vector(inputs[1], alongAxis: 1, of: graph.nodes[id].shape) else { return nil }
            return .affine(inner, operands + [bias])
        }
        guard (inner as? Pointwise)?.function == .multiply, useCounts[operands[0]] == 1,
            case .operation(let normalization, let source) = graph.nodes[operands[0]].source,
            let axes = (normalization as? Standardize)?.axes
        else { return nil }
        let shape = graph.nodes[id].shape
        guard let axis = [1: shape.rank - 1, 2: shape.rank == 4 ? 1 : nil][axes] ?? nil,
            let weight = vector(operands[1], alongAxis: axis, of: shape),
            let bias = vector(inputs[1], alongAxis: axis, of: shape)
        else { return nil }
        return .affine(normalization, source + [weight, bias])
    }

    /// The tensor [C] that a node broadcasts along one axis of a shape: the node itself, or what it reshapes.
    private func vector(_ id: Int, alongAxis axis: Int, of shape: Shape) -> Int? {
        let vector: Shape = [shape[axis]]
        let trailing = [Int](repeating: 1, count: shape.rank - 1 - axis)
        guard graph.nodes[id].shape == Shape(vector.dims + trailing) else { return nil }
        if trailing.isEmpty { return id }
        guard case .operation(let operation, let inputs) = graph.nodes[id].source, operation is Reshape,
            graph.nodes[inputs[0]].shape == vector
        else { return nil }
        return inputs[0]
    }
}
