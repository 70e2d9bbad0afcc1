import Foundation
import MetaformerEngine
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// A host in C, as far as tests need one: a model and a context by the calls of metaformer.h.
final class Host {
    let model: OpaquePointer
    let context: OpaquePointer

    init(_ path: String, threads: Int32 = 2, pool: UnsafePointer<mf_thread_pool>? = nil) throws {
        var (model, context): (OpaquePointer?, OpaquePointer?) = (nil, nil)
        try #require(mf_model_open_file(path, nil, &model, nil) == MF_OK)
        var options = mf_context_options()
        options.struct_size = MemoryLayout<mf_context_options>.size
        options.threads = threads
        options.pool = pool
        try #require(mf_context_create(model, &options, &context, nil) == MF_OK)
        // Scores are wanted of models that know no product as well.
        if mf_model_setting(model, "threshold") == nil {
            try #require(mf_context_set_threshold(context, .infinity) == MF_OK)
        }
        self.model = try #require(model)
        self.context = try #require(context)
    }

    deinit {
        mf_context_release(context)
        mf_model_release(model)
    }

    var message: String { String(cString: mf_context_error(context)) }

    /// Inspects a frame, and gives what came of it.
    func inspect(_ frame: Frame) -> (status: mf_status, result: mf_result) {
        var result = emptyResult()
        let status = frame.withImage { mf_inspect(context, $0, nil, nil, &result) }
        return (status, result)
    }
}

func emptyResult() -> mf_result {
    var result = mf_result()
    result.struct_size = MemoryLayout<mf_result>.size
    return result
}

func emptyError() -> mf_error {
    var error = mf_error()
    error.struct_size = MemoryLayout<mf_error>.size
    return error
}

func text(of error: mf_error) -> String {
    withUnsafeBytes(of: error.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// Threads of the host's own: a queue. Calls `observe` with the number of each call before it works.
final class Pool {
    private(set) var calls = 0
    var observe: (Int) -> Void = { _ in }
    /// Whether the work is really done by several threads, or by the caller, last index first.
    var isParallel = true

    /// The pool for the engine; it must not outlive this object.
    var pool: mf_thread_pool {
        mf_thread_pool(
            struct_size: MemoryLayout<mf_thread_pool>.size, opaque: Unmanaged.passUnretained(self).toOpaque(),
            run: { opaque, count, work, context in
                guard let opaque, let work else { return }
                let pool = Unmanaged<Pool>.fromOpaque(opaque).takeUnretainedValue()
                pool.calls += 1
                pool.observe(pool.calls)
                nonisolated(unsafe) let (task, shared) = (work, context)
                if pool.isParallel {
                    DispatchQueue.concurrentPerform(iterations: count) { task(shared, $0) }
                } else {
                    for index in (0..<count).reversed() { task(shared, index) }
                }
            })
    }
}

/// Calls `body` with a mask that inspects the pixels where `inside` holds.
func withMask<Result>(
    _ width: Int, _ height: Int, _ inside: (_ x: Int, _ y: Int) -> Bool,
    _ body: (UnsafePointer<mf_mask>) throws -> Result
) rethrows -> Result {
    let bytes: [UInt8] = (0..<width * height).map { inside($0 % width, $0 / width) ? 255 : 0 }
    return try bytes.withUnsafeBufferPointer { pixels in
        var mask = mf_mask(
            struct_size: MemoryLayout<mf_mask>.size, width: Int32(width), height: Int32(height), row_stride: width,
            data: pixels.baseAddress)
        return try body(&mask)
    }
}

/// A grey frame of a function of its pixels, in [0, 1].
func frame(_ width: Int, _ height: Int, _ value: (_ x: Int, _ y: Int) -> Double) throws -> Frame {
    try Frame(
        width: width, height: height, format: .mono8,
        bytes: (0..<width * height).map { UInt8((value($0 % width, $0 / width) * 255).rounded()) })
}

extension Host {
    /// Inspects with a map, which is returned row by row.
    func map(_ frame: Frame, mask: UnsafePointer<mf_mask>? = nil) throws -> (result: mf_result, map: [Float]) {
        var values = [Float](repeating: -99, count: frame.width * frame.height)
        var result = emptyResult()
        let status = values.withUnsafeMutableBufferPointer { buffer in
            var map = mf_map(
                struct_size: MemoryLayout<mf_map>.size, width: Int32(frame.width), height: Int32(frame.height),
                row_stride: frame.width * 4, data: buffer.baseAddress)
            return frame.withImage { mf_inspect(context, $0, mask, &map, &result) }
        }
        try #require(status == MF_OK, "\(message)")
        return (result, values)
    }
}

func regions(of result: mf_result) -> [mf_region] {
    withUnsafeBytes(of: result.regions) { Array($0.bindMemory(to: mf_region.self).prefix(Int(result.region_count))) }
}
