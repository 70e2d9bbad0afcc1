import Foundation
import MetaformerGraph
import MetaformerModels
import Testing

@testable import MetaformerTraining

@Suite("Meta-gradients") struct MetaLearnerTests {
    /// The tasks of scripts/reference/maml.py.
    struct Reference {
        let file: TensorFile
        let parameters: ParameterVector
        let episode: Episode

        init(_ layout: ParameterLayout) throws {
            let file = try Golden.file("maml/metaformer.safetensors")
            self.file = file
            parameters = ParameterVector(layout)
            try parameters.assign(
                Dictionary(
                    uniqueKeysWithValues: layout.parameters.map { ($0.name, file.floats("parameter/\($0.name)") ?? []) }
                ))
            let fields = try ["image", "response", "target"].map { try #require(file.floats("sample/\($0)")) }
            let samples = (0..<5).map { index in
                let parts = fields.map { Array($0[index * 256..<(index + 1) * 256]) }
                return Sample(image: parts[0], response: parts[1], target: parts[2])
            }
            episode = Episode(support: Array(samples[..<3]), query: Array(samples[3...]))
        }

        func logRates(_ steps: Int, _ learner: MetaLearner) throws -> ParameterVector {
            let vector = ParameterVector(learner.rateLayout)
            // PyTorch's dictionary and the layout have orders of their own.
            vector.elements.assign(reordered(try #require(file.floats("\(steps)/log_rate")), learner))
            return vector
        }

        /// Rows of one value a parameter, from the file's order of parameters to the layout's.
        func reordered(_ values: [Float], _ learner: MetaLearner) -> [Float] {
            let names = file.metadata["parameters"]?.split(separator: " ").map(String.init) ?? []
            return stride(from: 0, to: values.count, by: names.count).flatMap { row in
                learner.objective.layout.parameters.map { parameter in
                    names.firstIndex(of: parameter.name).map { values[row + $0] } ?? .nan
                }
            }
        }
    }

    private func learner(_ steps: Int, microBatch: Int = 2, threads: Int = 2) throws -> MetaLearner {
        var inner = InnerLoop()
        inner.steps = steps
        inner.rate = 0.05
        return try MetaLearner(Objective(.tiny(.full), microBatch: microBatch, threads: threads), inner: inner)
    }

    private func distance(_ actual: [Float], _ expected: [Float]) -> Double {
        guard actual.count == expected.count else { return .infinity }
        let square = { (values: [Float]) in values.reduce(0.0) { $0 + Double($1) * Double($1) } }
        return (square(zip(actual, expected).map { $0 - $1 }) / square(expected)).squareRoot()
    }

    @Test("equal PyTorch's through create_graph", arguments: [1, 3], [LearningMode.maml, .fomaml])
    func golden(steps: Int, mode: LearningMode) throws {
        let learner = try learner(steps)
        let layout = learner.objective.layout
        let reference = try Reference(layout)
        let (sum, rateSum) = (ParameterVector(layout), ParameterVector(learner.rateLayout))
        let logRates = try reference.logRates(steps, learner)
        let losses = try learner.addMetaGradient(
            of: reference.episode, mode: mode, at: reference.parameters, logRates: logRates, to: sum, rateSum: rateSum)
        let key = "\(steps)/\(mode.rawValue)"
        let loss = try #require(reference.file.floats("\(key)/loss")).first ?? .nan
        #expect(abs(losses.query - Double(loss)) < 1e-6)
        let expected = try layout.parameters.flatMap { try #require(reference.file.floats("\(key)/\($0.name)")) }
        #expect(distance(sum.elements.values, expected) < 1e-4)
        for (parameter, part) in zip(layout.parameters, sum.parts) {
            let values = try #require(reference.file.floats("\(key)/\(parameter.name)"))
            let largest = zip(part.values, values).map { abs($0 - $1) }.max() ?? 0
            #expect(largest < 1e-4 * max(1e-2, values.map(abs).max() ?? 0), "\(parameter.name)")
        }
        let rates = reference.reordered(try #require(reference.file.floats("\(key)/log_rate")), learner)
        #expect(distance(rateSum.elements.values, rates) < 1e-4)
        // The test could not tell the two apart otherwise.
        let other = mode == .maml ? "fomaml" : "maml"
        let others = try layout.parameters.flatMap {
            try #require(reference.file.floats("\(steps)/\(other)/\($0.name)"))
        }
        #expect(distance(sum.elements.values, others) > 1e-2)
    }

    @Test("are the same bits for any number of threads, and nearly the same for any micro-batch")
    func threads() throws {
        func gradient(_ microBatch: Int, _ threads: Int) throws -> [Float] {
            let learner = try learner(2, microBatch: microBatch, threads: threads)
            let reference = try Reference(learner.objective.layout)
            let sum = ParameterVector(learner.objective.layout)
            try learner.addMetaGradient(of: reference.episode, at: reference.parameters, to: sum)
            return sum.elements.values
        }
        let one = try gradient(2, 1)
        #expect(try gradient(2, 2) == one)
        #expect(try gradient(2, 5) == one)
        #expect(try distance(gradient(1, 1), one) < 1e-5)
        #expect(try distance(gradient(3, 2), one) < 1e-5)
    }

    @Test("accumulate over episodes with their weights, in any mode", arguments: LearningMode.allCases)
    func accumulation(_ mode: LearningMode) throws {
        let learner = try learner(1)
        let layout = learner.objective.layout
        let reference = try Reference(layout)
        let swapped = Episode(support: reference.episode.query, query: reference.episode.support)
        let (a, b, sum) = (ParameterVector(layout), ParameterVector(layout), ParameterVector(layout))
        try learner.addMetaGradient(of: reference.episode, weight: 0.25, mode: mode, at: reference.parameters, to: a)
        try learner.addMetaGradient(of: swapped, weight: 0.5, mode: mode, at: reference.parameters, to: b)
        try learner.addMetaGradient(of: reference.episode, weight: 0.25, mode: mode, at: reference.parameters, to: sum)
        try learner.addMetaGradient(of: swapped, weight: 0.5, mode: mode, at: reference.parameters, to: sum)
        a.add(1, b)
        #expect(sum.elements.values == a.elements.values)
        #expect(sum.norm > 0)
    }

    @Test("memory does not grow with samples") func memory() throws {
        let learner = try learner(1)
        let before = learner.objective.workingBytes
        let reference = try Reference(learner.objective.layout)
        let many = (0..<9).flatMap { _ in reference.episode.support }
        let sum = ParameterVector(learner.objective.layout)
        try learner.addMetaGradient(
            of: Episode(support: many, query: many), at: reference.parameters, to: sum)
        #expect(learner.objective.workingBytes == before)
    }

    @Test("an inner step lowers the query's loss of a task whose images are alike") func adaptation() throws {
        let learner = try learner(3)
        let reference = try Reference(learner.objective.layout)
        let images = Array(repeating: reference.episode.support[0], count: 2)
        let losses = try learner.losses(of: Episode(support: images, query: images), at: reference.parameters)
        #expect(losses.after < losses.before)
    }

    @Test("mistakes are named") func mistakes() throws {
        let learner = try learner(1)
        let reference = try Reference(learner.objective.layout)
        let sum = ParameterVector(learner.objective.layout)
        let empty = try #require(throws: TrainingError.self) {
            try learner.addMetaGradient(
                of: Episode(support: [], query: reference.episode.query), at: reference.parameters, to: sum)
        }
        #expect(empty.description.contains("at least one image"))
        var broken = reference.episode
        broken.query[0].image[7] = .nan
        let notANumber = try #require(throws: TrainingError.self) {
            try learner.addMetaGradient(of: broken, at: reference.parameters, to: sum)
        }
        #expect(notANumber.description.contains("not a number"))
        broken.query[0].image.removeLast()
        let size = try #require(throws: TrainingError.self) {
            try learner.addMetaGradient(of: broken, at: reference.parameters, to: sum)
        }
        #expect(size.description == "a sample has 255 values where the model takes 256")
        let missing = try #require(throws: TrainingError.self) { try sum.assign([:]) }
        #expect(
            missing.description.hasPrefix("parameter \"autoencoder.encoder.0.weight\" must have the shape [4, 1, 4, 4]")
        )
    }
}

@Suite("Outer optimiser") struct OuterOptimizerTests {
    private func vector(_ values: [Float]) -> ParameterVector {
        let layout = ParameterLayout([
            ParameterSpecification(name: "a", shape: [2], initializer: .zeros),
            ParameterSpecification(name: "b", shape: [1, 1], initializer: .zeros),
        ])
        let vector = ParameterVector(layout)
        vector.elements.assign(values)
        return vector
    }

    @Test("Adam's steps are those of the paper") func adam() throws {
        let optimizer = try OuterOptimizer(.adam(Adam()), of: vector([1, 2, 3]))
        var (mean, square, expected) = (0.0, 0.0, 1.0)
        for step in 1...4 {
            let gradient = 0.5 * Double(step)
            optimizer.gradient.elements.assign([Float(gradient), 0, 0])
            #expect(abs(try optimizer.step(learningRate: 0.1) - gradient) < 1e-6)
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient * gradient
            let corrected = (mean / (1 - pow(0.9, Double(step))), square / (1 - pow(0.999, Double(step))))
            expected -= 0.1 * corrected.0 / (corrected.1.squareRoot() + 1e-8)
            #expect(abs(Double(optimizer.parameters.elements[0]) - expected) < 1e-5)
        }
        #expect(optimizer.parameters.elements.values.dropFirst() == [2, 3])
        #expect(optimizer.gradient.elements.values == [0, 0, 0])
    }

    @Test("clipping keeps the direction") func clipping() throws {
        let optimizer = try OuterOptimizer(.gradientDescent, of: vector([0, 0, 0]))
        optimizer.gradient.elements.assign([3, 0, 4])
        #expect(try optimizer.step(learningRate: 1, maximumNorm: 1) == 5)
        let values = optimizer.parameters.elements.values
        #expect(zip(values, [-0.6, 0, -0.8]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test("a gradient that is not finite changes nothing, and is named") func notFinite() throws {
        let optimizer = try OuterOptimizer(.adam(Adam()), of: vector([1, 2, 3]))
        optimizer.gradient.elements.assign([0, 0, .infinity])
        let error = try #require(throws: TrainingError.self) { try optimizer.step(learningRate: 1) }
        #expect(error.description.contains("gradient of b is not finite"))
        #expect(optimizer.parameters.elements.values == [1, 2, 3])
    }

    @Test("goes on from its tensors as if never interrupted") func restore() throws {
        let optimizer = try OuterOptimizer(.adam(Adam()), of: vector([1, 2, 3]))
        func step(_ optimizer: OuterOptimizer, _ value: Float) throws {
            optimizer.gradient.elements.assign([value, -value, 2 * value])
            try optimizer.step(learningRate: 0.01)
        }
        try step(optimizer, 0.3)
        let copy = try OuterOptimizer(.adam(Adam()), of: vector([0, 0, 0]))
        try copy.restore(optimizer.tensors)
        for value: Float in [0.1, -2, 0.7] { for each in [optimizer, copy] { try step(each, value) } }
        #expect(copy.tensors == optimizer.tensors)
        var broken = optimizer.tensors
        broken["adam.mean/a"] = nil
        #expect(throws: TrainingError.self) { try copy.restore(broken) }
    }

    @Test("the rate falls by a tenth every interval") func schedule() {
        let schedule = LearningRateSchedule(start: 1e-4, interval: 20)
        #expect(schedule.rate(epoch: 0) == 1e-4 && schedule.rate(epoch: 19) == 1e-4)
        #expect(abs(schedule.rate(epoch: 40) - 0.81e-4) < 1e-9)
        #expect(LearningRateSchedule(start: 2, interval: 0).rate(epoch: 99) == 2)
    }
}
