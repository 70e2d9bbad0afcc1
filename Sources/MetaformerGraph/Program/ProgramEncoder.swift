/// The numbers of the engine's `format.h`.
enum ProgramFormat {
    static let magic: UInt32 = 0x4750_464d
    static let version: UInt32 = 1
    static let noName: UInt32 = 0xffff_ffff
    static let headerBytes = 48
    static let bufferBytes = 48
}

/// Writes a planned block in the binary form of a program.
struct ProgramEncoder {
    private struct BufferKey: Hashable {
        var place: Place
        var shape: Shape
    }

    private let storage: Storage
    private let arena: ArenaLayout
    private var buffers: [UInt8] = []
    private var bufferNumbers: [BufferKey: UInt32] = [:]
    private var words: [UInt32] = []
    private var names: [UInt8] = []
    private var nameOffsets: [String: UInt32] = [:]
    private var constants: [UInt8] = []
    private var constantOffsets: [[UInt32]: Int] = [:]

    static func encode(_ storage: Storage, _ arena: ArenaLayout) -> [UInt8] {
        var encoder = ProgramEncoder(storage, arena)
        for instruction in storage.block.instructions { encoder.append(instruction) }
        return encoder.data
    }

    private init(_ storage: Storage, _ arena: ArenaLayout) {
        self.storage = storage
        self.arena = arena
    }

    private mutating func append(_ instruction: Block.Instruction) {
        let operands = instruction.operands.map { buffer($0) }
        var content = [UInt32(attribute: operands.count), buffer(instruction.output)] + operands
        content += instruction.attributes
        if let expression = instruction.expression {
            content.append(UInt32(attribute: expression.steps.count))
            for step in expression.steps {
                var word = step.function.rawValue
                for (index, operand) in step.operands.enumerated() {
                    word |= UInt32(attribute: operand) << UInt32(attribute: 8 * (index + 1))
                }
                content.append(word)
                if step.function == .constant { content.append(step.constant.bitPattern) }
            }
        }
        words += [instruction.opcode.rawValue, UInt32(attribute: content.count + 2)] + content
    }

    /// The number of the buffer that shows an operand's place with its dimensions.
    private mutating func buffer(_ operand: Block.Operand) -> UInt32 {
        let key = BufferKey(place: storage.places[operand.value], shape: operand.shape)
        if let number = bufferNumbers[key] { return number }
        let number = UInt32(attribute: bufferNumbers.count)
        bufferNumbers[key] = number

        var (offset, nameOffset) = (0, ProgramFormat.noName)
        let kind: Program.Inspection.Buffer.Kind
        switch key.place {
        case .arena(let allocation): (kind, offset) = (.arena, arena.offsets[allocation])
        case .input(let text): (kind, nameOffset) = (.input, name(text))
        case .output(let text): (kind, nameOffset) = (.output, name(text))
        case .variable(let text): (kind, nameOffset) = (.variable, name(text))
        case .constant(let values): (kind, offset) = (.constant, constant(values))
        }
        buffers.append(kind.rawValue)
        buffers.append(UInt32(attribute: key.shape.rank))
        for axis in 0..<Shape.maximumRank {
            buffers.append(axis < key.shape.rank ? UInt32(attribute: key.shape[axis]) : 0)
        }
        buffers.append(UInt64(offset))
        buffers.append(nameOffset)
        buffers.append(UInt32(0))
        return number
    }

    private mutating func name(_ text: String) -> UInt32 {
        if let offset = nameOffsets[text] { return offset }
        let offset = UInt32(attribute: names.count)
        nameOffsets[text] = offset
        names += Array(text.utf8) + [0]
        return offset
    }

    private mutating func constant(_ values: [Float]) -> Int {
        let bits = values.map(\.bitPattern)
        if let offset = constantOffsets[bits] { return offset }
        constants.pad(to: ArenaLayout.alignment)
        let offset = constants.count
        constantOffsets[bits] = offset
        for word in bits { constants.append(word) }
        return offset
    }

    private var data: [UInt8] {
        var data: [UInt8] = []
        data.append(ProgramFormat.magic)
        data.append(ProgramFormat.version)
        data.append(UInt32(attribute: bufferNumbers.count))
        data.append(UInt32(attribute: storage.block.instructions.count))
        data.append(UInt32(attribute: words.count))
        data.append(UInt32(attribute: names.count))
        data.append(UInt64(constants.count))
        data.append(UInt64(arena.byteCount))
        data.append(UInt64(0))
        data += buffers
        for word in words { data.append(word) }
        data.pad(to: 8)
        data += names
        data.pad(to: ArenaLayout.alignment)
        data += constants
        return data
    }
}

extension [UInt8] {
    /// Appends the bytes of a number, the lowest first.
    fileprivate mutating func append(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Appends zeros up to a multiple of `alignment`.
    fileprivate mutating func pad(to alignment: Int) {
        append(contentsOf: repeatElement(0, count: (alignment - count % alignment) % alignment))
    }
}
