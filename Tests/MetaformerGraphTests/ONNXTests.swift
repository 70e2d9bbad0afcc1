import Foundation
import TestSupport
import Testing

@testable import MetaformerGraph

@Suite("ONNX") struct ONNXTests {
    @Test("Fields are stored as Protocol Buffers are") func protobuf() {
        var inner = ProtobufMessage()
        inner.add(1, 300)
        var message = ProtobufMessage()
        message.add(1, -1)
        message.add(2, Float(1))
        message.add(3, "aé")
        message.add(20, inner)
        #expect(
            message.bytes == [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1] + [0x15, 0, 0, 0x80, 0x3f]
                + [0x1a, 3, 0x61, 0xc3, 0xa9] + [0xa2, 1, 3, 8, 0xac, 2])
    }

    static let exported = OperationCase.all.filter { !$0.hasNoCounterpart }

    @Test("Every node reads what came before it", arguments: exported) func order(operation: OperationCase) throws {
        let model = try DecodedModel(operation.onnx().data)
        #expect(model.operatorSet == 17)
        var known = Set(model.inputs.keys).union(model.initializers.keys)
        for node in model.nodes {
            #expect(node.inputs.allSatisfy { $0.isEmpty || known.contains($0) }, "\(node)")
            #expect(known.insert(node.output).inserted, "\(node)")
        }
        let (_, variables, output, values) = try operation.instance()
        #expect(model.outputs == ["y": output.shape.dims])
        for (index, variable) in variables.enumerated() {
            let parameter = try #require(model.initializers["v\(index)"])
            #expect(parameter.dims == variable.shape.dims)
            #expect(parameter.floats == values["v\(index)"]?.map(Float.init))
        }
    }

    @Test("What ONNX has no operator for is refused by name", arguments: OperationCase.all.filter(\.hasNoCounterpart))
    func refusals(operation: OperationCase) {
        #expect { try operation.onnx() } throws: { "\($0)".contains("has no counterpart in ONNX") }
    }

    @Test("Bias, scale, offset and ReLU become one operator with what they follow") func matches() throws {
        let graph = Graph()
        let x = try graph.input("x", [1, 2, 4, 4])
        let weight = try graph.variable("w", [2, 2, 3, 3])
        let vectors = try (0..<5).map { try graph.variable("b\($0)", [2]) }
        let y = try relu(conv2d(x, weight, bias: vectors[0], padding: Padding(1)))
        let z = try instanceNorm(y, weight: vectors[1], bias: vectors[2])
        let normal = try layerNorm(z.reshape(to: [16, 2]), weight: vectors[3], bias: vectors[4])
        // A result that something else needs as well stays one of its own.
        let plain = try conv2d(x, weight)
        let both = try (plain + vectors[0].reshape(to: [2, 1, 1])) * plain
        var parameters = Dictionary(uniqueKeysWithValues: vectors.indices.map { ("b\($0)", [Float(1), 2]) })
        parameters["w"] = [Float](repeating: 1, count: 36)
        let model = try DecodedModel(
            ONNXModel(name: "test", outputs: [("y", normal), ("both", both)], parameters: parameters).data)
        #expect(
            model.nodes.map(\.operation) == [
                "Conv", "Relu", "InstanceNormalization", "Reshape", "LayerNormalization", "Conv", "Reshape", "Add",
                "Mul",
                "Identity", "Identity",
            ])
        #expect(model.nodes.first?.inputs == ["x", "w", "b0"])
        #expect(model.inputs == ["x": [1, 2, 4, 4]])
    }

    @Test("Parameters without values are named") func missingParameter() throws {
        let graph = Graph()
        let y = try graph.variable("scale", [2]) * graph.input("x", [2])
        #expect { try ONNXModel(name: "test", outputs: [("y", y)], parameters: ["scale": [1]]) } throws: {
            "\($0)".contains("\"scale\"")
        }
    }

    @Test("onnxruntime gives the reference's values", .enabled(if: Command.pythonWithONNX != nil)) func values() throws
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "metaformer-onnx-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (index, operation) in ONNXTests.exported.enumerated() {
            let (graph, _, output, values) = try operation.instance()
            let expected = try graph.evaluate([output], variables: values)[0]
            let name = folder.appending(path: "\(index) \(operation.name.replacing("/", with: "-"))").path
            try Data(operation.onnx().data).write(to: URL(filePath: name + ".onnx"))
            try TensorFile(entries: [
                .init(name: "output/y", shape: output.shape, contents: .floats(expected.map(Float.init)))
            ]).write(path: name + ".safetensors")
        }
        let script = Command.root.appending(path: "scripts/reference/onnx.py").path
        let python = try #require(Command.pythonWithONNX)
        let report = try Command.run([python, script, folder.path, "1e-5"])
        #expect(report.split(separator: "\n").count == ONNXTests.exported.count)
    }
}

extension OperationCase {
    fileprivate func onnx() throws -> ONNXModel {
        let (_, _, output, values) = try instance()
        return try ONNXModel(name: name, outputs: [("y", output)], parameters: values.mapValues { $0.map(Float.init) })
    }
}

// MARK: - Reading

/// What a model's binary form says, read by the wire format alone.
private struct DecodedModel {
    struct Node {
        let operation: String
        let inputs: [String]
        let output: String
    }
    struct Initializer {
        let dims: [Int]
        let floats: [Float]?
    }

    let nodes: [Node]
    let initializers: [String: Initializer]
    let inputs: [String: [Int]]
    let outputs: [String: [Int]]
    let operatorSet: Int

    init(_ data: [UInt8]) throws {
        let model = try Fields(data[...])
        let graph = try model.message(7)
        operatorSet = try model.message(8).integers(2).first ?? 0
        nodes = try graph.messages(1).map { node in
            Node(
                operation: node.strings(4).first ?? "", inputs: node.strings(1), output: node.strings(2).first ?? "")
        }
        var initializers: [String: Initializer] = [:]
        for tensor in try graph.messages(5) {
            let raw = tensor.bytes(9).first ?? []
            let floats = raw.withUnsafeBytes { $0.bindMemory(to: Float.self).map { $0 } }
            initializers[tensor.strings(8).first ?? ""] = Initializer(
                dims: tensor.integers(1), floats: tensor.integers(2) == [1] ? floats : nil)
        }
        self.initializers = initializers
        func shapes(_ field: Int) throws -> [String: [Int]] {
            var shapes: [String: [Int]] = [:]
            for value in try graph.messages(field) {
                let dims = try value.message(2).message(1).message(2).messages(1).flatMap { $0.integers(1) }
                shapes[value.strings(1).first ?? ""] = dims
            }
            return shapes
        }
        inputs = try shapes(11)
        outputs = try shapes(12)
    }
}

/// The fields of a message of Protocol Buffers.
private struct Fields {
    struct Malformed: Error {}

    private var integers: [Int: [Int]] = [:]
    private var contents: [Int: [[UInt8]]] = [:]

    init(_ data: ArraySlice<UInt8>) throws {
        var rest = data
        while !rest.isEmpty {
            let tag = try Fields.varint(&rest)
            let field = Int(tag >> 3)
            switch tag & 7 {
            case 0: integers[field, default: []].append(Int(truncatingIfNeeded: try Fields.varint(&rest)))
            case 2:
                let count = Int(try Fields.varint(&rest))
                guard count <= rest.count else { throw Malformed() }
                contents[field, default: []].append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            case 5:
                guard rest.count >= 4 else { throw Malformed() }
                rest = rest.dropFirst(4)
            default: throw Malformed()
            }
        }
    }

    func integers(_ field: Int) -> [Int] { integers[field] ?? [] }
    func bytes(_ field: Int) -> [[UInt8]] { contents[field] ?? [] }
    func strings(_ field: Int) -> [String] { bytes(field).map { String(decoding: $0, as: UTF8.self) } }
    func messages(_ field: Int) throws -> [Fields] { try bytes(field).map { try Fields($0[...]) } }
    func message(_ field: Int) throws -> Fields {
        guard let message = try messages(field).first else { throw Malformed() }
        return message
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw Malformed() }
            value |= UInt64(byte & 0x7f) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw Malformed()
    }
}
