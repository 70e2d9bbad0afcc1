import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// What a host gives to the engine, and takes back: time, threads, a logger, a reader.
@Suite("A host's own time, threads, log and bytes")
struct HostServiceTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("model")
        try smallDescription(.full, channels: 1).file(seed: 5).write(path: path)
    }

    private let frame = try? disc(7, format: .mono8)

    // MARK: Time

    @Test("an inspection that is cancelled stops before its next instruction, and the next is as ever")
    func cancelled() throws {
        let frame = try #require(frame)
        let pool = Pool()
        try withExtendedLifetime(pool) {
            var threads = pool.pool
            let host = try Host(path, threads: 2, pool: &threads)
            let before = host.inspect(frame)
            let whole = pool.calls
            #expect(before.status == MF_OK && whole > 20)
            for at in [1, 5, whole / 2] {
                let start = pool.calls
                pool.observe = { if $0 == start + at { mf_context_cancel(host.context) } }
                var result = host.inspect(frame)
                #expect(result.status == MF_E_CANCELLED && result.result.score == 0)
                // An instruction may ask for the threads more than once, but for no more than a few times.
                #expect(pool.calls - start < at + 8)
                pool.observe = { _ in }
                result = host.inspect(frame)
                #expect(result.status == MF_OK && result.result.score.bitPattern == before.result.score.bitPattern)
            }
            // Where nothing is under way, there is nothing to cancel.
            mf_context_cancel(host.context)
            #expect(host.inspect(frame).status == MF_OK)
        }
    }

    @Test("any thread may cancel at any time") func cancelledByThreads() throws {
        let frame = try #require(frame)
        let host = try Host(path)
        let expected = host.inspect(frame).result.score
        nonisolated(unsafe) let context = host.context
        let stop = DispatchSemaphore(value: 0)
        let stopped = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while stop.wait(timeout: .now() + .milliseconds(3)) == .timedOut { mf_context_cancel(context) }
            stopped.signal()
        }
        for _ in 0..<40 {
            let (status, result) = host.inspect(frame)
            #expect(status == MF_E_CANCELLED || (status == MF_OK && result.score == expected))
        }
        stop.signal()
        stopped.wait()
        #expect(host.inspect(frame).result.score == expected)
    }

    @Test("an inspection ends with its time, and the next is as ever") func timeLimit() throws {
        let frame = try #require(frame)
        let host = try Host(path)
        let expected = host.inspect(frame).result.score
        #expect(mf_context_set_time_limit(host.context, 1) == MF_OK)
        #expect(host.inspect(frame).status == MF_E_DEADLINE)
        #expect(host.message.contains("time"))
        for limit in [UInt64.max, 3_600_000_000_000, 0] {
            #expect(mf_context_set_time_limit(host.context, limit) == MF_OK)
            let (status, result) = host.inspect(frame)
            #expect(status == MF_OK && result.score == expected)
        }
        #expect(mf_context_set_time_limit(nil, 1) == MF_E_INVALID)
    }

    @Test("an adaptation ends with its time") func adaptationTimeLimit() throws {
        let host = try Host(path)
        var options = mf_adapt_options()
        options.struct_size = MemoryLayout<mf_adapt_options>.size
        options.time_limit_ns = 30_000_000
        options.epochs = 1_000_000
        var (adapted, failure): (OpaquePointer?, mf_error) = (nil, emptyError())
        let start = ContinuousClock.now
        let status = try #require(frame).withImage { mf_adapt(host.model, $0, 1, &options, &adapted, &failure) }
        #expect(status == MF_E_DEADLINE && adapted == nil && text(of: failure).contains("time"))
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    // MARK: Threads

    @Test("a host's threads give the bits of OpenMP's", arguments: [true, false])
    func threadPool(isParallel: Bool) throws {
        let frame = try #require(frame)
        let expected = try Host(path, threads: 1).inspect(frame).result.score
        for threads in [1, 2, 5] as [Int32] {
            let pool = Pool()
            pool.isParallel = isParallel
            try withExtendedLifetime(pool) {
                var own = pool.pool
                let host = try Host(path, threads: threads, pool: &own)
                #expect(host.inspect(frame).result.score.bitPattern == expected.bitPattern)
                #expect((pool.calls > 0) == (threads > 1))
            }
        }
    }

    @Test("a host's threads adapt the bits that OpenMP's do") func threadPoolAdapts() throws {
        let host = try Host(path)
        let frame = try #require(frame)
        let pool = Pool()
        var files: [Data] = []
        try withExtendedLifetime(pool) {
            var own = pool.pool
            for usesPool in [false, true] {
                try withUnsafePointer(to: &own) { own in
                    var options = mf_adapt_options()
                    options.struct_size = MemoryLayout<mf_adapt_options>.size
                    options.threads = 3
                    options.pool = usesPool ? own : nil
                    var adapted: OpaquePointer?
                    try #require(frame.withImage { mf_adapt(host.model, $0, 1, &options, &adapted, nil) } == MF_OK)
                    defer { mf_model_release(adapted) }
                    try #require(mf_model_save(adapted, folder.path("adapted"), nil) == MF_OK)
                    files.append(try Data(contentsOf: URL(filePath: folder.path("adapted"))))
                }
            }
        }
        #expect(files[0] == files[1] && pool.calls > 0)
    }

    @Test("work that a pool leaves undone is done all the same") func lazyPool() throws {
        let frame = try #require(frame)
        let expected = try Host(path, threads: 1).inspect(frame).result.score
        var lazy = mf_thread_pool(
            struct_size: MemoryLayout<mf_thread_pool>.size, opaque: nil, run: { _, _, _, _ in })
        let host = try Host(path, threads: 2, pool: &lazy)
        #expect(host.inspect(frame).result.score.bitPattern == expected.bitPattern)
    }

    @Test("a pool without its size or function is refused") func badPool() throws {
        let host = try Host(path)
        for pool in [
            mf_thread_pool(), mf_thread_pool(struct_size: MemoryLayout<mf_thread_pool>.size, opaque: nil, run: nil),
        ] {
            try withUnsafePointer(to: pool) { pool in
                var options = mf_context_options()
                options.struct_size = MemoryLayout<mf_context_options>.size
                options.pool = pool
                var (context, failure): (OpaquePointer?, mf_error) = (nil, emptyError())
                #expect(mf_context_create(host.model, &options, &context, &failure) == MF_E_INVALID)
                #expect(context == nil && text(of: failure).contains("pool"))
                var adaptation = mf_adapt_options()
                adaptation.struct_size = MemoryLayout<mf_adapt_options>.size
                adaptation.pool = pool
                let status = try #require(frame).withImage {
                    mf_adapt(host.model, $0, 1, &adaptation, &context, nil)
                }
                #expect(status == MF_E_INVALID && context == nil)
            }
        }
    }

    // MARK: Log

    private final class Lines {
        var lines: [(level: mf_log_level, text: String)] = []
    }

    @Test("the log tells of the model, the kernels and the threshold, and of nothing else") func log() throws {
        let frame = try #require(frame)
        let lines = Lines()
        try withExtendedLifetime(lines) {
            var options = mf_open_options()
            options.struct_size = MemoryLayout<mf_open_options>.size
            options.opaque = Unmanaged.passUnretained(lines).toOpaque()
            options.log = { opaque, level, text in
                guard let opaque, let text else { return }
                Unmanaged<Lines>.fromOpaque(opaque).takeUnretainedValue().lines.append((level, String(cString: text)))
            }
            var (model, context, adapted): (OpaquePointer?, OpaquePointer?, OpaquePointer?) = (nil, nil, nil)
            try #require(mf_model_open_file(path, &options, &model, nil) == MF_OK)
            defer { mf_model_release(model) }
            let checksum = try #require(mf_model_setting(model, "checksum").map { String(cString: $0) })
            #expect(lines.lines.count == 1 && lines.lines[0].level == MF_LOG_INFO)
            #expect(lines.lines[0].text.contains(checksum) && lines.lines[0].text.contains("64 x 64"))

            try #require(mf_context_create(model, nil, &context, nil) == MF_OK)
            defer { mf_context_release(context) }
            #expect(lines.lines.count == 2 && lines.lines[1].text.contains(String(cString: mf_isa_name(mf_isa_best()))))
            var result = emptyResult()
            try #require(mf_context_set_threshold(context, .infinity) == MF_OK)
            #expect(frame.withImage { mf_inspect(context, $0, nil, nil, &result) } == MF_OK)
            #expect(lines.lines.count == 2)

            try #require(frame.withImage { mf_adapt(model, $0, 1, nil, &adapted, nil) } == MF_OK)
            defer { mf_model_release(adapted) }
            let last = try #require(lines.lines.last)
            #expect(last.text.contains("threshold") && last.text.contains("extrapolated"))
            // A threshold that had to be extrapolated from one image is worth a warning.
            #expect(last.level == MF_LOG_WARNING)
            var empty = mf_open_options()
            var none: OpaquePointer?
            #expect(mf_model_open_file(path, &empty, &none, nil) == MF_E_INVALID && none == nil)
        }
    }

    // MARK: Reader

    private final class Source {
        let data: Data
        var calls = 0
        var failsAt = Int.max
        init(_ data: Data) { self.data = data }

        func open(size: UInt64? = nil) -> (status: mf_status, model: OpaquePointer?, text: String) {
            var reader = mf_reader()
            reader.struct_size = MemoryLayout<mf_reader>.size
            reader.opaque = Unmanaged.passUnretained(self).toOpaque()
            reader.size = size ?? UInt64(data.count)
            reader.read = { opaque, offset, buffer, bytes in
                guard let opaque, let buffer else { return 1 }
                let source = Unmanaged<Source>.fromOpaque(opaque).takeUnretainedValue()
                source.calls += 1
                guard source.calls != source.failsAt, Int(offset) + bytes <= source.data.count else { return 1 }
                source.data.copyBytes(
                    to: buffer.assumingMemoryBound(to: UInt8.self), from: Int(offset)..<Int(offset) + bytes)
                return 0
            }
            var (model, failure): (OpaquePointer?, mf_error) = (nil, emptyError())
            let status = mf_model_open_reader(&reader, nil, &model, &failure)
            return (status, model, text(of: failure))
        }
    }

    @Test("a model is read through a function of the host's") func reader() throws {
        let data = try Data(contentsOf: URL(filePath: path))
        let source = Source(data)
        let (status, model, _) = source.open()
        try #require(status == MF_OK)
        try #require(mf_model_save(model, folder.path("copy"), nil) == MF_OK)
        mf_model_release(model)
        let copy = try Data(contentsOf: URL(filePath: folder.path("copy")))
        #expect(copy == data)

        for call in 1...source.calls {
            let failing = Source(data)
            failing.failsAt = call
            let (status, model, text) = failing.open()
            #expect(status == MF_E_IO && model == nil && !text.isEmpty)
        }
        // A size that is not the model's: too little is cut off, too much cannot be read.
        #expect(source.open(size: 1000).status == MF_E_FORMAT)
        #expect(source.open(size: 5).status == MF_E_FORMAT)
        #expect(source.open(size: UInt64(data.count) + 1).status == MF_E_IO)
        #expect(source.open(size: .max).status == MF_E_LIMIT)
        var damaged = data
        damaged[data.count - 3] ^= 1
        #expect(Source(damaged).open().status == MF_E_CHECKSUM)
        var none: OpaquePointer?
        var reader = mf_reader()
        #expect(mf_model_open_reader(nil, nil, &none, nil) == MF_E_INVALID)
        #expect(mf_model_open_reader(&reader, nil, &none, nil) == MF_E_INVALID)
        #expect(none == nil)
    }
}
