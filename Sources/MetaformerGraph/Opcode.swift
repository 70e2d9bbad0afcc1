import MetaformerEngine

/// An instruction that programs are made of: a row of the engine's table of ops, `ops.def`, which all its facts are read from.
///
/// Where an operation is encoded as an instruction, its file in `Ops/` names it: `static let softmax = Opcode("softmax")`.
public struct Opcode: RawRepresentable, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// The serial number in programs.
    public let rawValue: UInt32

    /// Nil for a number that the engine has no op of.
    public init?(rawValue: UInt32) {
        self.rawValue = rawValue
        guard facts.name != nil else { return nil }
    }

    /// The op that the engine calls so; where it has none, number 0, which no program can have.
    init(_ name: StaticString) {
        rawValue = Opcode.allCases.first { $0.description == "\(name)" }?.rawValue ?? 0
    }

    /// All that the engine has, in the order of their numbers.
    public static let allCases = table.indices.compactMap { Opcode(rawValue: UInt32(attribute: $0)) }

    public var description: String { facts.name.map { String(cString: $0) } ?? "no op" }

    /// Operands that the instruction itself reads; nil for any number.
    public var fixedInputs: Int? { facts.fixed_inputs == 0 ? nil : Int(facts.fixed_inputs) }

    /// Whether the instruction carries an expression.
    public var hasExpression: Bool { facts.has_expression == 1 }

    /// Whether the instruction applies an expression to its own result before storing it.
    public var hasEpilogue: Bool { facts.columns != 0 }

    /// Attribute words; nil where the operands say how many.
    public var attributeCount: Int? { facts.attribute_words < 0 ? nil : Int(facts.attribute_words) }

    /// Whether the output may be the very buffer of operand `index`, which has the output's own dimensions.
    func allowsInPlace(operand index: Int) -> Bool { facts.in_place_from >= 0 && index >= facts.in_place_from }

    /// The axes of an output that an epilogue sees as batch, rows and columns.
    func epilogueParts(attributes: [UInt32], rank: Int) -> [Range<Int>] {
        let first = facts.columns == MF_COLUMNS_BY_ATTRIBUTE ? -Int(attributes[0]) : Int(facts.columns)
        let columns = facts.columns < 0 ? rank + first : first
        let rows = max(columns - 1, 0)
        return [0..<rows, rows..<columns, columns..<rank]
    }

    private var facts: mf_op_description {
        Opcode.table.indices.contains(Int(rawValue)) ? Opcode.table[Int(rawValue)] : mf_op_description()
    }

    /// By serial number.
    nonisolated(unsafe) private static let table: [mf_op_description] = {
        var rows = [mf_op_description()]
        while true {
            var row = mf_op_description()
            row.struct_size = MemoryLayout<mf_op_description>.size
            guard mf_op_info(UInt32(attribute: rows.count), &row) == MF_OK else { return rows }
            rows.append(row)
        }
    }()
}
