import Foundation
import MetaformerEngine
import MetaformerGraph
import Testing

/// The C interface, called as a host in C would, and misused.
@Suite("Host interface")
struct HostInterfaceTests {
    private func error() -> mf_error {
        var error = mf_error()
        error.struct_size = MemoryLayout<mf_error>.size
        return error
    }

    private func text(_ error: mf_error) -> String {
        withUnsafeBytes(of: error.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    @Test("NULL is refused, and released") func null() {
        var model: OpaquePointer?
        var context: OpaquePointer?
        var program: OpaquePointer?
        var file: OpaquePointer?
        var failure = error()
        #expect(mf_model_open_file(nil, nil, &model, &failure) == MF_E_INVALID)
        #expect(failure.status == MF_E_INVALID && !text(failure).isEmpty)
        #expect(mf_model_open_memory(nil, 5, nil, &model, nil) == MF_E_INVALID)
        #expect(mf_context_create(nil, nil, &context, nil) == MF_E_INVALID)
        #expect(mf_inspect(nil, nil, nil, nil, nil) == MF_E_INVALID)
        #expect(mf_adapt(nil, nil, 0, nil, &model, nil) == MF_E_INVALID)
        #expect(mf_model_save(nil, "x", nil) == MF_E_INVALID)
        #expect(mf_program_open(nil, 0, &program, nil) == MF_E_INVALID)
        #expect(mf_file_open_memory(nil, 0, &file, nil) == MF_E_INVALID)
        #expect(model == nil && context == nil && program == nil && file == nil)
        mf_model_release(nil)
        mf_context_release(nil)
        mf_program_release(nil)
        mf_runner_release(nil)
        mf_file_release(nil)
        #expect(String(cString: mf_context_error(nil)).isEmpty)
    }

    @Test("every status has a name") func statusNames() {
        let statuses = [
            MF_OK, MF_E_INVALID, MF_E_UNSUPPORTED, MF_E_STATE, MF_E_NOMEM, MF_E_IO, MF_E_FORMAT, MF_E_CHECKSUM,
            MF_E_VERSION,
            MF_E_LIMIT, MF_E_SIGNATURE, MF_E_DEADLINE, MF_E_CANCELLED,
        ]
        let names = Set(statuses.map { String(cString: mf_status_name($0)) })
        #expect(names.count == statuses.count && names.allSatisfy { $0.hasPrefix("MF_") })
        #expect(String(cString: mf_status_name(mf_status(rawValue: 99))) == "unknown status")
        #expect(String(cString: mf_version()) == "\(MF_VERSION_MAJOR).\(MF_VERSION_MINOR).\(MF_VERSION_PATCH)")
    }

    @Test("an error without struct_size is left alone") func errorSize() {
        var failure = mf_error()
        var model: OpaquePointer?
        #expect(mf_model_open_file(nil, nil, &model, &failure) == MF_E_INVALID)
        #expect(failure.status == MF_OK && text(failure).isEmpty)
    }

    private static let instruction = SingleInstruction(
        opcode: .pointwise, inputs: [[4], [4]], output: [4], expression: [Step.add.word(0, 1)], steps: 1)

    @Test("a runner says what is not bound") func unbound() throws {
        let runner = try Runner(program: HostInterfaceTests.instruction.bytes)
        try runner.bind("0", to: FloatBuffer(count: 4))
        let failure = #expect(throws: EngineError.self) { try runner.run() }
        #expect(failure?.status == MF_E_STATE && failure?.description.contains("'1'") == true)
        #expect(throws: EngineError.self) { try runner.bind("1", to: FloatBuffer(count: 3)) }
        #expect(throws: EngineError.self) { try runner.bind("2", to: FloatBuffer(count: 4)) }
    }

    @Test("every cut of a program is refused") func truncatedPrograms() throws {
        let bytes = HostInterfaceTests.instruction.bytes
        for count in 0..<bytes.count {
            #expect(throws: EngineError.self, "\(count) of \(bytes.count)") {
                try ProgramSummary(Array(bytes.prefix(count)))
            }
        }
        #expect(try ProgramSummary(bytes).instructionCount == 1)
    }

    /// Whatever is flipped, the program is refused, or runs within its own memory: under a sanitizer this is a memory test.
    @Test(
        "flipped bits never run wild",
        arguments: [
            HostInterfaceTests.instruction,
            SingleInstruction(
                opcode: .convolution, inputs: [[1, 2, 5, 5], [3, 2, 3, 3]], output: [1, 3, 5, 5],
                attributes: [1, 1, 1, 1, 1, 1, 1], expression: []),
            SingleInstruction(opcode: .slice, inputs: [[4, 6]], output: [2, 3], attributes: [1, 2]),
            SingleInstruction(opcode: .pad, inputs: [[4, 6]], output: [6, 9], attributes: [1, 1, 2]),
            SingleInstruction(
                opcode: .windowFilter, inputs: [[1, 8, 9]], output: [1, 6, 7],
                attributes: [0, 3, 0x3f00_0000, 0x3f00_0000, 0x3f00_0000]),
            SingleInstruction(
                opcode: .attention, inputs: [[1, 3, 4], [1, 5, 4], [1, 5, 2]], output: [1, 3, 2],
                attributes: [0x3f00_0000]),
        ])
    func flippedPrograms(instruction: SingleInstruction) throws {
        let bytes = instruction.bytes
        var refused = 0
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let summary = try? ProgramSummary(damaged), summary.arenaBytes < 1 << 20,
                let runner = try? Runner(program: damaged, threads: 1), runner.slots.allSatisfy({ $0.count < 1 << 16 }),
                // A name that is no UTF-8 any more has no string to bind it by.
                (try? runner.bindRemaining()) != nil
            else {
                refused += 1
                continue
            }
            try runner.run()
        }
        #expect(refused > bytes.count)
    }

    /// An allocator that fails from its n-th call on.
    private final class Failing {
        var left: Int
        var balance = 0
        init(_ left: Int) { self.left = left }
        lazy var allocator = mf_allocator(
            struct_size: MemoryLayout<mf_allocator>.size, opaque: Unmanaged.passUnretained(self).toOpaque(),
            allocate: { opaque, size, alignment in
                guard let opaque else { return nil }
                let failing = Unmanaged<Failing>.fromOpaque(opaque).takeUnretainedValue()
                guard failing.left > 0 else { return nil }
                failing.left -= 1
                failing.balance += 1
                return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: alignment)
            },
            release: { opaque, pointer in
                guard let opaque, let pointer else { return }
                Unmanaged<Failing>.fromOpaque(opaque).takeUnretainedValue().balance -= 1
                pointer.deallocate()
            })
    }

    @Test("a runner whose memory fails at any call ends cleanly") func outOfMemory() throws {
        var program: OpaquePointer?
        let bytes = HostInterfaceTests.instruction.bytes
        try EngineError.check { mf_program_open(bytes, bytes.count, &program, $0) }
        defer { mf_program_release(program) }
        for calls in 0..<100 {
            let failing = Failing(calls)
            var runner: OpaquePointer?
            let status = withUnsafePointer(to: &failing.allocator) { allocator in
                var options = mf_runner_options()
                options.struct_size = MemoryLayout<mf_runner_options>.size
                options.allocator = allocator
                return mf_runner_create(program, &options, &runner, nil)
            }
            if status == MF_OK {
                mf_runner_release(runner)
                #expect(failing.balance == 0 && calls > 3)
                return
            }
            #expect(status == MF_E_NOMEM && runner == nil && failing.balance == 0, "at call \(calls)")
        }
        Issue.record("a runner needs more than 100 allocations")
    }
}
