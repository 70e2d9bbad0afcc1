import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// A narrow network of random weights: 64 × 64 pixels.
func smallFeatureDescription(_ mode: Metaformer.Mode = .autoencoder) -> ModelDescription {
    var features = FeatureModel.Configuration(mode: mode, imageSize: 64)
    features.networkDivisor = 8
    features.prior = InstancePrior.Configuration(width: 4, blocks: 1)
    let prior = ModelDescription.ScorePrior(level: 0.3, excess: 1.5, weight: 2)
    return ModelDescription(features: features, scorePrior: prior, origin: "test")
}

@Suite("Models over features")
struct FeatureModelTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func model(_ mode: Metaformer.Mode = .autoencoder) throws -> Model {
        try Model(smallFeatureDescription(mode).file(seed: 5))
    }

    private func frames(_ range: Range<Int>) throws -> [Frame] { try range.map { try disc(UInt64($0)) } }

    /// What a model is, but for where it was held out.
    private func tensors(_ model: Model) throws -> [TensorFile.Entry] {
        let path = folder.path("\(UUID())")
        try model.save(path: path)
        return try TensorFile(path: path).entries
    }

    @Test("defects score higher than further good frames, which are passed", arguments: Metaformer.Mode.allCases)
    func finds(_ mode: Metaformer.Mode) throws {
        let inspector = try Inspector(model(mode).adapted(to: frames(0..<8)))
        let good = try (20..<24).map { try inspector.inspect(disc(UInt64($0))) }
        let defective = try (30..<34).map { try inspector.inspect(disc(UInt64($0), scratched: true)) }
        #expect(good.allSatisfy { !$0.isAnomalous })
        #expect(try #require(good.map(\.score).max()) < #require(defective.map(\.score).min()))
    }

    @Test("the map is highest where the defect is") func localises() throws {
        let inspector = try Inspector(model().adapted(to: frames(0..<8)))
        let inspection = try inspector.inspect(disc(40, scratched: true), wantsMap: true)
        let peak = try #require(inspection.map.indices.max { inspection.map[$0] < inspection.map[$1] })
        #expect((24..<72).contains(peak % 96) && (24..<72).contains(peak / 96))
    }

    @Test("adaptation gives the same bits for any number of threads") func threadsDoNotMatter() throws {
        let model = try model(.full)
        let results = try [1, 2, 3, 8].map { threads in
            var options = Model.AdaptationOptions()
            options.threads = threads
            let adapted = try model.adapted(to: frames(0..<5), options: options)
            let map = try Inspector(adapted, threads: threads).inspect(disc(50), wantsMap: true).map
            return (try tensors(adapted), adapted[setting: "threshold"], map.map(\.bitPattern))
        }
        for result in results.dropFirst() {
            #expect(result.0 == results[0].0)
            #expect(result.1 == results[0].1 && result.2 == results[0].2)
        }
    }

    @Test("further frames go on from the sums: the same as all of them at once", arguments: [1, 3, 7])
    func goesOn(_ first: Int) throws {
        let model = try model()
        let once = try model.adapted(to: frames(0..<8))
        let twice = try model.adapted(to: frames(0..<first)).adapted(to: frames(first..<8))
        #expect(try tensors(once) == tensors(twice))
        #expect(twice[setting: "adapted.images"] == "8")
        // A file between them changes nothing.
        try model.adapted(to: frames(0..<first)).save(path: folder.path("between"))
        let reopened = try Model(path: folder.path("between")).adapted(to: frames(first..<8))
        #expect(try tensors(reopened) == tensors(once))
        #expect(reopened[setting: "threshold"] == twice[setting: "threshold"])
    }

    @Test("the threshold goes on from the scores of earlier frames") func keepsScores() throws {
        let first = try model().adapted(to: frames(0..<4))
        let scores = { (model: Model) in try #require(model[setting: "adapted.scores"]).split(separator: " ").count }
        #expect(try first[setting: "threshold.scores"] == "4" && scores(first) == 4)
        let second = try first.adapted(to: frames(4..<8))
        #expect(try second[setting: "threshold.scores"] == "8" && scores(second) == 8)
        let once = try #require(model().adapted(to: frames(0..<8))[setting: "threshold"].flatMap(Double.init))
        let twice = try #require(second[setting: "threshold"].flatMap(Double.init))
        #expect(twice > once / 1.5 && twice < once * 1.5)
        // Of many adaptations no more are kept than there is room for.
        var many = second
        for _ in 0..<20 { many = try many.adapted(to: frames(0..<8)) }
        #expect(try scores(many) == 128)
    }

    @Test("many frames are all held out and scored, and the threshold is one of their scores") func scoresAll() throws {
        let adapted = try model().adapted(to: frames(0..<150))
        #expect(adapted[setting: "threshold.scores"] == "150" && adapted[setting: "threshold.rule"] == "conformal")
    }

    @Test("scores in a file that are none are refused when it goes on") func damagedScores() throws {
        try model().adapted(to: frames(0..<2)).save(path: folder.path("adapted"))
        var file = try TensorFile(path: folder.path("adapted"))
        file.metadata["adapted.scores"] = "1.5 many"
        let error = #expect(throws: EngineError.self) { try Model(file).adapted(to: frames(2..<3)) }
        #expect("\(try #require(error))".contains("adapted.scores"))
    }

    @Test(
        "held-out frames score the same whether their features are kept or made again",
        arguments: [MF_PRECISION_FLOAT, MF_PRECISION_INT8])
    func keptFeatures(_ precision: mf_precision) throws {
        let model = try model(.full)
        let files = try [0, 1, 60_000].map { (cache: UInt64) in
            try Frame.withImages(frames(0..<5)) { images in
                try withMask(96, 96, { x, y in x + y > 40 }) { mask in
                    var options = mf_adapt_options()
                    options.struct_size = MemoryLayout<mf_adapt_options>.size
                    options.cache_bytes = cache
                    options.precision = precision
                    options.framing = MF_FRAMING_LETTERBOX
                    (options.masks, options.mask_count) = (mask, 1)
                    var adapted: OpaquePointer?
                    let status = mf_adapt(model.handle, images.baseAddress, images.count, &options, &adapted, nil)
                    try #require(status == MF_OK)
                    defer { mf_model_release(adapted) }
                    try #require(mf_model_save(adapted, folder.path("adapted"), nil) == MF_OK)
                    return try Data(contentsOf: URL(filePath: folder.path("adapted")))
                }
            }
        }
        #expect(files[1] == files[0] && files[2] == files[0])
    }

    private func inInt8() -> Model.AdaptationOptions {
        var options = Model.AdaptationOptions()
        options.precision = .int8
        return options
    }

    /// A network that has learned: the values of a random one are far below the limits that bytes are made by.
    private func learned() throws -> Model {
        try Model(TensorFile(path: UniversalModel.universal.path()).resized(to: 96))
    }

    @Test("adapted in 8-bit integers it inspects so, and finds the same") func int8() throws {
        let model = try learned()
        let (exact, adapted) = try (
            model.adapted(to: frames(0..<8)), model.adapted(to: frames(0..<8), options: inInt8())
        )
        #expect(exact[setting: "precision"] == nil && adapted[setting: "precision"] == "int8")
        let inspectors = try (Inspector(exact), Inspector(adapted))
        let good = try (20..<24).map { try inspectors.1.inspect(disc(UInt64($0))).score }
        let defective = try (30..<34).map { try inspectors.1.inspect(disc(UInt64($0), scratched: true)).score }
        #expect(try #require(good.max()) < #require(defective.min()))
        let float = try inspectors.0.inspect(disc(30, scratched: true)).score
        #expect(float != defective[0] && abs(float - defective[0]) < 0.2 * float, "\(float) and \(defective[0])")
        // A file of it, and any number of threads.
        try adapted.save(path: folder.path("int8"))
        let (reopened, frame) = try (Model(path: folder.path("int8")), disc(30, scratched: true))
        let score = try inspectors.1.inspect(frame).score
        for threads in [1, 2, 5] { #expect(try Inspector(reopened, threads: threads).inspect(frame).score == score) }
        for threads in [1, 3] {
            var options = inInt8()
            options.threads = threads
            let again = try model.adapted(to: frames(0..<8), options: options)
            #expect(again[setting: "threshold"] == adapted[setting: "threshold"])
        }
    }

    @Test("further frames are learnt in the precision of the first") func precisionStays() throws {
        let first = try model().adapted(to: frames(0..<3), options: inInt8())
        let twice = try first.adapted(to: frames(3..<8))
        let once = try model().adapted(to: frames(0..<8), options: inInt8())
        #expect(twice[setting: "precision"] == "int8")
        #expect(try tensors(twice) == tensors(once))
        let plain = try model().adapted(to: frames(0..<3))
        #expect(
            "\(try #require(#expect(throws: EngineError.self) { try plain.adapted(to: frames(3..<4), options: inInt8()) }))"
                .contains("adapted in float"))
        var options = inInt8()
        options.precision = .float
        #expect(
            "\(try #require(#expect(throws: EngineError.self) { try first.adapted(to: frames(3..<4), options: options) }))"
                .contains("adapted in int8"))
    }

    @Test("of one image it cannot say what it finds") func syntheticOfOne() throws {
        #expect(try model().adapted(to: frames(0..<1)).syntheticDefects == nil)
    }

    @Test("it says which synthetic defects it finds", arguments: [2, 3, 20]) func synthetic(_ count: Int) throws {
        let adapted = try model().adapted(to: frames(0..<count))
        let defects = try #require(adapted.syntheticDefects)
        #expect(defects.count == 24 && Set(defects.kinds.keys) == ["patch", "scratch", "blotch"])
        let mean = defects.kinds.values.reduce(0, +) / 3
        #expect(abs(defects.found - mean) < 1e-5)
        // The same frames, the same defects.
        #expect(try model().adapted(to: frames(0..<count)).syntheticDefects == defects)
        // Of another threshold nothing is known.
        #expect(try adapted.withThreshold(1).syntheticDefects == nil)
    }

    @Test("a threshold that lets more through finds fewer synthetic defects") func syntheticByThreshold() throws {
        let found = try [Float(1e-4), 0.5].map { rate in
            var options = Model.AdaptationOptions()
            options.falseAlarmRate = rate
            return try #require(model().adapted(to: frames(0..<6), options: options).syntheticDefects).found
        }
        #expect(found[0] < found[1])
    }

    @Test("an image that is given twice is no second one", arguments: [1, 3]) func duplicates(_ count: Int) throws {
        let model = try model()
        let adapted = try model.adapted(to: frames(0..<count) + frames(0..<count))
        let plain = try model.adapted(to: frames(0..<count))
        let threshold = try #require(adapted[setting: "threshold"].flatMap(Double.init))
        let single = try #require(plain[setting: "threshold"].flatMap(Double.init))
        #expect(threshold > single / 3 && threshold < single * 3)
    }

    @Test("frames of one colour adapt that colour, and nothing that is no number", arguments: [1, 3])
    func oneColour(_ count: Int) throws {
        let black = try Frame(width: 96, height: 96, format: .rgb8, bytes: [UInt8](repeating: 0, count: 96 * 96 * 3))
        let inspector = try Inspector(model().adapted(to: [Frame](repeating: black, count: count)))
        #expect(try inspector.inspect(black).score.isFinite)
        #expect(try inspector.inspect(disc(1)).isAnomalous)
    }

    @Test("one image is enough: its threshold is from what is known of other products") func one() throws {
        let adapted = try model().adapted(to: frames(0..<1))
        #expect(adapted[setting: "threshold.from"] == "other products")
        let threshold = try #require(adapted[setting: "threshold"].flatMap(Double.init))
        // exp(0.3 + 1.5 / 1), and 2.05 deviations of 0.13 above it, of a level that two scores are known of.
        #expect(abs(threshold - 8.39) < 0.05)
    }

    @Test("a model is tuned by no steps: options for those are refused") func refusesTraining() throws {
        let model = try model()
        var options = Model.AdaptationOptions()
        options.epochs = 3
        let error = #expect(throws: EngineError.self) { try model.adapted(to: frames(0..<2), options: options) }
        #expect("\(try #require(error))".contains("adapted in closed form"))
    }

    @Test("parts can be left out, and what was known of a product goes with them") func reduces() throws {
        let file = try smallFeatureDescription(.full).file(seed: 5)
        let path = folder.path("adapted")
        try Model(file).adapted(to: frames(0..<3)).save(path: path)
        for mode in [Metaformer.Mode.autoencoder, .prior] {
            let reduced = try TensorFile(path: path).reduced(to: mode)
            #expect(reduced.metadata["configuration"] == mode.rawValue && reduced.metadata["threshold"] == nil)
            #expect(reduced.floats("sums.0.count")?.allSatisfy { $0 == 0 } == true)
            _ = try Model(reduced).adapted(to: frames(0..<2))
        }
    }

    @Test("images of another size: what is learned stays, what was known of a product goes") func resizes() throws {
        let file = try smallFeatureDescription(.full).file(seed: 5)
        let path = folder.path("adapted")
        try Model(file).adapted(to: frames(0..<3)).save(path: path)
        let resized = try TensorFile(path: path).resized(to: 128)
        #expect(resized.metadata["input.height"] == "128" && resized.metadata["threshold"] == nil)
        #expect(resized.floats("transformer.0.weight") == file.floats("transformer.0.weight"))
        #expect(resized.floats("sums.0.count") == [Float](repeating: 0, count: 16 * 16))
        #expect(try Inspector(Model(resized).adapted(to: frames(0..<2))).inspect(disc(1)).score.isFinite)
        for size in [100, 32, 1056] {
            #expect(
                "\(try #require(#expect(throws: ModelError.self) { try file.resized(to: size) }))".contains(
                    "from 64 to 1024, not \(size)"))
        }
        let pixels = try ModelDescription(mode: .autoencoder, channels: 3, origin: "").file(seed: 1)
        let error = #expect(throws: ModelError.self) { try pixels.resized(to: 128) }
        #expect("\(try #require(error))".contains("compares pixels"))
    }

    @Test("the prior of a model over features is read as it is, whatever its size") func prior() throws {
        let folder = try TemporaryFolder()
        let description = smallFeatureDescription(.full)
        let file = try description.file(seed: 5)
        try file.write(path: folder.path("model.safetensors"))
        let prior = try FrozenPrior(path: folder.path("model.safetensors"))
        #expect(prior.configuration == description.features?.prior && !prior.parameters.isEmpty)
        for (name, values) in prior.parameters { #expect(file.floats(name) == values, "\(name)") }
    }

    @Test("a file without what its programs write is refused") func refusesHalfAFile() throws {
        let programs = ["program/features", "program/observe", "program/fit", "program/map"]
        for missing in programs + ["sums.0.products", "normal.1.mean"] {
            var file = try smallFeatureDescription().file(seed: 5)
            file.entries.removeAll { $0.name == missing }
            let error = #expect(throws: EngineError.self) { try Model(file) }
            let needs = missing.hasPrefix("program") ? "missing" : missing
            #expect("\(try #require(error))".contains(needs), "\(missing): \(String(describing: error))")
        }
    }
}
