import MetaformerGraph
import MetaformerModels

/// Times a step of meta-training: tasks of noise, which take as long as any.
package struct MetaStepBench {
    private let learner: MetaLearner
    private let optimizer: OuterOptimizer
    private let episodes: [Episode]

    package init(_ architecture: Metaformer.Configuration, tasks: Int, shots: Int, threads: Int, seed: UInt64) throws {
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

    /// Of each of so many steps, after one that is not timed.
    package func seconds(runs: Int) throws -> [Double] {
        let clock = ContinuousClock()
        return try (0...runs).map { _ in
            let start = clock.now
            for episode in episodes {
                try learner.addMetaGradient(
                    of: episode, weight: 1 / Float(episodes.count), at: optimizer.parameters, to: optimizer.gradient)
            }
            try optimizer.step(learningRate: 1e-4, maximumNorm: 1)
            return (clock.now - start) / .seconds(1)
        }.suffix(runs)
    }

    package var workingBytes: Int { learner.objective.workingBytes }
}
