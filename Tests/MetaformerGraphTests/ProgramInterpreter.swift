import Testing

@testable import MetaformerGraph

/// Runs a decoded program in Double over real storage, so that values which wrongly share memory spoil each other.
struct ProgramInterpreter {
    private struct OperationKey: Hashable {
        let encoding: Encoding
        let output: Shape
    }

    private let program: Program.Inspection
    /// The operations that the program was made of.
    private let operations: [OperationKey: any Operation]
    /// The arena in floats; fresh memory is not a number, so that nothing unwritten is read unnoticed.
    private var arena: [Double]
    private var inputs: [String: [Double]]
    private(set) var outputs: [String: [Double]] = [:]
    private(set) var variables: [String: [Double]]

    static func run(
        _ program: Program, of graph: Graph, inputs: [String: [Double]] = [:], variables: [String: [Double]] = [:]
    ) throws -> ProgramInterpreter {
        let inspection = try Program.Inspection(program.data)
        var operations: [OperationKey: any Operation] = [:]
        for node in graph.nodes {
            guard case .operation(let operation, let inputs) = node.source else { continue }
            let encoding = operation.encoding(inputs: graph.shapes(of: inputs), output: node.shape)
            operations[OperationKey(encoding: encoding, output: node.shape)] = operation
        }
        var interpreter = ProgramInterpreter(
            program: inspection, operations: operations,
            arena: [Double](repeating: .nan, count: inspection.arenaBytes / 4), inputs: inputs,
            variables: variables)
        for instruction in inspection.instructions { try interpreter.execute(instruction) }
        return interpreter
    }

    private func read(_ buffer: Program.Inspection.Buffer) throws -> [Double] {
        let count = buffer.shape.count
        let name = buffer.name ?? ""
        switch buffer.kind {
        case .arena: return Array(arena[buffer.offset / 4..<buffer.offset / 4 + count])
        case .constant: return program.constants[buffer.offset / 4..<buffer.offset / 4 + count].map(Double.init)
        case .input: return try #require(inputs[name])
        case .output: return try #require(outputs[name])
        case .variable: return try #require(variables[name])
        }
    }

    private mutating func write(_ values: [Double], to buffer: Program.Inspection.Buffer) throws {
        #expect(values.count == buffer.shape.count)
        switch buffer.kind {
        case .arena: arena.replaceSubrange(buffer.offset / 4..<buffer.offset / 4 + values.count, with: values)
        case .output: outputs[try #require(buffer.name)] = values
        case .variable: variables[try #require(buffer.name)] = values
        case .input, .constant: Issue.record("the program writes \(buffer)")
        }
    }

    private mutating func execute(_ instruction: Program.Inspection.Instruction) throws {
        let operands = instruction.inputs.map { program.buffers[$0] }
        let output = program.buffers[instruction.output]
        let values = try operands.map(read)
        let shapes = operands.map(\.shape)
        for (position, operand) in operands.enumerated() where sharesStorage(operand, output) {
            #expect(operand == output && instruction.opcode.allowsInPlace(operand: position), "\(instruction)")
        }
        try write(result(instruction, values, shapes, output.shape), to: output)
    }

    private func sharesStorage(_ a: Program.Inspection.Buffer, _ b: Program.Inspection.Buffer) -> Bool {
        guard a.kind == b.kind else { return false }
        guard a.kind == .arena else { return a.name != nil && a.name == b.name }
        return a.offset < b.offset + 4 * b.shape.count && b.offset < a.offset + 4 * a.shape.count
    }

    private func result(
        _ instruction: Program.Inspection.Instruction, _ values: [[Double]], _ shapes: [Shape], _ output: Shape
    ) throws -> [Double] {
        switch instruction.opcode {
        case .pointwise:
            return evaluate(try #require(instruction.expression), values, shapes, over: output)
        case .reduce:
            let full = shapes.reduce(Shape.scalar) { $0.broadcast(with: $1) ?? $0 }
            #expect(full.rank == output.rank)
            let inner = evaluate(try #require(instruction.expression), values, shapes, over: full)
            let axes = full.dims.indices.filter { instruction.attributes[1] >> UInt32($0) & 1 == 1 }
            let kind = try #require(Reduce.Kind(rawValue: instruction.attributes[0]))
            return Reduce(kind: kind, axes: axes).reference([inner], shapes: [full], output: output)
        default:
            let fixed = instruction.opcode.fixedInputs ?? values.count
            let own = try operation(instruction, shapes, output)
                .reference(Array(values.prefix(fixed)), shapes: Array(shapes.prefix(fixed)), output: output)
            guard let expression = instruction.expression else { return own }
            for shape in shapes.dropFirst(fixed) {
                #expect(EpilogueFusion.covers(shape, instruction.opcode, instruction.attributes, output))
            }
            return evaluate(
                expression, [own] + values.dropFirst(fixed), [output] + shapes.dropFirst(fixed), over: output)
        }
    }

    private func evaluate(
        _ expression: Expression, _ values: [[Double]], _ shapes: [Shape], over shape: Shape
    ) -> [Double] {
        let offsets = shapes.map { $0.broadcastOffsets(to: shape) }
        return (0..<shape.count).map { element in
            expression.evaluate(values.indices.map { values[$0][offsets[$0][element]] })
        }
    }

    /// What passes make is decoded; any other operation is one of the graph's own.
    private func operation(
        _ instruction: Program.Inspection.Instruction, _ shapes: [Shape], _ output: Shape
    ) throws -> any Operation {
        let words = instruction.attributes.map { Int($0) }
        func geometry() -> ConvolutionGeometry {
            ConvolutionGeometry(
                stride: Array(words[0...1]),
                padding: Padding(top: words[2], left: words[3], bottom: words[4], right: words[5]), groups: words[6])
        }
        func epsilon() -> Float { Float(bitPattern: instruction.attributes[1]) }
        func after(_ before: [Int], _ wide: Shape, _ narrow: Shape) -> [Int] {
            before.indices.map { wide[$0] - narrow[$0] - before[$0] }
        }
        switch instruction.opcode {
        case .pointwise, .reduce: throw GraphError("interpreter", [], "has no single operation")
        case .convolution: return Convolution(geometry: geometry())
        case .convolutionInputGradient:
            return ConvolutionInputGradient(geometry: geometry(), height: output[2], width: output[3])
        case .convolutionWeightGradient:
            return ConvolutionWeightGradient(geometry: geometry(), height: output[2], width: output[3])
        case .matmul: return MatrixProduct(transposeA: words[0] == 1, transposeB: words[1] == 1)
        case .transpose: return Transpose(permutation: words)
        case .slice: return Slice(start: words, shape: output)
        case .concatenate: return Concatenate(axis: words[0])
        case .pad:
            let before = Array(words.dropFirst())
            let mode: Pad.Mode = words[0] == 1 ? .reflect : .zero
            return Pad(mode: mode, before: before, after: after(before, output, shapes[0]))
        case .softmax: return Softmax()
        case .softmaxGradient: return SoftmaxGradient()
        case .standardize: return Standardize(axes: words[0], epsilon: epsilon())
        case .standardizeGradient: return StandardizeGradient(axes: words[0], epsilon: epsilon())
        case .attention: return Attention(scale: Float(bitPattern: instruction.attributes[0]))
        default:
            let encoding = Encoding.instruction(instruction.opcode, attributes: instruction.attributes)
            let key = OperationKey(encoding: encoding, output: output)
            return try #require(operations[key], "\(instruction.opcode) is no operation of the graph")
        }
    }
}
