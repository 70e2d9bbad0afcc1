import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// The threshold of a model that knows a product: given by the host, or from further frames.
@Suite("Thresholds that are given and calibrated")
struct ThresholdTests {
    let folder: TemporaryFolder
    let adapted: Model
    let good: [Frame]
    let bad: [Frame]

    init() throws {
        folder = try TemporaryFolder()
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("model"))
        adapted = try Model(path: folder.path("model"))
            .adapted(to: (0..<3).map { try disc(UInt64($0), format: .mono8) })
        good = try (10..<19).map { try disc(UInt64($0), format: .mono8) }
        bad = try (20..<23).map { try disc(UInt64($0), scratched: true, format: .mono8) }
    }

    private func scores(_ frames: [Frame]) throws -> [Float] {
        let inspector = try Inspector(adapted)
        return try frames.map { try inspector.inspect($0).score }
    }

    @Test("a given threshold is the new model's, and saved with it; the old one keeps its own") func given() throws {
        let own = adapted[setting: "threshold"]
        try adapted.withThreshold(0.125).save(path: folder.path("given"))
        let read = try Model(path: folder.path("given"))
        #expect(read[setting: "threshold"] == "0.125" && adapted[setting: "threshold"] == own)
        #expect(read[setting: "threshold.rule"] == "given" && read[setting: "threshold.from"] == "the host")
        #expect(read[setting: "threshold.scores"] == nil && read[setting: "threshold.false_alarm_rate"] == nil)
        #expect(try Inspector(read).inspect(good[0]).threshold == 0.125)
        for value in [Float.nan, .infinity] { #expect(throws: EngineError.self) { try adapted.withThreshold(value) } }
        let failure = #expect(throws: EngineError.self) { try Model(path: folder.path("model")).withThreshold(1) }
        #expect(failure?.status == MF_E_STATE)
    }

    @Test("good frames set it by the rate, whatever the threads") func goodAlone() throws {
        for threads in [1, 3] {
            let calibrated = try adapted.calibrated(good: good, falseAlarmRate: 0.25, threads: threads)
            // ⌈0.75 · 10⌉ of nine.
            #expect(calibrated[setting: "threshold"].flatMap(Float.init) == (try scores(good).sorted()[7]))
            #expect(
                calibrated[setting: "threshold.rule"] == "conformal" && calibrated[setting: "threshold.scores"] == "9")
        }
        #expect(try adapted.calibrated(good: [good[0]])[setting: "threshold.rule"] == "extrapolated")
        let failure = #expect(throws: EngineError.self) { try adapted.calibrated(good: []) }
        #expect(failure?.status == MF_E_INVALID)
        #expect(throws: EngineError.self) { try Model(path: folder.path("model")).calibrated(good: good) }
        #expect(throws: EngineError.self) { try adapted.calibrated(good: good) { $0.done < 3 } }
    }

    @Test("what a model knows of other products counts as it does of an adaptation") func prior() throws {
        var file = try smallDescription(.autoencoder, channels: 1).file(seed: 5)
        file.metadata["threshold.prior_level"] = "5"
        file.metadata["threshold.prior_weight"] = "1000"
        let model = try Model(file).adapted(to: [good[0]])
        let threshold = try #require(model.calibrated(good: [good[1]])[setting: "threshold"].flatMap(Float.init))
        #expect(threshold > 100)
    }

    @Test("defective frames set it by the best F1, midway between two scores") func both() throws {
        let calibrated = try adapted.calibrated(good: good, defective: bad)
        let (lowest, highest) = (try #require(scores(bad).min()), try #require(scores(good).max()))
        try #require(highest < lowest)
        let threshold = try #require(calibrated[setting: "threshold"].flatMap(Float.init))
        #expect(abs(threshold - (lowest + highest) / 2) <= 1e-6 * threshold)
        #expect(calibrated[setting: "threshold.rule"] == "best F1" && calibrated[setting: "threshold.scores"] == "12")
        // Where nothing tells them apart, all are found.
        let blind = try adapted.calibrated(good: [good[0]], defective: [good[0]])
        let only = try scores([good[0]])[0]
        #expect(blind[setting: "threshold"].flatMap(Float.init) == only.nextDown)
    }

    @Test("copies of an image are worth a warning, and mistakes are named") func host() throws {
        final class Lines { var texts: [String] = [] }
        let lines = Lines()
        try adapted.save(path: folder.path("adapted"))
        var open = mf_open_options()
        open.struct_size = MemoryLayout<mf_open_options>.size
        open.opaque = Unmanaged.passUnretained(lines).toOpaque()
        open.log = { opaque, level, text in
            guard let opaque, let text, level == MF_LOG_WARNING else { return }
            Unmanaged<Lines>.fromOpaque(opaque).takeUnretainedValue().texts.append(String(cString: text))
        }
        var model: OpaquePointer?
        try #require(mf_model_open_file(folder.path("adapted"), &open, &model, nil) == MF_OK)
        defer { mf_model_release(model) }
        func calibrate(_ change: (inout mf_calibrate_options) -> Void) -> (status: mf_status, text: String) {
            var options = mf_calibrate_options()
            options.struct_size = MemoryLayout<mf_calibrate_options>.size
            change(&options)
            var failure = emptyError()
            var made: OpaquePointer?
            let status = good[0].withImage { image in
                mf_calibrate(model, [image.pointee, image.pointee], 2, &options, &made, &failure)
            }
            mf_model_release(made)
            return (status, text(of: failure))
        }
        #expect(calibrate { _ in }.status == MF_OK)
        #expect(lines.texts.contains { $0.contains("1 of 2 good frames have the score of another") })
        func calibrate(insideMaskOf value: Bool) -> (status: mf_status, text: String) {
            withMask(96, 96, { _, _ in value }, { mask in calibrate { ($0.masks, $0.mask_count) = (mask, 1) } })
        }
        let whole = calibrate(insideMaskOf: true)
        #expect(whole.status == MF_OK)
        let none = calibrate(insideMaskOf: false)
        #expect(none.status == MF_E_INVALID && none.text.contains("good frame 0") && none.text.contains("mask"))
        for (status, name, change) in [
            (MF_E_INVALID, "threads", { $0.threads = 300 }),
            (MF_E_INVALID, "false_alarm_rate", { $0.false_alarm_rate = 0.6 }),
            (MF_E_INVALID, "masks", { $0.mask_count = 3 }),
            (MF_E_INVALID, "defective", { $0.defective_count = 1 }),
            (MF_E_DEADLINE, "time limit", { $0.time_limit_ns = 1 }),
            (MF_E_CANCELLED, "cancelled", { $0.progress = { _, _, _, _, _ in 1 } }),
        ] as [(mf_status, String, (inout mf_calibrate_options) -> Void)] {
            let outcome = calibrate(change)
            #expect(outcome.status == status && outcome.text.contains(name), "\(name): \(outcome.text)")
        }
    }
}
