import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels
import TestSupport
import Testing

@testable import MetaformerInspection

@Suite("Calibration")
struct CalibrationTests {
    let folder: TemporaryFolder
    let path: String
    let fresh: [CalibrationImage]

    /// A model of 64 × 64 pixels, adapted a striped plate from six images; and nine further images of it.
    init() throws {
        folder = try TemporaryFolder()
        path = folder.url.appendingPathComponent("plate.safetensors").path
        var description = ModelDescription(mode: .autoencoder, channels: 1, origin: "test")
        description.pixels = Metaformer.Configuration(
            mode: .autoencoder, imageSize: 64, channels: 1, latentSize: 16)
        description.epochs = 20
        description.learningRate = 2e-3
        try description.file(seed: 5).write(path: path)
        let frames = try (0..<6).map { try Frame(CalibrationTests.plate($0), of: "plate") }
        try Model(path: path).adapted(to: frames).save(path: path)
        fresh = (10..<19).map { CalibrationImage(name: "plate \($0)", image: CalibrationTests.plate($0)) }
    }

    static func plate(_ seed: UInt64) -> Image {
        var generator = RandomGenerator(seed: seed)
        let shift = generator.uniform(0...2)
        let bytes = (0..<80 * 72).map { index -> UInt8 in
            let stripe = sin((Float(index % 80) + shift) / 5) * 40
            return UInt8(128 + stripe + generator.uniform(-8...8))
        }
        return Image(width: 80, height: 72, channels: 1, bytes: bytes)
    }

    @Test("compares all maps and scores, and gives a model with the best") func chooses() throws {
        let calibration = try Calibration(model: path, good: fresh)
        let before = try TensorFile(path: path)
        let own = try ModelDescription(settings: before.metadata).map
        #expect(calibration.rows.count == AnomalyMap.Kind.allCases.count * 2 * AnomalyMap.Score.allCases.count)
        #expect(Set(calibration.rows.map(\.choice)).count == calibration.rows.count)
        let first = calibration.rows[0].choice
        #expect(first.kind == own.kind && first.isNormalized == own.isNormalized && first.score == own.score)
        for row in calibration.rows {
            #expect((0...1).contains(row.imageAUROC) && (0...1).contains(row.pixelAUROC))
        }
        let chosen = try #require(calibration.chosen)
        let best = try #require(calibration.rows.first { $0.choice == chosen })
        #expect(best.merit == calibration.rows.map(\.merit).max())
        // A plate with a blotch on it is no riddle.
        #expect(best.imageAUROC > 0.75 && best.pixelAUROC > 0.75)
        #expect(calibration.text.split(separator: "\n").count == 17 && calibration.text.contains("chosen"))

        try calibration.file.write(path: path)
        let after = try TensorFile(path: path)
        let description = try ModelDescription(settings: after.metadata)
        #expect(description.map.kind == chosen.kind && description.map.score == chosen.score)
        #expect(description.map.isNormalized == chosen.isNormalized)
        #expect(after.metadata["score.share"] == "\(chosen.score.share)")
        #expect(after.metadata["adapted.images"] == "6" && after.metadata["threshold.from"] == "calibration")
        for entry in before.entries where entry.name.hasPrefix("autoencoder.") {
            #expect(after.entries.first { $0.name == entry.name } == entry)
        }
    }

    @Test("what is normal is measured on all the images: their mean map is then zero") func normality() throws {
        for seed in [1, 2] as [UInt64] {
            var options = Calibration.Options()
            options.seed = seed
            let calibration = try Calibration(model: path, good: fresh, options: options)
            try #require(calibration.chosen?.isNormalized == true)
            let calibrated = folder.url.appendingPathComponent("calibrated").path
            try calibration.file.write(path: calibrated)
            let inspector = try Inspector(Model(path: calibrated))
            var sum = [Double](repeating: 0, count: 64 * 64)
            for item in fresh {
                let inspection = try inspector.inspect(Frame(item.image(), of: item.name))
                #expect(!inspection.isAnomalous && inspection.threshold == calibration.threshold.value)
                for (position, value) in try inspector.plane("map").enumerated() { sum[position] += Double(value) }
            }
            #expect(sum.allSatisfy { abs($0) < 1e-3 })
        }
    }

    @Test("a kept map keeps its programs, and gets the threshold of the engine's own scores") func keepsMap() throws {
        var options = Calibration.Options()
        options.keepsMap = true
        options.falseAlarmRate = 0.25
        var file = try TensorFile(path: path)
        file.metadata["description"] = nil
        try file.write(path: path)
        let calibration = try Calibration(model: path, good: fresh, options: options)
        let inspector = try Inspector(Model(path: path))
        let scores = try fresh.map { try inspector.inspect(Frame($0.image(), of: $0.name)).score }.sorted()
        // ⌈0.75 · 10⌉ of nine.
        #expect(calibration.threshold.value == scores[7] && calibration.threshold.rule == "conformal")
        #expect(calibration.rows.isEmpty && calibration.chosen == nil && calibration.text.isEmpty)
        #expect(calibration.file.entries == file.entries)
        #expect(calibration.file.metadata["threshold"] == "\(scores[7])")
    }

    @Test("with defective images the threshold is that of the best F1, and the map is kept") func defective() throws {
        var options = Calibration.Options()
        options.defective = (30..<33 as Range<UInt64>).map { seed in
            var generator = RandomGenerator(seed: seed)
            let copy = SyntheticDefect.allCases[0].painted(on: CalibrationTests.plate(seed), using: &generator)
            return CalibrationImage(name: "defect \(seed)", image: copy.image)
        }
        let calibration = try Calibration(model: path, good: fresh, options: options)
        let inspector = try Inspector(Model(path: path))
        func scores(_ images: [CalibrationImage]) throws -> [Float] {
            try images.map { try inspector.inspect(Frame($0.image(), of: $0.name)).score }
        }
        let (good, bad) = (try scores(fresh), try scores(options.defective))
        let classes = try Classification(
            scores: good + bad, isDefective: good.map { _ in false } + bad.map { _ in true })
        let lower = try #require((good + bad).filter { $0 < classes.bestThreshold }.max())
        #expect(calibration.threshold.rule == "best F1" && calibration.threshold.falseAlarmRate == nil)
        #expect(abs(calibration.threshold.value - (classes.bestThreshold + lower) / 2) <= 1e-6)
        #expect(calibration.rows.isEmpty && calibration.file.metadata["threshold.false_alarm_rate"] == nil)
        #expect(calibration.file.metadata["threshold.scores"] == "12")
    }

    @Test("a model that tiles its frames keeps its map", arguments: [Framing.letterbox, .tile])
    func framings(_ framing: Framing) throws {
        var options = Model.AdaptationOptions()
        options.framing = framing
        options.epochs = 1
        let frames = try fresh.prefix(2).map { try Frame($0.image(), of: $0.name) }
        try Model(path: path).adapted(to: frames, options: options).save(path: path)
        let calibration = try Calibration(model: path, good: fresh)
        let entries = try TensorFile(path: path).entries
        #expect(calibration.rows.isEmpty && calibration.file.entries == entries)
        let inspector = try Inspector(Model(path: path))
        let scores = try fresh.map { try inspector.inspect(Frame($0.image(), of: $0.name)).score }
        #expect(try calibration.threshold == Threshold(goodScores: scores, falseAlarmRate: 0.01))
    }

    @Test("threads do not matter, and the same seed gives the same") func repeats() throws {
        let files = try [1, 3].map { threads in
            var options = Calibration.Options()
            options.threads = threads
            return try Calibration(model: path, good: fresh, options: options).file
        }
        #expect(files[0].entries == files[1].entries && files[0].metadata == files[1].metadata)
    }

    @Test("mistakes are named") func mistakes() throws {
        func problem(_ path: String, _ images: [CalibrationImage]) throws -> String {
            "\(try #require(throws: (any Error).self) { try Calibration(model: path, good: images) })"
        }
        #expect(try problem(path, Array(fresh.prefix(3))).contains("too few good images (3)"))
        let tiny = CalibrationImage(
            name: "tiny.png", image: Image(width: 8, height: 8, channels: 1, bytes: [UInt8](repeating: 1, count: 64))
        )
        #expect(try problem(path, fresh + [tiny]).contains("tiny.png"))
        var file = try TensorFile(path: path)
        file.metadata["description"] = nil
        try file.write(path: path)
        #expect(try problem(path, fresh).contains("has no description"))
        file.metadata["threshold"] = nil
        try file.write(path: path)
        #expect(try problem(path, fresh).contains("knows no product yet"))
    }
}
