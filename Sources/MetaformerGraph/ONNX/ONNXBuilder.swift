/// Nodes and initialisers of an ONNX model while it is put together. Field numbers are those of the standard's `onnx.proto`.
struct ONNXBuilder {
    enum Attribute {
        case int(Int)
        case ints([Int])
        case float(Float)
        case string(String)
    }

    /// A tensor that a node reads.
    struct Value {
        let name: String
        let shape: Shape
    }

    /// Of the standard, that which has layer normalisation and which current runtimes all know.
    static let operatorSet = 17
    private static let formatVersion = 8
    private static let (float, int64) = (1, 7)

    private var nodes: [ProtobufMessage] = []
    private var initializers: [ProtobufMessage] = []
    private var inputs: [ProtobufMessage] = []
    private var outputs: [ProtobufMessage] = []
    private var integerNames: [[Int]: String] = [:]
    private var serial = 0

    // MARK: Tensors

    /// A tensor that the model is given.
    mutating func addInput(_ name: String, _ shape: Shape, documentation: String) {
        var message = ONNXBuilder.valueInfo(name, shape)
        if !documentation.isEmpty { message.add(3, documentation) }
        inputs.append(message)
    }

    /// Gives a tensor the name of a result.
    mutating func addOutput(_ name: String, _ value: Value) {
        emit("Identity", [value.name], as: name)
        outputs.append(ONNXBuilder.valueInfo(name, value.shape))
    }

    /// A parameter or a constant; without a name, under a new one.
    @discardableResult
    mutating func floats(_ values: [Float], _ shape: Shape, name: String? = nil) -> String {
        let name = name ?? newName()
        addInitializer(name, ONNXBuilder.float, shape.dims, values.map(\.bitPattern.littleEndian))
        return name
    }

    /// A list of counts or axes, as operators take them.
    mutating func integers(_ values: [Int]) -> String {
        if let name = integerNames[values] { return name }
        let name = newName()
        integerNames[values] = name
        addInitializer(name, ONNXBuilder.int64, [values.count], values.map { Int64($0).littleEndian })
        return name
    }

    private mutating func addInitializer<Element>(_ name: String, _ type: Int, _ dims: [Int], _ values: [Element]) {
        var message = ProtobufMessage()
        for dim in dims { message.add(1, dim) }
        message.add(2, type)
        message.add(8, name)
        message.add(9, values.withUnsafeBytes { Array($0) })
        initializers.append(message)
    }

    private static func valueInfo(_ name: String, _ shape: Shape) -> ProtobufMessage {
        var (message, type, tensor, dims) = (
            ProtobufMessage(), ProtobufMessage(), ProtobufMessage(), ProtobufMessage()
        )
        for count in shape.dims {
            var dim = ProtobufMessage()
            dim.add(1, count)
            dims.add(1, dim)
        }
        tensor.add(1, float)
        tensor.add(2, dims)
        type.add(1, tensor)
        message.add(1, name)
        message.add(2, type)
        return message
    }

    // MARK: Nodes

    /// Appends a node of one result and returns its name, a new one where none is given.
    @discardableResult
    mutating func emit(
        _ operation: String, _ inputs: [String], _ attributes: KeyValuePairs<String, Attribute> = [:],
        as name: String? = nil
    ) -> String {
        let name = name ?? newName()
        var message = ProtobufMessage()
        for input in inputs { message.add(1, input) }
        message.add(2, name)
        message.add(3, "\(operation):\(name)")
        message.add(4, operation)
        for (key, value) in attributes { message.add(5, ONNXBuilder.attribute(key, value)) }
        nodes.append(message)
        return name
    }

    private static func attribute(_ name: String, _ value: Attribute) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        switch value {
        case .float(let value):
            message.add(2, value)
            message.add(20, 1)
        case .int(let value):
            message.add(3, value)
            message.add(20, 2)
        case .string(let value):
            message.add(4, value)
            message.add(20, 3)
        case .ints(let values):
            for value in values { message.add(8, value) }
            message.add(20, 7)
        }
        return message
    }

    /// Inputs, parameters and outputs have no names that begin so.
    private mutating func newName() -> String {
        serial += 1
        return "/\(serial)"
    }

    // MARK: Model

    func model(name: String, metadata: [String: String]) -> ProtobufMessage {
        var (model, graph, operators) = (ProtobufMessage(), ProtobufMessage(), ProtobufMessage())
        for node in nodes { graph.add(1, node) }
        graph.add(2, name)
        for initializer in initializers { graph.add(5, initializer) }
        for input in inputs { graph.add(11, input) }
        for output in outputs { graph.add(12, output) }
        operators.add(1, "")
        operators.add(2, ONNXBuilder.operatorSet)
        model.add(1, ONNXBuilder.formatVersion)
        model.add(2, "Metaformer")
        model.add(7, graph)
        model.add(8, operators)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            var entry = ProtobufMessage()
            entry.add(1, key)
            entry.add(2, value)
            model.add(14, entry)
        }
        return model
    }
}
