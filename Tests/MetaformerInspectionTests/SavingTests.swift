import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Models, written to disk and through functions of the host's.
@Suite("Saved models") struct SavingTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A model file in half precision, as it is read: rounded.
    private static let half = Result {
        try TensorFile(bytes: smallDescription(.full, channels: 1).file(seed: 5).inHalfPrecision.bytes())
    }

    /// A host's writer into memory, which may fail at a call.
    private final class Target {
        private(set) var bytes = Data()
        private(set) var calls = 0
        var failsAt = 0

        lazy var writer = mf_writer(
            struct_size: MemoryLayout<mf_writer>.size, opaque: Unmanaged.passUnretained(self).toOpaque(),
            write: { opaque, bytes, count in
                guard let opaque, let bytes, count > 0 else { return 1 }
                let target = Unmanaged<Target>.fromOpaque(opaque).takeUnretainedValue()
                target.calls += 1
                if target.calls == target.failsAt { return -1 }
                target.bytes.append(bytes.assumingMemoryBound(to: UInt8.self), count: count)
                return 0
            })
    }

    /// An allocator that has nothing left at its n-th call, and counts what is out.
    private final class Memory {
        var calls = 0
        var refusedCall: Int
        var live = 0
        init(refusing call: Int = 0) { refusedCall = call }

        lazy var allocator = mf_allocator(
            struct_size: MemoryLayout<mf_allocator>.size, opaque: Unmanaged.passUnretained(self).toOpaque(),
            allocate: { opaque, size, alignment in
                guard let opaque else { return nil }
                let memory = Unmanaged<Memory>.fromOpaque(opaque).takeUnretainedValue()
                memory.calls += 1
                if memory.calls == memory.refusedCall { return nil }
                memory.live += 1
                return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: alignment)
            },
            release: { opaque, pointer in
                guard let opaque, let pointer else { return }
                Unmanaged<Memory>.fromOpaque(opaque).takeUnretainedValue().live -= 1
                pointer.deallocate()
            })

        /// Opens a model, whose memory this is.
        func open(_ bytes: [UInt8]) -> (status: mf_status, model: OpaquePointer?) {
            var model: OpaquePointer?
            let status = withUnsafePointer(to: &allocator) { allocator in
                var options = mf_open_options()
                options.struct_size = MemoryLayout<mf_open_options>.size
                options.allocator = allocator
                return mf_model_open_memory(bytes, bytes.count, &options, &model, nil)
            }
            return (status, model)
        }
    }

    private func read(_ name: String) throws -> Data { try Data(contentsOf: folder.url.appending(path: name)) }

    // MARK: Precision

    @Test("a model in half precision is saved as it was, byte for byte") func halfPrecision() throws {
        let bytes = try SavingTests.half.get().bytes()
        let whole = try smallDescription(.full, channels: 1).file(seed: 5).bytes()
        #expect(bytes.count < whole.count * 3 / 4)
        try Model(SavingTests.half.get()).save(path: folder.path("saved"))
        #expect(try read("saved") == Data(bytes))
    }

    @Test("of a model in half precision, adaptation makes single what it changes, and that alone") func adapted() throws
    {
        let file = try SavingTests.half.get()
        var options = Model.AdaptationOptions()
        options.epochs = 1
        let frames = try (0..<3).map { try disc($0, format: .mono8) }
        let adapted = try Model(file).adapted(to: frames, options: options)
        try adapted.save(path: folder.path("adapted"))
        let saved = try TensorFile(path: folder.path("adapted"))
        #expect(saved.entries.count == file.entries.count)
        var kept = 0
        for entry in saved.entries {
            let before = try #require(file.entries.first { $0.name == entry.name })
            if entry.isHalf {
                kept += 1
                let isSame = entry == before
                #expect(isSame, "\(entry.name)")
            } else if before.isHalf {
                let isChanged = entry.contents != before.contents
                #expect(isChanged, "\(entry.name)")
            }
        }
        #expect(kept > 0 && saved.entries.contains { !$0.isHalf && $0.name.hasPrefix("autoencoder.") })
        // What is opened again is what was adapted, and is saved as it was.
        let again = try Model(path: folder.path("adapted"))
        let scores = try [adapted, again].map { try Inspector($0).inspect(disc(9, format: .mono8)).score.bitPattern }
        #expect(scores[0] == scores[1])
        try again.save(path: folder.path("again"))
        #expect(try read("again") == read("adapted"))
    }

    // MARK: Writers

    @Test("a writer gets the bytes of the file in order", arguments: [false, true]) func written(isHalf: Bool) throws {
        let file = try isHalf ? SavingTests.half.get() : smallDescription(.prior, channels: 1).file(seed: 5)
        let model = try Model(file)
        let target = Target()
        #expect(withExtendedLifetime(target) { mf_model_write(model.handle, &target.writer, nil) } == MF_OK)
        try model.save(path: folder.path("saved"))
        #expect(try target.bytes == read("saved"))
        #expect(target.calls > 10)
    }

    @Test("a writer that fails at any call is not called again, and the call says so") func failing() throws {
        let model = try Model(smallDescription(.autoencoder, channels: 1).file(seed: 5))
        try expectFailures(atLeast: 10) { mf_model_write(model.handle, $0, $1) }
        // Halves come in pieces.
        let values = [Float](repeating: 0.5, count: 10_000)
        try values.withUnsafeBytes { bytes in
            try "x".withCString { name in
                var tensor = mf_tensor()
                (tensor.name, tensor.dtype, tensor.rank) = (name, MF_F16, 1)
                (tensor.dims.0, tensor.data, tensor.bytes) = (10_000, bytes.baseAddress, bytes.count)
                try expectFailures(atLeast: 4) { mf_file_write_to($0, &tensor, 1, nil, 0, $1) }
            }
        }
    }

    /// Fails each of a writer's calls in turn.
    private func expectFailures(
        atLeast count: Int, _ write: (UnsafePointer<mf_writer>, UnsafeMutablePointer<mf_error>) -> mf_status
    ) throws {
        var failure = emptyError()
        let whole = Target()
        try #require(withExtendedLifetime(whole) { write(&whole.writer, &failure) } == MF_OK)
        #expect(whole.calls >= count)
        for call in 1...whole.calls {
            let target = Target()
            target.failsAt = call
            let status = withExtendedLifetime(target) { write(&target.writer, &failure) }
            #expect(status == MF_E_IO && target.calls == call, "call \(call)")
            #expect(text(of: failure).hasSuffix("cannot be written"), "\(text(of: failure))")
            let isStart = whole.bytes.prefix(target.bytes.count) == target.bytes
            #expect(isStart, "call \(call)")
        }
    }

    @Test("what a writer lacks is refused") func misuse() throws {
        let model = try Model(SavingTests.half.get())
        let target = Target()
        withExtendedLifetime(target) {
            var failure = emptyError()
            #expect(mf_model_write(nil, &target.writer, nil) == MF_E_INVALID)
            #expect(mf_model_write(model.handle, nil, &failure) == MF_E_INVALID)
            #expect(mf_file_write_to(nil, nil, 0, nil, 0, &failure) == MF_E_INVALID)
            #expect(text(of: failure).contains("mf_writer"))
            var writer = target.writer
            writer.write = nil
            #expect(mf_model_write(model.handle, &writer, &failure) == MF_E_INVALID)
            #expect(text(of: failure).contains("function"))
            writer = target.writer
            writer.struct_size -= 1
            #expect(mf_model_write(model.handle, &writer, &failure) == MF_E_INVALID)
            // A number that half precision does not hold is found before anything is written.
            let values: [Float] = [1, 1e6]
            let status = values.withUnsafeBytes { bytes in
                "x".withCString { name in
                    var tensor = mf_tensor()
                    (tensor.name, tensor.dtype, tensor.rank) = (name, MF_F16, 1)
                    (tensor.dims.0, tensor.data, tensor.bytes) = (2, bytes.baseAddress, bytes.count)
                    return mf_file_write_to(&target.writer, &tensor, 1, nil, 0, &failure)
                }
            }
            #expect(status == MF_E_LIMIT && text(of: failure).hasPrefix("'x' holds"))
        }
        #expect(target.calls == 0)
    }

    @Test("saving that fails leaves what was there, and nothing beside it") func unsaved() throws {
        let taken = folder.url.appending(path: "taken")
        try FileManager.default.createDirectory(at: taken, withIntermediateDirectories: false)
        let error = #expect(throws: EngineError.self) { try Model(SavingTests.half.get()).save(path: taken.path) }
        #expect(error?.status == MF_E_IO && error?.description.hasPrefix("\(taken.path): ") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["taken"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: taken.path).isEmpty)
    }

    // MARK: Memory

    @Test("memory that runs out anywhere in opening and writing is an error, and nothing is left")
    func outOfMemory() throws {
        let bytes = try SavingTests.half.get().bytes()
        let whole = Memory()
        let (status, model) = whole.open(bytes)
        try #require(status == MF_OK)
        let opening = whole.calls
        let target = Target()
        try #require(withExtendedLifetime(target) { mf_model_write(model, &target.writer, nil) } == MF_OK)
        let writing = whole.calls - opening
        #expect(opening > 10 && writing > 3)
        let live = whole.live
        for call in 1...writing {
            let target = Target()
            (whole.calls, whole.refusedCall) = (0, call)
            #expect(withExtendedLifetime(target) { mf_model_write(model, &target.writer, nil) } == MF_E_NOMEM)
            (whole.calls, whole.refusedCall) = (0, call)
            #expect(mf_model_save(model, folder.path("saved"), nil) == MF_E_NOMEM)
            #expect(target.calls == 0 && whole.live == live, "allocation \(call) of \(writing)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
        whole.refusedCall = 0
        mf_model_release(model)
        #expect(whole.live == 0)
        for call in 1...opening {
            let memory = Memory(refusing: call)
            let (status, model) = memory.open(bytes)
            #expect(status == MF_E_NOMEM && model == nil && memory.live == 0, "allocation \(call) of \(opening)")
        }
    }
}
