import Foundation
import MetaformerModels
import MetaformerTraining

/// Times a step of meta-training: tasks of noise, which take as long as any.
struct MetaStepBench {
    private let learner: MetaLearner
    private let optimizer: OuterOptimizer
    private let episodes: [Episode]

    init(_ architecture: Metaformer.Configuration, tasks: Int, shots: Int, threads: Int, seed: UInt64) throws {
        let model = Metaformer(architecture)
        learner = try MetaLearner(
            Objective(model, microBatch: MetaTrainingConfiguration.standardMicroBatch, threads: threads))
        let parameters = ParameterVector(learner.objective.layout, seed: seed)
        optimizer = try OuterOptimizer(.adam(Adam()), of: parameters, threads: threads)
        let shape = model.imageShape(1)
        var generator = SplitMix64(seed: seed)
        func noise(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.nextUnit()) } }
        func sample() -> Sample {
            let image = noise(shape.count)
            return Sample(image: image, response: architecture.mode == .autoencoder ? [] : noise(shape[2] * shape[3]))
        }
        episodes = (0..<tasks).map { _ in
            Episode(support: (0..<shots).map { _ in sample() }, query: (0..<shots).map { _ in sample() })
        }
    }

    func measure(runs: Int) throws -> BenchCommand.Measurement {
        let clock = ContinuousClock()
        let times = try (0...runs).map { _ in
            let start = clock.now
            for episode in episodes {
                try learner.addMetaGradient(
                    of: episode, weight: 1 / Float(episodes.count), at: optimizer.parameters, to: optimizer.gradient)
            }
            try optimizer.step(learningRate: 1e-4, maximumNorm: 1)
            return (clock.now - start) / .milliseconds(1)
        }.dropFirst()
        let sorted = times.sorted()
        return BenchCommand.Measurement(
            name: "meta-step, \(episodes.count) tasks", milliseconds: sorted[sorted.count / 2],
            fastestMilliseconds: sorted[0], allMilliseconds: Array(times),
            arenaMegabytes: Double(learner.objective.workingBytes) / 1e6,
            scratchMegabytes: 0)
    }
}
