import MetaformerEngine

/// The sets of kernels that the engine has, each better than the one before it.
public enum InstructionSet: Sendable, CaseIterable {
    case reference, generic, avx2, avx2vnni, avx512, avx512vnni

    var code: mf_isa {
        switch self {
        case .reference: MF_ISA_REFERENCE
        case .generic: MF_ISA_GENERIC
        case .avx2: MF_ISA_AVX2
        case .avx2vnni: MF_ISA_AVX2_VNNI
        case .avx512: MF_ISA_AVX512
        case .avx512vnni: MF_ISA_AVX512_VNNI
        }
    }

    /// Those that this processor runs, the reference first.
    public static var available: [InstructionSet] { allCases.filter { (try? resolved($0.code)) != nil } }

    /// What a runner takes where none is asked for: the best, or the one that MF_FORCE_ISA names.
    ///
    /// Throws where the processor does not have that one, or there is none of its name.
    public static var automatic: InstructionSet {
        get throws {
            let code = try resolved(MF_ISA_AUTOMATIC)
            return allCases.first { $0.code == code } ?? .reference
        }
    }

    private static func resolved(_ code: mf_isa) throws -> mf_isa {
        var isa = MF_ISA_AUTOMATIC
        try EngineError.check { error in mf_isa_resolve(code, &isa, error) }
        return isa
    }
}

/// How a network that allows it is run.
public enum Precision: String, Sendable, CaseIterable {
    /// By 32-bit floats.
    case float
    /// By 8-bit integers, in less time.
    case int8

    public var code: mf_precision {
        switch self {
        case .float: MF_PRECISION_FLOAT
        case .int8: MF_PRECISION_INT8
        }
    }
}

/// A named tensor that a program reads or writes.
public struct Slot: Sendable, Hashable {
    public enum Kind: Sendable { case input, output, variable }
    public let kind: Kind
    public let name: String
    public let dimensions: [Int]
    public var count: Int { dimensions.reduce(1, *) }
    public let isWritten: Bool
}

/// A program in the C engine, with an arena of its own, and its slots bound to buffers.
///
/// Not for use by two threads at once. Runs allocate nothing.
public final class Runner {
    private let program: OpaquePointer
    private let handle: OpaquePointer
    private var bindings: [String: FloatBuffer] = [:]
    public let slots: [Slot]

    /// - Parameters:
    ///   - bytes: the binary form of a program, which is validated.
    ///   - threads: worker threads, 0 for one a processor.
    ///   - instructionSet: the kernels to use; the best of this processor where nil.
    ///   - precision: of the convolutions that allow it; see `mf_runner_options`.
    public init(
        program bytes: [UInt8], threads: Int = 0, instructionSet: InstructionSet? = nil, precision: Precision = .float
    ) throws {
        var program: OpaquePointer?
        try EngineError.check { error in mf_program_open(bytes, bytes.count, &program, error) }
        defer { mf_program_release(program) }
        var options = mf_runner_options()
        options.struct_size = MemoryLayout<mf_runner_options>.size
        options.threads = Int32(clamping: threads)
        if let instructionSet { options.isa = instructionSet.code }
        options.precision = precision.code
        var handle: OpaquePointer?
        try EngineError.check { error in mf_runner_create(program, &options, &handle, error) }
        guard let program, let handle else { throw GraphEngineMissing() }
        self.program = program
        self.handle = handle
        slots = (0..<mf_program_slot_count(program)).compactMap { index in
            mf_program_slot(program, index).map { Slot($0.pointee) }
        }
    }

    deinit { mf_runner_release(handle) }

    /// Bytes of the program's arena, and of the scratch that its kernels use beside it.
    public var arenaBytes: Int { mf_program_arena_bytes(program) }
    public var scratchBytes: Int { mf_runner_scratch_bytes(handle) }
    public var instructionCount: Int { mf_program_instruction_count(program) }

    public func slot(named name: String) -> Slot? { slots.first { $0.name == name } }

    /// Binds a slot to a buffer of just as many elements, which the runner keeps.
    public func bind(_ name: String, to buffer: FloatBuffer) throws {
        try EngineError.check { error in mf_runner_bind(handle, name, buffer.pointer, buffer.count, error) }
        bindings[name] = buffer
    }

    /// Binds every slot that is not bound yet to a new buffer of zeros.
    public func bindRemaining() throws {
        for slot in slots where bindings[slot.name] == nil { try bind(slot.name, to: FloatBuffer(count: slot.count)) }
    }

    /// The buffer that a slot is bound to.
    public func buffer(_ name: String) -> FloatBuffer? { bindings[name] }

    /// Lets kernels keep packed forms of the weights that the program reads and never writes, for faster runs.
    ///
    /// All variables must be bound. Their values change from here on only by binding them anew.
    public func prepack() throws {
        try EngineError.check { error in mf_runner_prepack(handle, error) }
    }

    public func run() throws {
        try EngineError.check { error in mf_runner_run(handle, error) }
    }

    /// One instruction's share of the last run.
    public struct Timing: Sendable {
        public let operation: String
        /// Of the output.
        public let dimensions: [Int]
        public let seconds: Double
        public let flops: Double
        /// Of what it reads and writes.
        public let bytes: Double
    }

    /// Whether runs are timed, instruction by instruction.
    public func setTiming(_ enabled: Bool) { mf_runner_set_timing(handle, enabled ? 1 : 0) }

    /// The last timed run, in the program's order. Convolutions that ran as one stand as the last of them: with the arithmetic
    /// of all, and without the bytes of what lies between them.
    public var timings: [Timing] {
        var earlier = (flops: 0.0, bytes: 0.0)
        return (0..<instructionCount).compactMap { index in
            var nanoseconds: UInt64 = 0
            var info = mf_instruction_info()
            info.struct_size = MemoryLayout<mf_instruction_info>.size
            guard mf_runner_timing(handle, index, &nanoseconds) == MF_OK,
                mf_program_instruction(program, index, &info) == MF_OK, let name = info.op
            else { return nil }
            let dimensions = withUnsafeBytes(of: info.dims) { bytes in
                bytes.bindMemory(to: UInt32.self).prefix(Int(info.rank)).map(Int.init)
            }
            var (flops, bytes) = (Double(info.flops), Double(info.bytes))
            if String(cString: name) == "convolution" {
                (flops, bytes) = (flops + earlier.flops, bytes + earlier.bytes)
                earlier = (0, 0)
                if nanoseconds == 0 {
                    let between = 2 * MemoryLayout<Float>.size * dimensions.reduce(1, *)
                    earlier = (flops, bytes - Double(between))
                    return nil
                }
            }
            return Timing(
                operation: String(cString: name), dimensions: dimensions, seconds: Double(nanoseconds) * 1e-9,
                flops: flops, bytes: bytes)
        }
    }
}

/// The engine reported success without a result; cannot happen.
struct GraphEngineMissing: Error {}

extension Slot {
    init(_ slot: mf_slot) {
        kind = slot.kind == MF_SLOT_INPUT ? .input : slot.kind == MF_SLOT_OUTPUT ? .output : .variable
        name = String(cString: slot.name)
        dimensions = withUnsafeBytes(of: slot.dims) { bytes in
            bytes.bindMemory(to: UInt32.self).prefix(Int(slot.rank)).map(Int.init)
        }
        isWritten = slot.written != 0
    }
}

/// What the engine says of a program without running it.
public struct ProgramSummary: Sendable {
    public let instructionCount: Int
    public let arenaBytes: Int

    /// Validates the binary form of a program. Throws an `EngineError` that says what is wrong with it.
    public init(_ bytes: [UInt8]) throws {
        var program: OpaquePointer?
        try EngineError.check { error in mf_program_open(bytes, bytes.count, &program, error) }
        defer { mf_program_release(program) }
        instructionCount = mf_program_instruction_count(program)
        arenaBytes = mf_program_arena_bytes(program)
    }
}
