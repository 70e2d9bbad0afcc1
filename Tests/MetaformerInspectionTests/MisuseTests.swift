import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Every mistake of a host's returns its status, touches no out-parameter, and leaves the context as it was.
@Suite("Misuse of the host interface")
struct MisuseTests {
    let folder: TemporaryFolder
    let host: Host
    private let good: Frame

    init() throws {
        folder = try TemporaryFolder()
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("model"))
        host = try Host(folder.path("model"))
        good = try disc(3, size: 80, format: .mono8)
    }

    /// What a call may be given wrongly.
    private struct Arguments {
        var image: mf_image
        var mask: mf_mask
        var map: mf_map
        var result = emptyResult()
        var usesFrame = true
        var usesResult = true
    }

    /// Calls mf_inspect with changed arguments; it has to fail with a status, and the next call to succeed as ever.
    private func expect(
        _ status: mf_status, _ name: String, text: String = "", _ change: (inout Arguments) -> Void
    ) throws {
        let expected = try host.map(good)
        var values = [Float](repeating: -99, count: 80 * 80)
        let marks = [UInt8](repeating: 1, count: 80 * 80)
        let (returned, result) = values.withUnsafeMutableBufferPointer { values in
            marks.withUnsafeBufferPointer { marks in
                good.withImage { image in
                    var a = Arguments(
                        image: image.pointee,
                        mask: mf_mask(
                            struct_size: MemoryLayout<mf_mask>.size, width: 80, height: 80, row_stride: 80,
                            data: marks.baseAddress),
                        map: mf_map(
                            struct_size: MemoryLayout<mf_map>.size, width: 80, height: 80, row_stride: 320,
                            data: values.baseAddress))
                    a.result.score = -7
                    a.result.region_count = 77
                    change(&a)
                    let returned = withUnsafeMutablePointer(to: &a.result) { result in
                        withUnsafePointer(to: a.image) { image in
                            mf_inspect(
                                host.context, a.usesFrame ? image : nil, &a.mask, &a.map, a.usesResult ? result : nil)
                        }
                    }
                    return (returned, a.result)
                }
            }
        }
        #expect(returned == status, "\(name)")
        #expect(!host.message.isEmpty && (text.isEmpty || host.message.contains(text)), "\(name): \(host.message)")
        #expect(result.score == -7 && result.region_count == 77, "\(name)")
        #expect(values.allSatisfy { $0 == -99 }, "\(name)")
        let after = try host.map(good)
        #expect(
            after.result.score.bitPattern == expected.result.score.bitPattern && after.map == expected.map, "\(name)")
    }

    @Test("frames") func frames() throws {
        try expect(MF_E_INVALID, "no frame") { $0.usesFrame = false }
        try expect(MF_E_INVALID, "frame without size") { $0.image.struct_size = 0 }
        try expect(MF_E_INVALID, "frame with too small a size") { $0.image.struct_size -= 1 }
        try expect(MF_E_INVALID, "no pixels") { $0.image.data = nil }
        try expect(MF_E_LIMIT, "too narrow", text: "31 x 80") { $0.image.width = 31 }
        try expect(MF_E_LIMIT, "too low", text: "80 x 31") { $0.image.height = 31 }
        try expect(MF_E_LIMIT, "negative") { $0.image.width = -80 }
        try expect(MF_E_LIMIT, "too wide") { $0.image.width = MF_MAX_SIDE + 1 }
        try expect(MF_E_UNSUPPORTED, "pixel format", text: "0x12345678") { $0.image.pixel_format = 0x1234_5678 }
        try expect(MF_E_INVALID, "stride", text: "79") { $0.image.row_stride = 79 }
        try expect(MF_E_INVALID, "odd stride") {
            $0.image.pixel_format = MF_PIXEL_MONO16.rawValue
            $0.image.row_stride = 161
        }
    }

    @Test("masks and maps") func masksAndMaps() throws {
        let none = [UInt8](repeating: 0, count: 80 * 80)
        try none.withUnsafeBufferPointer { none in
            try expect(MF_E_INVALID, "empty region", text: "nothing") { $0.mask.data = none.baseAddress }
        }
        try expect(MF_E_INVALID, "mask without size") { $0.mask.struct_size = 0 }
        try expect(MF_E_INVALID, "mask without data") { $0.mask.data = nil }
        try expect(MF_E_INVALID, "mask of another size", text: "79 x 80") { $0.mask.width = 79 }
        try expect(MF_E_INVALID, "mask's stride") { $0.mask.row_stride = 10 }
        try expect(MF_E_INVALID, "map without size") { $0.map.struct_size = 0 }
        try expect(MF_E_INVALID, "map without data") { $0.map.data = nil }
        try expect(MF_E_INVALID, "map of another size", text: "80 x 81") { $0.map.height = 81 }
        try expect(MF_E_INVALID, "map's stride") { $0.map.row_stride = 319 }
    }

    @Test("results") func results() throws {
        try expect(MF_E_INVALID, "no result") { $0.usesResult = false }
        try expect(MF_E_INVALID, "result without size") { $0.result.struct_size = 0 }
        // A later header's larger structs are taken, and what it added is left alone.
        var result = emptyResult()
        result.struct_size += 64
        #expect(good.withImage { mf_inspect(host.context, $0, nil, nil, &result) } == MF_OK)
        #expect(mf_inspect(nil, nil, nil, nil, &result) == MF_E_INVALID)
    }

    @Test("settings and planes") func settings() throws {
        let fresh = try Host(folder.path("model"))
        var size = 0
        var plane = [Float](repeating: -7, count: 64 * 64)
        // Before anything was inspected, sizes are known and planes are not.
        #expect(mf_context_plane(fresh.context, "map", nil, &size) == MF_OK && size == 64 * 64)
        #expect(mf_context_plane(fresh.context, "map", &plane, &size) == MF_E_STATE)
        #expect(fresh.inspect(good).status == MF_OK)
        size = 10
        #expect(mf_context_plane(fresh.context, "map", &plane, &size) == MF_E_INVALID && size == 10)
        #expect(mf_context_plane(fresh.context, "colour", nil, &size) == MF_E_INVALID && size == 10)
        #expect(mf_context_plane(fresh.context, nil, nil, &size) == MF_E_INVALID)
        #expect(mf_context_plane(fresh.context, "map", nil, nil) == MF_E_INVALID)
        #expect(plane.allSatisfy { $0 == -7 })
        size = 64 * 64
        #expect(mf_context_plane(fresh.context, "map", &plane, &size) == MF_OK && plane[0] != -7)
        // The planes of an inspection that was broken off are nobody's.
        #expect(mf_context_set_time_limit(fresh.context, 1) == MF_OK && fresh.inspect(good).status == MF_E_DEADLINE)
        #expect(mf_context_plane(fresh.context, "map", &plane, &size) == MF_E_STATE)
        #expect(mf_context_set_time_limit(fresh.context, 0) == MF_OK)

        #expect(mf_context_set_threshold(fresh.context, .nan) == MF_E_INVALID)
        let result = fresh.inspect(good).result
        #expect(result.threshold == host.inspect(good).result.threshold)
        #expect(mf_context_set_threshold(nil, 1) == MF_E_INVALID)
        #expect(mf_context_plane(nil, "map", nil, &size) == MF_E_INVALID)
        mf_context_cancel(nil)
    }

    @Test("contexts") func contexts() {
        var context: OpaquePointer?
        var failure = emptyError()
        for (name, change) in [
            ("size", { $0.struct_size = 0 }), ("threads", { $0.threads = 257 }), ("threads", { $0.threads = -1 }),
            ("max_width", { $0.max_width = -1 }), ("max_width", { $0.max_width = MF_MAX_SIDE + 1 }),
        ] as [(String, (inout mf_context_options) -> Void)] {
            var options = mf_context_options()
            options.struct_size = MemoryLayout<mf_context_options>.size
            change(&options)
            #expect(mf_context_create(host.model, &options, &context, &failure) == MF_E_INVALID)
            #expect(context == nil && text(of: failure).contains(name))
        }
        #expect(mf_context_create(host.model, nil, nil, &failure) == MF_E_INVALID)
        #expect(mf_context_create(nil, nil, &context, &failure) == MF_E_INVALID && context == nil)
    }

    @Test("a model that is released twice while a context holds it does no harm") func releasedTwice() throws {
        var (model, context): (OpaquePointer?, OpaquePointer?) = (nil, nil)
        try #require(mf_model_open_file(folder.path("model"), nil, &model, nil) == MF_OK)
        try #require(mf_context_create(model, nil, &context, nil) == MF_OK)
        for _ in 0..<3 { mf_model_release(model) }
        var result = emptyResult()
        #expect(good.withImage { mf_inspect(context, $0, nil, nil, &result) } == MF_E_STATE)
        var done = 7
        #expect(good.withImage { mf_inspect_batch(context, $0, nil, nil, &result, 1, &done) } == MF_E_STATE)
        #expect(String(cString: mf_context_error(context)).contains("knows no product yet") && done == 7)
        try #require(mf_context_set_threshold(context, .infinity) == MF_OK)
        #expect(good.withImage { mf_inspect(context, $0, nil, nil, &result) } == MF_OK)
        #expect(result.score == host.inspect(good).result.score)
        mf_context_release(context)
    }

    @Test("adaptation options") func adaptation() throws {
        var adapted: OpaquePointer?
        for (status, name, change) in [
            (MF_E_INVALID, "size", { $0.struct_size = 3 }), (MF_E_INVALID, "epochs", { $0.epochs = -1 }),
            (MF_E_INVALID, "batch", { $0.batch = -1 }), (MF_E_INVALID, "shift", { $0.shift = -1 }),
            (MF_E_INVALID, "shift", { $0.shift = 32 }), (MF_E_INVALID, "shift", { $0.shift = .max }),
            (MF_E_INVALID, "threads", { $0.threads = 300 }),
            (MF_E_INVALID, "learning_rate", { $0.learning_rate = .nan }),
            (MF_E_INVALID, "learning_rate", { $0.learning_rate = 1.5 }),
            (MF_E_INVALID, "false_alarm_rate", { $0.false_alarm_rate = 0.6 }),
            (MF_E_INVALID, "framing", { $0.framing = mf_framing(rawValue: 9) }),
            (MF_E_INVALID, "precision", { $0.precision = mf_precision(rawValue: 3) }),
            (MF_E_INVALID, "by gradient is run in floats", { $0.precision = MF_PRECISION_INT8 }),
            (MF_E_INVALID, "masks", { $0.mask_count = 1 }),
            (MF_E_CANCELLED, "cancelled", { $0.progress = { _, _, _, _, _ in 1 } }),
        ] as [(mf_status, String, (inout mf_adapt_options) -> Void)] {
            var options = mf_adapt_options()
            options.struct_size = MemoryLayout<mf_adapt_options>.size
            change(&options)
            var failure = emptyError()
            let returned = good.withImage { mf_adapt(host.model, $0, 1, &options, &adapted, &failure) }
            #expect(returned == status && text(of: failure).contains(name), "\(name): \(text(of: failure))")
            #expect(adapted == nil)
        }
        for (image, count, out) in [(true, 0, true), (false, 1, true), (true, 1, false)] {
            let returned = good.withImage { frame in
                out
                    ? mf_adapt(host.model, image ? frame : nil, count, nil, &adapted, nil)
                    : mf_adapt(host.model, image ? frame : nil, count, nil, nil, nil)
            }
            #expect(returned == MF_E_INVALID && adapted == nil)
        }
        #expect(good.withImage { mf_adapt(host.model, $0, 2_000_000, nil, &adapted, nil) } == MF_E_LIMIT)
        // A model that can only inspect cannot be adapted.
        let file = try smallDescription(.autoencoder, channels: 1).file(seed: 5)
        try TensorFile(entries: file.entries.filter { $0.name != "program/update" }, metadata: file.metadata)
            .write(path: folder.path("frozen"))
        let frozen = try Host(folder.path("frozen"))
        #expect(good.withImage { mf_adapt(frozen.model, $0, 1, nil, &adapted, nil) } == MF_E_STATE && adapted == nil)
        #expect(frozen.inspect(good).status == MF_OK)
        try TensorFile(entries: file.entries.filter { $0.name != "program/inspect" }, metadata: file.metadata)
            .write(path: folder.path("blind"))
        var (blind, context): (OpaquePointer?, OpaquePointer?) = (nil, nil)
        try #require(mf_model_open_file(folder.path("blind"), nil, &blind, nil) == MF_OK)
        defer { mf_model_release(blind) }
        #expect(mf_context_create(blind, nil, &context, nil) == MF_E_STATE && context == nil)
    }

    @Test("a model of a newer version, and what is no model") func files() throws {
        var model: OpaquePointer?
        var failure = emptyError()
        let data = try Data(contentsOf: URL(filePath: folder.path("model")))
        let version = try #require(data.range(of: Data("metaformer 1".utf8)))
        var newer = data
        newer[version.upperBound - 1] = UInt8(ascii: "2")
        let status = newer.withUnsafeBytes { mf_model_open_memory($0.baseAddress, $0.count, nil, &model, &failure) }
        #expect(status == MF_E_VERSION && model == nil && text(of: failure).contains("metaformer 2"))
        #expect(mf_model_open_file(folder.path("nothing"), nil, &model, &failure) == MF_E_IO && model == nil)
        #expect(text(of: failure).contains("nothing"))
        #expect(mf_model_open_file(folder.url.path, nil, &model, &failure) == MF_E_IO && model == nil)
        #expect(mf_model_save(host.model, nil, nil) == MF_E_INVALID)
        #expect(mf_model_save(host.model, "/nowhere/model", &failure) == MF_E_IO)
        #expect(mf_model_setting(host.model, nil) == nil && mf_model_setting(nil, "threshold") == nil)
        #expect(mf_model_setting(host.model, "nothing") == nil)
    }

    @Test("a map that holds what is no number is no verdict") func brokenModel() throws {
        let file = try smallDescription(.autoencoder, channels: 1).file(seed: 5)
        let entries = file.entries.map { entry in
            guard entry.name == "normal.gain", case .floats(var values) = entry.contents else { return entry }
            values[100] = .nan
            return TensorFile.Entry(name: entry.name, shape: entry.shape, contents: .floats(values))
        }
        try TensorFile(entries: entries, metadata: file.metadata).write(path: folder.path("broken"))
        let broken = try Host(folder.path("broken"))
        let (status, result) = broken.inspect(good)
        #expect(status == MF_E_STATE && result.score == 0 && broken.message.contains("no number"))
    }
}
