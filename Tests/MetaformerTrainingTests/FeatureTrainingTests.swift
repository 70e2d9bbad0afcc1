import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerInspection
import TestSupport
import Testing

@testable import MetaformerModels
@testable import MetaformerTraining

/// Meta-training of T over features: its tasks, and that it learns, stops and goes on.
@Suite("Meta-training over features")
struct FeatureTrainingTests {
    let folder: TemporaryFolder
    init() throws {
        folder = try TemporaryFolder()
        var generator = RandomGenerator(seed: 1)
        for index in 0..<4 {
            let field = Field(size: 80, cells: 6 + index, using: &generator)
            let bytes = (0..<80 * 80).flatMap { pixel -> [UInt8] in
                let value: Float = 128 + 40 * field(Float(pixel % 80), Float(pixel / 80))
                let colours: [Float] = [value, 0.8 * value, 255 - value]
                return colours.map { UInt8(min(max($0, 0), 255)) }
            }
            let name = index < 2 ? "photo_\(index).png" : "dtd_\(index).png"
            try Image(width: 80, height: 80, channels: 3, bytes: bytes).write(png: URL(filePath: folder.path(name)))
        }
    }

    private var photographs: [URL] {
        ["photo_0.png", "photo_1.png", "dtd_2.png", "dtd_3.png"].map { URL(filePath: folder.path($0)) }
    }

    /// A narrow network of random weights.
    private func model() throws -> TensorFile {
        var features = FeatureModel.Configuration(imageSize: 64)
        features.networkDivisor = 8
        features.prior = InstancePrior.Configuration(width: 4, blocks: 1)
        return try ModelDescription(features: features, origin: "test").file(seed: 3)
    }

    private func training(
        _ cache: String = "tasks", steps: Int = 30, change: (inout FeatureTrainingConfiguration) -> Void = { _ in }
    ) throws -> FeatureMetaTraining {
        var settings = FeatureTrainingConfiguration()
        settings.episodes = 12
        change(&settings)
        settings.steps = steps
        settings.tasksPerStep = 2
        settings.rate = 0.01
        return try FeatureMetaTraining(
            settings, model: model(), photographs: photographs, cache: URL(filePath: folder.path(cache)), threads: 2)
    }

    @Test("a fault changes what its mask marks, and hardly anything else") func faults() throws {
        var generator = RandomGenerator(seed: 5)
        let photograph = try Photograph(
            Image(contentsOf: photographs[0]), named: "photo", viewSize: 64, isTexture: false)
        let views = ProductViews(of: photograph, size: 64, using: &generator)
        var marked = 0
        for _ in 0..<40 {
            let view = views.view(using: &generator)
            let fault = BlendedDefect(into: view, size: 64, other: views.view(using: &generator), using: &generator)
            #expect(fault.planes.allSatisfy { (0...1).contains($0) })
            var (inside, outside): (Float, Float) = (0, 0)
            for pixel in 0..<64 * 64 {
                var change: Float = 0
                for channel in 0..<3 {
                    let index = channel * 64 * 64 + pixel
                    change += abs(fault.planes[index] - view[index]) / 3
                }
                if fault.mask[pixel] == 1 {
                    #expect(change > 0.02)
                    inside += change
                } else {
                    outside += change
                }
            }
            marked += inside > outside ? 1 : 0
        }
        #expect(marked >= 30)
    }

    @Test("views of a product are alike, and none equals another") func views() throws {
        var generator = RandomGenerator(seed: 8)
        let photograph = try Photograph(
            Image(contentsOf: photographs[1]), named: "photo", viewSize: 64, isTexture: false)
        let views = ProductViews(of: photograph, size: 64, using: &generator)
        let (a, b) = (views.view(using: &generator), views.view(using: &generator))
        #expect(a != b && a.count == 3 * 64 * 64 && (a + b).allSatisfy { (0...1).contains($0) })
        let differences: [Float] = zip(a, b).map { abs($0 - $1) }
        #expect(differences.reduce(0, +) / Float(a.count) < 0.25)
    }

    @Test("the loss falls, and the model weighs its map by what was learned") func learns() throws {
        let training = try training(steps: 60)
        let losses = try (0..<60).map { try training.step($0)["loss"] ?? .nan }
        let (start, end) = (losses.prefix(15).reduce(0, +), losses.suffix(15).reduce(0, +))
        #expect(end < start)
        let file = try training.modelFile(origin: "test")
        #expect(file.metadata["configuration"] == "A+P+T")
        #expect(file.floats("transformer.2.weight")?.contains { $0 != 0 } == true)
        _ = try Model(file)
    }

    @Test("T learns from P's response as well where it is given") func response() throws {
        let training = try training { $0.usesResponse = true }
        for number in 0..<3 { _ = try training.step(number) }
        let file = try training.modelFile(origin: "test")
        #expect(file.entries.first { $0.name == "transformer.0.weight" }?.shape == [16, 4, 3, 3])
        #expect(file.entries.contains { $0.name.hasPrefix("prior.") })
        _ = try Model(file)
        var base = try ModelDescription(settings: model().metadata)
        base.mode = .autoencoder
        var settings = FeatureTrainingConfiguration()
        settings.usesResponse = true
        #expect(
            "\(try #require(#expect(throws: TrainingError.self) { try settings.features(of: base) }))".contains("no P"))
    }

    @Test("the control adapts to all tasks at once: their gaps are another's, the images and faults the same")
    func control() throws {
        func tasks(_ adapts: Bool) throws -> [FeatureEpisode] {
            var settings = FeatureTrainingConfiguration()
            settings.episodes = 3
            settings.adaptsToTasks = adapts
            let builder = try FeatureEpisodeBuilder(model(), photographs: photographs, for: settings, threads: 2)
            return try (0..<3).map(builder.episode)
        }
        let (own, shared) = (try tasks(true), try tasks(false))
        for (own, shared) in zip(own, shared) {
            #expect(own.masks == shared.masks && own.gaps != shared.gaps)
        }
    }

    @Test("a run that was stopped gives the same bits, and finds its tasks again") func resumes() throws {
        let whole = try training()
        for number in 0..<20 { _ = try whole.step(number) }
        let first = try training()
        for number in 0..<7 { _ = try first.step(number) }
        let checkpoint = Checkpoint(step: 7, tensors: first.tensors, numbers: first.numbers)
        let second = try training()
        try second.restore(checkpoint)
        for number in 7..<20 { _ = try second.step(number) }
        #expect(second.tensors == whole.tensors)
        let elsewhere = try training("other")
        for number in 0..<20 { _ = try elsewhere.step(number) }
        #expect(elsewhere.tensors == whole.tensors)
    }

    @Test("views of a product differ the more, the more they are to vary") func variation() throws {
        let photograph = try Photograph(
            Image(contentsOf: photographs[0]), named: "photo", viewSize: 64, isTexture: false)
        func difference(_ variation: Float) -> Float {
            var sum: Float = 0
            for seed in 0..<6 as Range<UInt64> {
                var generator = RandomGenerator(seed: seed)
                let views = ProductViews(of: photograph, size: 64, variation: variation, using: &generator)
                let (a, b) = (views.view(using: &generator), views.view(using: &generator))
                sum += zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(a.count)
            }
            return sum / 6
        }
        let differences = [0, 1, 2].map(difference)
        #expect(differences[0] < 0.03 && differences[1] > 1.5 * differences[0] && differences[2] > 1.2 * differences[1])
    }

    @Test("a model over pixels is refused, and so are numbers out of range") func refuses() throws {
        let pixels = ModelDescription(mode: .autoencoder, channels: 3, origin: "test")
        #expect(throws: TrainingError.self) {
            try FeatureEpisodeBuilder(
                TensorFile(entries: [], metadata: pixels.settings()), photographs: photographs,
                for: FeatureTrainingConfiguration(), threads: 1)
        }
        var settings = FeatureTrainingConfiguration()
        settings.bound = 0
        #expect(throws: TrainingError.self) { try settings.check() }
        (settings.bound, settings.variation) = (0.2, -1)
        #expect(throws: TrainingError.self) { try settings.check() }
    }
}
