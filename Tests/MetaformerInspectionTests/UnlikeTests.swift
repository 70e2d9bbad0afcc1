import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Frames that do not show the product, as the good frames did.
@Suite("Frames unlike the good images")
struct UnlikeTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func adapted(_ framing: Framing, frames: Int = 3) throws -> Model {
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("model"))
        var options = Model.AdaptationOptions()
        options.framing = framing
        options.epochs = 1
        return try Model(path: folder.path("model"))
            .adapted(to: (0..<frames).map { try disc(UInt64($0), format: .mono8) }, options: options)
    }

    /// An inspector whose maps say nothing of it: what a frame looks like decides alone.
    private func inspector(_ model: Model) throws -> Inspector {
        try model.save(path: folder.path("adapted"))
        var file = try TensorFile(path: folder.path("adapted"))
        file.metadata["appearance.anomaly_high"] = nil
        let inspector = try Inspector(Model(file))
        try inspector.setThreshold(.infinity)
        return inspector
    }

    private func changed(_ frame: Frame, _ value: (_ x: Int, _ y: Int, _ old: Int) -> Int) throws -> Frame {
        let bytes = frame.bytes.enumerated().map { UInt8(clamping: value($0 % frame.width, $0 / frame.width, Int($1))) }
        return try Frame(width: frame.width, height: frame.height, format: .mono8, bytes: bytes)
    }

    private func blurred(_ frame: Frame) throws -> Frame {
        let bytes = frame.bytes
        return try changed(frame) { x, y, _ in
            let pixels = (-4...4).flatMap { v in
                (-4...4).map { u in
                    let (row, column) = (min(max(y + v, 0), frame.height - 1), min(max(x + u, 0), frame.width - 1))
                    return Int(bytes[row * frame.width + column])
                }
            }
            return pixels.reduce(0, +) / pixels.count
        }
    }

    @Test("each is reported with its reason, and is anomalous whatever the threshold", arguments: Framing.allCases)
    func reasons(_ framing: Framing) throws {
        let inspector = try inspector(adapted(framing))
        let good = try disc(50, format: .mono8)
        for frame in [good, try disc(51, scratched: true, format: .mono8)] {
            let inspection = try inspector.inspect(frame)
            #expect(inspection.unlikeness.isEmpty && !inspection.isUnlikeTaught && !inspection.isAnomalous)
        }
        let cases: [(Inspection.Unlikeness, Frame)] = [
            (.dark, try changed(good) { _, _, old in old / 10 }), (.dark, try changed(good) { _, _, _ in 0 }),
            (.bright, try changed(good) { _, _, old in old * 6 }), (.bright, try changed(good) { _, _, _ in 255 }),
            (.flat, try changed(good) { _, _, _ in 100 }), (.blurred, try blurred(good)),
        ]
        for (reason, frame) in cases {
            let inspection = try inspector.inspect(frame)
            #expect(inspection.unlikeness.contains(reason), "\(reason): \(inspection.unlikeness)")
            #expect(inspection.isAnomalous && inspection.isUnlikeTaught)
        }
        #expect(try inspector.inspect(blurred(good)).unlikeness == [.blurred])
    }

    @Test("the result says it in C, and colour counts by its luma") func result() throws {
        try smallDescription(.autoencoder).file(seed: 5).write(path: folder.path("model"))
        try Model(path: folder.path("model")).adapted(to: [disc(1), disc(2)]).save(path: folder.path("colour"))
        let host = try Host(folder.path("colour"))
        try #require(mf_context_set_threshold(host.context, .infinity) == MF_OK)
        let night = try Frame(width: 96, height: 96, format: .rgb8, bytes: disc(3).bytes.map { $0 / 10 })
        let dark = host.inspect(night).result
        #expect(dark.is_unlike_taught == 1 && dark.is_anomalous == 1)
        #expect(dark.unlike_reasons & (MF_UNLIKE_DARK.rawValue | MF_UNLIKE_FLAT.rawValue) == 5)
        #expect(dark.unlike_reasons & MF_UNLIKE_BRIGHT.rawValue == 0)
        // Whether it shows the product is a question of the frame: grey or in colour.
        let grey = host.inspect(try disc(3, format: .mono8)).result
        #expect(grey.unlike_reasons & ~MF_UNLIKE_DIFFERENT.rawValue == 0)
    }

    @Test("a map that is high over more than half of the frame shows something else") func different() throws {
        let model = try adapted(.stretch)
        let threshold = try #require(model[setting: "threshold"].flatMap(Float.init))
        let high = try #require(model[setting: "appearance.anomaly_high"].flatMap(Float.init))
        #expect(high > threshold)
        try model.save(path: folder.path("adapted"))
        var file = try TensorFile(path: folder.path("adapted"))
        let good = try disc(50, format: .mono8)
        for (change, isDifferent) in [(-1e-4, true), (1e-4, false)] as [(Float, Bool)] {
            let plain = try Inspector(Model(file))
            _ = try plain.inspect(good)
            let map = try plain.plane("map").sorted()
            let median = map[map.count / 2]
            // The engine's median is that of values to within 1/128.
            file.metadata["appearance.anomaly_high"] = "\(median + 0.02 * abs(median) * (change < 0 ? -1 : 1) + change)"
            #expect(try (Inspector(Model(file)).inspect(good).unlikeness == [.different]) == isDifferent)
        }
    }

    @Test("what is outside the mask is not looked at") func masks() throws {
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("model"))
        let frame = try disc(1, format: .mono8)
        let inside = { (x: Int, y: Int) in (30..<66).contains(x) && (20..<76).contains(y) }
        var options = mf_adapt_options()
        options.struct_size = MemoryLayout<mf_adapt_options>.size
        options.epochs = 1
        let plain = try Host(folder.path("model"))
        for framing in [MF_FRAMING_STRETCH, MF_FRAMING_LETTERBOX, MF_FRAMING_TILE] {
            options.framing = framing
            var adapted: OpaquePointer?
            let status = withMask(96, 96, inside) { mask in
                (options.masks, options.mask_count) = (mask, 1)
                return frame.withImage { mf_adapt(plain.model, $0, 1, &options, &adapted, nil) }
            }
            try #require(status == MF_OK)
            try #require(mf_model_save(adapted, folder.path("adapted"), nil) == MF_OK)
            mf_model_release(adapted)
            let host = try Host(folder.path("adapted"))
            let night = try changed(frame) { x, y, old in inside(x, y) ? old : 0 }
            func reasons(_ frame: Frame) throws -> UInt32 {
                try withMask(96, 96, inside) { try host.map(frame, mask: $0).result.unlike_reasons }
            }
            let different = MF_UNLIKE_DIFFERENT.rawValue
            #expect(try reasons(night) & ~different == 0)
            #expect(try reasons(changed(frame) { x, y, old in inside(x, y) ? 0 : old }) & MF_UNLIKE_DARK.rawValue != 0)
        }
    }

    @Test("more frames narrow what is taken for the product, and a wide range widens it") func margins() throws {
        func limit(_ model: Model, _ key: String) throws -> Float {
            try #require(model[setting: "appearance.\(key)"].flatMap(Float.init))
        }
        let (one, many) = (try adapted(.stretch, frames: 1), try adapted(.stretch, frames: 12))
        #expect(try limit(one, "brightness_low") < limit(many, "brightness_low"))
        #expect(try limit(one, "brightness_high") > limit(many, "brightness_high"))
        #expect(try limit(one, "sharpness_low") < limit(many, "sharpness_low"))
        let dim = try changed(disc(1, format: .mono8)) { _, _, old in old / 3 }
        let wide = try Model(path: folder.path("model")).adapted(to: [disc(1, format: .mono8), dim])
        #expect(try limit(wide, "brightness_low") < limit(one, "brightness_low"))
    }

    @Test("a model that does not say how reports nothing") func earlierModels() throws {
        try adapted(.stretch).save(path: folder.path("adapted"))
        var file = try TensorFile(path: folder.path("adapted"))
        for key in file.metadata.keys where key.hasPrefix("appearance.") { file.metadata[key] = nil }
        let inspector = try Inspector(Model(file))
        try inspector.setThreshold(.infinity)
        for value in [0, 255] {
            let inspection = try inspector.inspect(changed(disc(1, format: .mono8)) { _, _, _ in value })
            #expect(inspection.unlikeness.isEmpty && !inspection.isAnomalous)
        }
    }
}

extension Frame {
    fileprivate var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}
