import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerInspection
import MetaformerModels
import TestSupport
import Testing

@testable import MetaformerTraining

@Suite("Meta-training") struct MetaTrainingTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// Groups of grey images of stripes: each group has a period of its own, each image a phase.
    private func tasks(groups: Int = 4, each: Int = 5) throws -> TaskSet {
        let result = try (0..<groups).map { group in
            let names = try (0..<each).map { index in
                let name = "\(group)-\(index).png"
                let bytes = (0..<32 * 32).map { place -> UInt8 in
                    let phase = Double(place % 32 + index) / Double(2 + group) * .pi
                    return UInt8(128 + 100 * sin(phase))
                }
                try Image(width: 32, height: 32, channels: 1, bytes: bytes).write(
                    png: folder.url.appendingPathComponent(name))
                return name
            }
            return TaskSet.Group(centre: names[0], images: names, similarities: names.map { _ in 1 })
        }
        return TaskSet(directory: folder.url.path, network: .resNet18, seed: 0, groups: result)
    }

    private var prior: FrozenPrior {
        get throws {
            let configuration = InstancePrior.Configuration(channels: 1, width: 2, blocks: 1)
            let values = try FrozenPrior.specifications(configuration).map { ($0.name, $0.initialValues(seed: 5)) }
            return FrozenPrior(configuration: configuration, parameters: Dictionary(uniqueKeysWithValues: values))
        }
    }

    private func settings(_ mode: LearningMode = .maml, _ model: Metaformer.Mode = .full) -> MetaTrainingConfiguration {
        var configuration = MetaTrainingConfiguration(architecture: Metaformer.tiny(model).configuration)
        configuration.mode = mode
        configuration.epochs = 3
        configuration.firstOrderEpochs = 1
        configuration.tasksPerStep = 2
        (configuration.supportSize, configuration.querySize) = (2, 2)
        configuration.outerRate.start = 0.01
        configuration.inner.rate = 0.02
        configuration.seed = 3
        return configuration
    }

    private func training(_ settings: MetaTrainingConfiguration, threads: Int = 2) throws -> MetaTraining {
        try MetaTraining(
            settings, tasks: tasks(), prior: settings.architecture.mode == .autoencoder ? nil : prior,
            cache: folder.url.appendingPathComponent("cache"), threads: threads)
    }

    @Test("lowers the loss of its tasks", arguments: LearningMode.allCases)
    func learns(mode: LearningMode) throws {
        var settings = settings(mode, .autoencoder)
        settings.epochs = 30
        settings.validationShare = 0
        let training = try training(settings)
        let losses = try (0..<training.steps).map { try #require(try training.step($0)["loss.query"]) }
        let (first, last) = (losses.prefix(4).reduce(0, +) / 4, losses.suffix(4).reduce(0, +) / 4)
        #expect(last < 0.9 * first, "\(losses)")
    }

    @Test("measures losses, the gradient, and the gate") func metrics() throws {
        let training = try training(settings())
        #expect(training.stepsPerEpoch == 2 && training.steps == 6)
        let first = try training.step(0)
        #expect(Set(first.keys) == ["loss.query", "loss.support", "gradient.norm", "rate"])
        let second = try training.step(1)
        #expect(second["gate.mean"].map { abs($0 - 1) < 0.5 } == true)
        #expect((second["gate.spread"] ?? 0) > 0)
        #expect(second["validation.before"] != nil && second["validation.best"] == second["validation.after"])
    }

    @Test("is the same for any number of threads, and differs by seed") func reproducible() throws {
        func run(_ seed: UInt64, threads: Int) throws -> [String: [Float]] {
            var settings = settings()
            settings.seed = seed
            (settings.oneImageShare, settings.repairShare) = (0.5, 0.5)
            let training = try training(settings, threads: threads)
            for step in 0..<3 { _ = try training.step(step) }
            return training.tensors
        }
        let one = try run(1, threads: 1)
        #expect(try run(1, threads: 3) == one)
        #expect(try run(2, threads: 1) != one)
    }

    @Test("goes on from a checkpoint bit for bit, learned rates and first-order start included")
    func resumes() throws {
        var settings = settings()
        settings.inner.learnsRates = true
        settings.inner.steps = 2
        let whole = try training(settings)
        for step in 0..<6 { _ = try whole.step(step) }
        let first = try training(settings)
        for step in 0..<3 { _ = try first.step(step) }
        let store = try CheckpointStore(folder: folder.url.appendingPathComponent("store"))
        try store.save(Checkpoint(step: 3, tensors: first.tensors, numbers: first.numbers))
        let second = try training(settings)
        try second.restore(#require(try store.latest()))
        for step in 3..<6 { _ = try second.step(step) }
        #expect(second.tensors == whole.tensors && second.numbers == whole.numbers)
        #expect(whole.tensors["rates/inner.log_rate"]?.contains { $0 != 0 } == true)
    }

    @Test("stops when validation does not get better") func earlyStop() throws {
        var settings = settings(.joint, .autoencoder)
        settings.outerRate.start = 1e-9
        settings.patience = 2
        settings.epochs = 50
        let training = try training(settings)
        let run = try TrainingRun(
            folder: folder.url.appendingPathComponent("run"), configuration: "{}", resumes: false)
        var steps = 0
        try run.run(training, steps: training.steps, interval: 10) { step, _ in
            steps = step + 1
            return true
        }
        #expect(training.isFinished && steps < 100)
    }

    @Test("makes a model file that adapts and inspects") func model() throws {
        // The engine takes images from 32 pixels.
        var settings = settings()
        settings.architecture.autoencoder.imageSize = 32
        settings.architecture.transformer.imageSize = 32
        let training = try training(settings)
        for step in 0..<2 { _ = try training.step(step) }
        let path = folder.url.appendingPathComponent("model.safetensors").path
        try training.modelFile(origin: "test").write(path: path)
        let model = try Model(path: path)
        let frames = try (0..<3).map { try ImageReader().frame(folder.url.appendingPathComponent("0-\($0).png")) }
        var options = Model.AdaptationOptions()
        options.epochs = 1
        let adapted = try model.adapted(to: frames, options: options)
        #expect(try Inspector(adapted).inspect(frames[0]).score.isFinite)
        // The parameters are those of the best validation.
        let best = try #require(training.tensors["best/transformer.head.bias"])
        #expect(try TensorFile(path: path).floats("transformer.head.bias") == best)
    }

    @Test("goes on from a model of joint training") func initial() throws {
        let path = folder.url.appendingPathComponent("joint.safetensors").path
        let joint = try training(settings(.joint))
        for step in 0..<joint.stepsPerEpoch { _ = try joint.step(step) }
        try joint.modelFile(origin: "test").write(path: path)
        func begun(_ settings: MetaTrainingConfiguration) throws -> MetaTraining {
            try MetaTraining(
                settings, tasks: tasks(), prior: prior, cache: folder.url.appendingPathComponent("cache"), initial: path
            )
        }
        let file = try TensorFile(path: path)
        let whole = try begun(settings()).tensors
        let names = file.entries.map(\.name).filter { $0.hasPrefix("autoencoder.") || $0.hasPrefix("transformer.") }
        #expect(names.count > 20 && names.allSatisfy { whole[$0] == file.floats($0) })
        // One without a transformer gives its autoencoder; the transformer is as it is without.
        let alone = try training(settings(.joint, .autoencoder))
        for step in 0..<alone.stepsPerEpoch { _ = try alone.step(step) }
        try alone.modelFile(origin: "test").write(path: path)
        let (part, fresh) = (try begun(settings()).tensors, try training(settings()).tensors)
        let trained = try TensorFile(path: path)
        #expect(
            names.allSatisfy { name in
                let isNew = name.hasPrefix("transformer.")
                return part[name] == (isNew ? fresh[name] : trained.floats(name))
            })
        // A model of other parts is none to go on from.
        var other = settings()
        other.architecture.autoencoder.latentSize += 1
        let error = #expect(throws: TrainingError.self) { try begun(other) }
        #expect(error?.description.contains("joint.safetensors: has no \"") == true)
    }

    @Test("response maps are computed once") func cache() throws {
        let tasks = try tasks()
        let cache = folder.url.appendingPathComponent("maps")
        let loader = try SampleLoader(size: 16, channels: 1, prior: prior, cache: cache)
        let name = "0-0.png"
        let first = try loader.sample(tasks.url(of: name), named: name)
        #expect(first.response.count == 256 && first.response.allSatisfy { (0...1).contains($0) })
        #expect(try loader.sample(tasks.url(of: name), named: name) == first)
        let exact = try ResponseRunner(prior, imageSize: 16).response(to: first.image)
        #expect(zip(exact, first.response).allSatisfy { abs($0 - $1) < 1e-4 })
        let black = Image(width: 16, height: 16, channels: 1, samples: Array(repeating: 0, count: 256))
        try black.write(png: cache.appendingPathComponent("0-0.png.png"))
        #expect(try loader.sample(tasks.url(of: name), named: name).response.allSatisfy { $0 == 0 })
    }

    @Test("support and query are disjoint, and the same only where asked for") func episodes() throws {
        let tasks = try tasks()
        let loader = try SampleLoader(size: 16, channels: 1, prior: nil, cache: folder.url)
        for shares in [false, true] {
            var settings = settings(.maml, .autoencoder)
            settings.sharesSupport = shares
            let sampler = EpisodeSampler(configuration: settings, tasks: tasks, loader: loader)
            for seed in 0..<8 {
                var generator = RandomGenerator(seed: UInt64(seed))
                let episode = try sampler.episode(1, &generator)
                #expect(episode.support.count == 2 && episode.query.count == 2)
                #expect(episode.query.contains { episode.support.contains($0) } == shares)
            }
        }
    }

    @Test("a query to repair is compared with the image without its patch") func repair() throws {
        var settings = settings()
        settings.repairShare = 1
        let loader = try SampleLoader(
            size: 16, channels: 1, prior: prior, cache: folder.url.appendingPathComponent("c"))
        let sampler = EpisodeSampler(configuration: settings, tasks: try tasks(), loader: loader)
        var repaired = 0
        for seed in 0..<6 {
            var generator = RandomGenerator(seed: UInt64(seed))
            let episode = try sampler.episode(0, &generator)
            #expect(episode.support.allSatisfy { $0.target == nil })
            for sample in episode.query {
                guard let target = sample.target else { continue }
                let changed = zip(sample.image, target).count { $0 != $1 }
                #expect(changed < 200)
                if changed > 0 { repaired += 1 }
            }
        }
        #expect(repaired >= 6)
    }

    @Test("a crop of the whole is the image, a flipped one its mirror") func crops() {
        let image = (0..<2 * 16).map(Float.init)
        let whole = Crop(left: 0, top: 0, side: 4, flips: false).applied(to: image, size: 4)
        #expect(whole == image)
        let mirrored = Crop(left: 0, top: 0, side: 4, flips: true).applied(to: image, size: 4)
        #expect(mirrored.prefix(4) == [3, 2, 1, 0])
        let half = Crop(left: 0, top: 0, side: 2, flips: false).applied(to: image, size: 4)
        #expect(half[0] == 0 && half[3] == 1.25)
    }

    @Test("mistakes are named") func mistakes() throws {
        let missing = try #require(throws: TrainingError.self) {
            try MetaTraining(settings(), tasks: tasks(), prior: nil, cache: folder.url)
        }
        #expect(missing.description == "A+P+T needs a trained prior; name its file")
        var colours = settings()
        colours.architecture = Metaformer.Configuration(mode: .prior, imageSize: 32, channels: 3)
        #expect(throws: TrainingError.self) {
            try MetaTraining(colours, tasks: tasks(), prior: prior, cache: folder.url)
        }
        let path = folder.url.appendingPathComponent("prior.safetensors").path
        let written = try prior
        try written.file().write(path: path)
        #expect(try FrozenPrior(path: path).parameters == written.parameters)
        try TensorFile(entries: [], metadata: ["a": "b"]).write(path: path)
        let none = try #require(throws: ModelError.self) { try FrozenPrior(path: path) }
        #expect(none.description.contains("holds no prior"))
    }
}
