extension Program {
    /// A program read back from its binary form.
    public struct Inspection: Sendable {
        public struct Buffer: Hashable, Sendable {
            public enum Kind: UInt32, Sendable {
                case arena = 0
                case input = 1
                case output = 2
                case variable = 3
                case constant = 4
            }

            public let kind: Kind
            public let shape: Shape
            /// Bytes from the start of the arena or of the constants; 0 for others.
            public let offset: Int
            /// The name of an input, output or variable.
            public let name: String?
        }

        public struct Instruction: Hashable, Sendable {
            public let opcode: Opcode
            /// Buffers read, those of the op itself first.
            public let inputs: [Int]
            public let output: Int
            public let attributes: [UInt32]
            public let expression: Expression?
        }

        public let buffers: [Buffer]
        public let instructions: [Instruction]
        /// The constants, by whole floats.
        public let constants: [Float]
        public let arenaBytes: Int

        /// Reads a program; throws a `GraphError` when the bytes are none.
        public init(_ data: [UInt8]) throws {
            var reader = Reader(data: data)
            guard try reader.word() == ProgramFormat.magic, try reader.word() == ProgramFormat.version else {
                throw GraphError("program", [], "the magic number or the version is not a program's")
            }
            let counts = try (0..<4).map { _ in Int(try reader.word()) }
            let (bufferCount, instructionCount, wordCount, nameBytes) = (counts[0], counts[1], counts[2], counts[3])
            let constantBytes = try reader.long()
            arenaBytes = try reader.long()
            _ = try reader.long()

            let namesStart = ArenaLayout.aligned(
                ProgramFormat.headerBytes + bufferCount * ProgramFormat.bufferBytes + wordCount * 4, to: 8)
            let constantsStart = ArenaLayout.aligned(namesStart + nameBytes)
            guard constantsStart + constantBytes == data.count, instructionCount <= wordCount else {
                throw GraphError(
                    "program", [], "there are \(data.count) bytes instead of \(constantsStart + constantBytes)")
            }
            let names = Reader(data: Array(data[namesStart..<namesStart + nameBytes]))
            buffers = try (0..<bufferCount).map { _ in try reader.buffer(names) }
            instructions = try (0..<instructionCount).map { _ in try reader.instruction(bufferCount: bufferCount) }
            var constantReader = Reader(data: data, position: constantsStart)
            constants = try (0..<constantBytes / 4).map { _ in Float(bitPattern: try constantReader.word()) }
        }
    }
}

/// Reads little-endian numbers one after another.
private struct Reader {
    let data: [UInt8]
    var position = 0

    mutating func word() throws -> UInt32 {
        guard position + 4 <= data.count else { throw GraphError("program", [], "the bytes end early") }
        defer { position += 4 }
        return (0..<4).reduce(0) { $0 | UInt32(data[position + $1]) << UInt32(8 * $1) }
    }

    mutating func long() throws -> Int {
        let low = UInt64(try word())
        let high = UInt64(try word())
        guard let value = Int(exactly: high << 32 | low), value < 1 << 48 else {
            throw GraphError("program", [], "a size is beyond all measure")
        }
        return value
    }

    func text(at offset: Int) throws -> String {
        guard offset < data.count, let end = data[offset...].firstIndex(of: 0) else {
            throw GraphError("program", [], "a name lies outside the names")
        }
        return String(decoding: data[offset..<end], as: UTF8.self)
    }

    mutating func buffer(_ names: Reader) throws -> Program.Inspection.Buffer {
        guard let kind = Program.Inspection.Buffer.Kind(rawValue: try word()) else {
            throw GraphError("program", [], "a buffer is of no known kind")
        }
        let rank = Int(try word())
        let dims = try (0..<Shape.maximumRank).map { _ in Int(try word()) }
        guard rank <= Shape.maximumRank else { throw GraphError("program", [], "a buffer has rank \(rank)") }
        let offset = try long()
        let name = try word()
        _ = try word()
        return Program.Inspection.Buffer(
            kind: kind, shape: Shape(Array(dims.prefix(rank))), offset: offset,
            name: name == ProgramFormat.noName ? nil : try names.text(at: Int(name)))
    }

    mutating func instruction(bufferCount: Int) throws -> Program.Inspection.Instruction {
        let start = position
        guard let opcode = Opcode(rawValue: try word()) else {
            throw GraphError("program", [], "an instruction has no known opcode")
        }
        let end = start + 4 * Int(try word())
        let inputCount = Int(try word())
        let output = Int(try word())
        guard end <= data.count, start + 4 * (4 + inputCount) <= end else {
            throw GraphError("program", [], "an instruction is cut off")
        }
        let inputs = try (0..<inputCount).map { _ in Int(try word()) }
        guard (inputs + [output]).allSatisfy({ $0 < bufferCount }) else {
            throw GraphError("program", [], "an instruction names a buffer that is not there")
        }
        var attributes: [UInt32] = []
        var expression: Expression?
        if opcode.hasExpression {
            attributes = try (0..<(opcode.attributeCount ?? 0)).map { _ in try word() }
            let extraCount = opcode.hasEpilogue ? 1 + inputCount - (opcode.fixedInputs ?? 0) : inputCount
            expression = try self.expression(inputCount: extraCount)
        } else {
            while position < end { attributes.append(try word()) }
        }
        guard position == end else { throw GraphError("program", [], "an instruction has another length than it says") }
        return .init(opcode: opcode, inputs: inputs, output: output, attributes: attributes, expression: expression)
    }

    private mutating func expression(inputCount: Int) throws -> Expression {
        guard inputCount >= 1 else { throw GraphError("program", [], "an expression has no inputs") }
        let stepCount = Int(try word())
        guard stepCount <= Expression.maximumValues else {
            throw GraphError("program", [], "an expression has \(stepCount) steps")
        }
        let steps = try (0..<stepCount).map { index in
            let word = try self.word()
            guard let function = Function(rawValue: word & 0xff) else {
                throw GraphError("program", [], "an expression has a step of no known kind")
            }
            let operands = (0..<function.arity).map { Int(word >> UInt32(8 * ($0 + 1)) & 0xff) }
            guard operands.allSatisfy({ $0 < inputCount + index }) else {
                throw GraphError("program", [], "a step reads a value that is not there yet")
            }
            let constant = function == .constant ? Float(bitPattern: try self.word()) : 0
            return Expression.Step(function: function, operands: operands, constant: constant)
        }
        return Expression(inputCount: inputCount, steps: steps)
    }
}

extension Program.Inspection: CustomStringConvertible {
    /// A line a buffer, a line an instruction.
    public var description: String {
        let buffers = buffers.enumerated().map { index, buffer in
            let place = buffer.name.map { "\(buffer.kind) \($0)" } ?? "\(buffer.kind) at \(buffer.offset)"
            return "%\(index) \(buffer.shape) \(place)"
        }
        let instructions = instructions.map { instruction in
            let inputs = instruction.inputs.map { "%\($0)" }.joined(separator: ", ")
            let attributes = instruction.attributes.isEmpty ? "" : " \(instruction.attributes)"
            let expression = instruction.expression.map { $0.isIdentity ? "" : " { \($0) }" } ?? ""
            return "%\(instruction.output) = \(instruction.opcode)(\(inputs))\(attributes)\(expression)"
        }
        return (["arena \(arenaBytes) bytes"] + buffers + instructions).joined(separator: "\n")
    }
}

extension Expression: CustomStringConvertible {
    /// A step after another: for example "v2 = multiply(v0, v1); v3 = tanh(v2)".
    public var description: String {
        steps.enumerated().map { index, step in
            let arguments = step.operands.map { "v\($0)" }.joined(separator: ", ")
            let call = step.function == .constant ? "\(step.constant)" : "\(step.function)(\(arguments))"
            return "v\(inputCount + index) = \(call)"
        }.joined(separator: "; ")
    }
}
