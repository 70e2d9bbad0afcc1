import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels

/// All settings of the training of an instance prior.
public struct PriorTrainingConfiguration: Hashable, Sendable, Codable {
    public var prior: InstancePrior.Configuration
    public var discriminator: Discriminator.Configuration
    public var effect = VisualEffect.selectiveColour
    /// Height and width of the images: the prior's working size, where it has one.
    public var imageSize: Int
    /// Images a step.
    public var batch: Int
    /// Steps of the discriminator to one of the generator.
    public var criticSteps = 5
    public var penaltyWeight: Float = 10
    /// How much the generator's loss weighs the mean squared error of the response where the domain knows its masks or
    /// finds by a heuristic them; 0 in the paper, whose domains are unpaired.
    public var pairedWeight: Float = 0
    /// Steps count as epochs here.
    public var rate: LearningRateSchedule
    /// Fakes of earlier steps that the discriminator still meets.
    public var poolSize = 50
    public var microBatch = 2
    public var seed: UInt64 = 0

    /// Small enough for inspection PCs. Where masks are known, they lead: on 200 held-out photos with masks, the F-measure was
    /// 0.53 after 400 steps; with a tenth of the weight, 0.22 after 900; that of a centred Gaussian is 0.47.
    public static let compact = {
        var configuration = PriorTrainingConfiguration(
            prior: .compact, discriminator: .compact, imageSize: 128, batch: 4,
            rate: LearningRateSchedule(start: 5e-4, decay: 0.9, interval: 1_000))
        configuration.criticSteps = 1
        configuration.pairedWeight = 100
        return configuration
    }()

    /// The paper's batch of 64, and 10 % less every 50 epochs of its 4,061 effect photos.
    public static let paper = PriorTrainingConfiguration(
        prior: .paper, discriminator: .paper, imageSize: 256, batch: 64,
        rate: LearningRateSchedule(start: 2e-4, decay: 0.9, interval: 3_172))
}

/// Training of the instance prior P as the generator of the visual-effect GAN, on unpaired domains.
public final class PriorTraining: SteppedTraining {
    public let configuration: PriorTrainingConfiguration
    private let inputs: [URL]
    private let domain: EffectDomain
    private let composer: EffectComposer
    private let isPaired: Bool
    private let generate: Runner
    private let critic: Runner
    private let generator: Runner
    private let priorOptimizer: OuterOptimizer
    private let discriminatorOptimizer: OuterOptimizer
    private var pool: [[Float]] = []

    public var isFinished: Bool { false }

    /// - Parameters:
    ///   - configuration: of networks and training.
    ///   - inputs: photos without the effect, domain A.
    ///   - domain: images that carry it, domain B.
    ///   - threads: worker threads, 0 for one a processor.
    public init(
        _ configuration: PriorTrainingConfiguration, inputs: [URL], domain: EffectDomain, threads: Int = 0
    ) throws {
        guard !inputs.isEmpty, domain.count > 0 else {
            throw TrainingError(
                "photos are needed on both sides: \(inputs.count) without and \(domain.count) with the effect")
        }
        guard configuration.batch >= 1, configuration.criticSteps >= 1, configuration.microBatch >= 1 else {
            throw TrainingError("batch, micro-batch and discriminator steps must be at least 1")
        }
        self.configuration = configuration
        self.inputs = inputs
        self.domain = domain
        composer = try EffectComposer(configuration.effect, size: configuration.imageSize)
        let losses = AdversarialLosses(
            prior: InstancePrior(configuration.prior), discriminator: Discriminator(configuration.discriminator),
            effect: configuration.effect, penaltyWeight: configuration.penaltyWeight,
            pairedWeight: domain.hasMasks ? configuration.pairedWeight : 0)
        isPaired = losses.pairedWeight > 0
        let programs = try AdversarialPrograms(
            losses, imageSize: configuration.imageSize, microBatch: configuration.microBatch)
        generate = try Runner(program: programs.generate.data, threads: threads)
        critic = try Runner(program: programs.critic.data, threads: threads)
        generator = try Runner(program: programs.generator.data, threads: threads)
        var adam = Adam()
        (adam.beta1, adam.beta2) = (0, 0.9)
        func optimizer(_ parameters: [ParameterSpecification]) throws -> OuterOptimizer {
            let vector = ParameterVector(ParameterLayout(parameters), seed: configuration.seed)
            return try OuterOptimizer(.adam(adam), of: vector, threads: threads)
        }
        priorOptimizer = try optimizer(programs.priorParameters)
        discriminatorOptimizer = try optimizer(programs.discriminatorParameters)
        try bind(generate, [priorOptimizer.parameters])
        try bind(critic, [discriminatorOptimizer.parameters], gradient: discriminatorOptimizer.gradient)
        try bind(
            generator, [priorOptimizer.parameters, discriminatorOptimizer.parameters], gradient: priorOptimizer.gradient
        )
    }

    private func bind(_ runner: Runner, _ vectors: [ParameterVector], gradient: ParameterVector? = nil) throws {
        for vector in vectors {
            for (parameter, part) in zip(vector.layout.parameters, vector.parts)
            where runner.slot(named: parameter.name) != nil {
                try runner.bind(parameter.name, to: part)
            }
        }
        if let gradient {
            for (parameter, part) in zip(gradient.layout.parameters, gradient.parts) {
                try runner.bind("gradient/\(parameter.name)", to: part)
            }
        }
        try runner.bindRemaining()
    }

    // MARK: Steps

    public func step(_ number: Int) throws -> [String: Double] {
        var generator = RandomGenerator(seed: configuration.seed, stream: UInt64(number))
        let rate = configuration.rate.rate(epoch: number)
        var (distance, penalty, slope) = (0.0, 0.0, 0.0)
        for _ in 0..<configuration.criticSteps {
            let measured = try stepCritic(rate, &generator)
            distance += measured.distance / Double(configuration.criticSteps)
            penalty += measured.penalty / Double(configuration.criticSteps)
            slope += measured.norm / Double(configuration.criticSteps)
        }
        let made = try stepGenerator(rate, &generator)
        return [
            "critic.distance": distance, "critic.penalty": penalty, "critic.gradient": slope,
            "generator.loss": made.loss, "generator.gradient": made.norm, "response.mean": made.mean,
            "rate": Double(rate),
        ]
    }

    private func stepCritic(
        _ rate: Float, _ generator: inout RandomGenerator
    ) throws -> (distance: Double, penalty: Double, norm: Double) {
        let batch = configuration.batch
        let real = try (0..<batch).map { _ in
            let index = Int.random(in: 0..<domain.count, using: &generator)
            return flipped(
                try domain.image(index, size: configuration.imageSize, effect: composer), generator.uniform() < 0.5)
        }
        let fakes = try fakes(of: try photos(&generator)).map { pooled($0, &generator) }
        let mixes = (0..<batch).map { _ in generator.uniform() }
        var (distance, penalty) = (0.0, 0.0)
        try forEachMicroBatch(batch, critic) { place, index in
            fill(critic, "real", place, real[index])
            fill(critic, "fake", place, fakes[index])
            critic.buffer("mix")?[place] = mixes[index]
        } run: {
            try critic.run()
            distance += Double(critic.buffer("distance")?[0] ?? .nan)
            penalty += Double(critic.buffer("penalty")?[0] ?? .nan)
        }
        try requireFinite(distance + penalty)
        return (distance, penalty, try discriminatorOptimizer.step(learningRate: rate))
    }

    private func stepGenerator(
        _ rate: Float, _ random: inout RandomGenerator
    ) throws -> (loss: Double, mean: Double, norm: Double) {
        let (photos, masks) = isPaired ? try pairs(&random) : (try photos(&random), [])
        var (loss, mean) = (0.0, 0.0)
        var runs = 0
        try forEachMicroBatch(photos.count, generator) { place, index in
            fill(generator, "image", place, photos[index])
            if isPaired { fill(generator, "mask", place, masks[index]) }
        } run: {
            try generator.run()
            loss += Double(generator.buffer("loss")?[0] ?? .nan)
            mean += Double(generator.buffer("mean")?[0] ?? .nan)
            runs += 1
        }
        try requireFinite(loss)
        return (loss, mean / Double(max(runs, 1)), try priorOptimizer.step(learningRate: rate))
    }

    private func requireFinite(_ value: Double) throws {
        guard value.isFinite else {
            throw TrainingError("the loss is not a number any more: go on from the last checkpoint with a lower rate")
        }
    }

    /// Places beyond the last image have a weight of 0, and show the first of their micro-batch.
    private func forEachMicroBatch(
        _ count: Int, _ runner: Runner, fill: (Int, Int) -> Void, run: () throws -> Void
    ) throws {
        for first in stride(from: 0, to: count, by: configuration.microBatch) {
            for place in 0..<configuration.microBatch {
                let isUsed = first + place < count
                runner.buffer("weight")?[place] = isUsed ? 1 / Float(count) : 0
                fill(place, isUsed ? first + place : first)
            }
            try run()
        }
    }

    private func fill(_ runner: Runner, _ name: String, _ place: Int, _ values: [Float]) {
        guard let buffer = runner.buffer(name) else { return }
        FloatBuffer(buffer, place * values.count..<(place + 1) * values.count).assign(values)
    }

    // MARK: Images

    private func photos(_ generator: inout RandomGenerator) throws -> [[Float]] {
        try (0..<configuration.batch).map { _ in
            let index = Int.random(in: 0..<inputs.count, using: &generator)
            let planes = try ImageReader().planes(inputs[index], channels: 3, size: configuration.imageSize)
            return flipped(planes, generator.uniform() < 0.5)
        }
    }

    private func pairs(_ generator: inout RandomGenerator) throws -> (photos: [[Float]], masks: [[Float]]) {
        var (photos, masks): ([[Float]], [[Float]]) = ([], [])
        for _ in 0..<configuration.batch {
            let index = Int.random(in: 0..<domain.count, using: &generator)
            let (photo, mask) = try domain.masked(index, size: configuration.imageSize)
            let flips = generator.uniform() < 0.5
            photos.append(flipped(photo, flips))
            masks.append(flipped(mask, flips))
        }
        return (photos, masks)
    }

    private func flipped(_ planes: [Float], _ flips: Bool) -> [Float] {
        let size = configuration.imageSize
        return flips ? planes.indices.map { planes[$0 / size * size + size - 1 - $0 % size] } : planes
    }

    private func fakes(of photos: [[Float]]) throws -> [[Float]] {
        var fakes: [[Float]] = []
        try forEachMicroBatch(photos.count, generate) { place, index in
            fill(generate, "image", place, photos[index])
        } run: {
            try generate.run()
            let values = generate.buffer("fake")?.values ?? []
            let count = values.count / configuration.microBatch
            for place in 0..<min(configuration.microBatch, photos.count - fakes.count) {
                fakes.append(Array(values[place * count..<(place + 1) * count]))
            }
        }
        return fakes
    }

    /// The fake itself, or, every second time once the pool is full, an earlier one whose place it takes (Shrivastava et
    /// al., 2017).
    private func pooled(_ fake: [Float], _ generator: inout RandomGenerator) -> [Float] {
        guard configuration.poolSize > 0 else { return fake }
        if pool.count < configuration.poolSize {
            pool.append(fake)
            return fake
        }
        guard generator.uniform() < 0.5 else { return fake }
        let index = Int.random(in: pool.indices, using: &generator)
        defer { pool[index] = fake }
        return pool[index]
    }

    // MARK: State

    public var tensors: [String: [Float]] {
        var tensors: [String: [Float]] = [:]
        for (name, values) in priorOptimizer.tensors { tensors["generator/\(name)"] = values }
        for (name, values) in discriminatorOptimizer.tensors { tensors["critic/\(name)"] = values }
        for (index, image) in pool.enumerated() { tensors["pool/\(index)"] = image }
        return tensors
    }

    public var numbers: [String: Double] { ["pool": Double(pool.count)] }

    public func restore(_ checkpoint: Checkpoint) throws {
        try priorOptimizer.restore(checkpoint.tensors(under: "generator/"))
        try discriminatorOptimizer.restore(checkpoint.tensors(under: "critic/"))
        pool = try (0..<Int(checkpoint.numbers["pool"] ?? 0)).map { index in
            guard let image = checkpoint.tensors["pool/\(index)"] else {
                throw TrainingError("the checkpoint lacks image \(index) of the pool")
            }
            return image
        }
    }

    /// The prior as it is now.
    public var prior: FrozenPrior {
        FrozenPrior(configuration: configuration.prior, parameters: priorOptimizer.parameters.values)
    }
}
