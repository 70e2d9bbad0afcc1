import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels
import TestSupport
import Testing

@testable import MetaformerTraining

@Suite("Visual-effect GAN") struct PriorTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private static let losses = AdversarialLosses(
        prior: InstancePrior(InstancePrior.Configuration(width: 2, blocks: 1)),
        discriminator: Discriminator(Discriminator.Configuration(width: 2, layers: 2)), effect: .selectiveColour,
        penaltyWeight: 10, pairedWeight: 0)

    /// The critic's loss on a graph, with values for everything.
    private struct Critic {
        let graph = Graph()
        let scope: Scope
        let critic: AdversarialLosses.Critic
        let inputs: [String: [Double]]
        let variables: [String: [Double]]

        init(_ losses: AdversarialLosses) throws {
            scope = Scope(graph)
            let shape: Shape = [2, 3, 16, 16]
            critic = try losses.critic(
                real: graph.input("real", shape), fake: graph.input("fake", shape), mix: graph.input("mix", [2]),
                weights: graph.input("weight", [2]), in: scope)
            var generator = SplitMix64(seed: 11)
            let images = ["real", "fake"].map { ($0, (0..<shape.count).map { _ in generator.nextUnit() }) }
            inputs = Dictionary(uniqueKeysWithValues: images + [("mix", [0.3, 0.8]), ("weight", [0.5, 0.5])])
            variables = Dictionary(
                uniqueKeysWithValues: scope.parameters.map { parameter in
                    (
                        parameter.name,
                        parameter.initialValues(seed: 2).map { Double($0) * 2 + 0.05 * generator.nextUnit() }
                    )
                })
        }

        func gradients(of tensor: Tensor) throws -> [[Double]] {
            let parameters = try scope.parameters.map { try graph.variable($0.name, $0.shape) }
            return try graph.evaluate(
                gradient(of: tensor, withRespectTo: parameters), inputs: inputs, variables: variables)
        }
    }

    @Test("the penalty is that of the gradient's norm") func penalty() throws {
        let critic = try Critic(PriorTests.losses)
        func value(_ image: [Double]) throws -> [Double] {
            let graph = Graph()
            let output = try PriorTests.losses.discriminator(
                graph.input("image", [2, 3, 16, 16]), in: Scope(graph)["discriminator"])
            return try graph.evaluate([output], inputs: ["image": image], variables: critic.variables)[0]
        }
        // The norm along the gradient itself, by differences, is what the penalty has squared.
        let (real, fake) = try (#require(critic.inputs["real"]), #require(critic.inputs["fake"]))
        let between = real.indices.map { index in
            fake[index] + [0.3, 0.8][index / 768] * (real[index] - fake[index])
        }
        let graph = Graph()
        let image = try graph.input("image", [2, 3, 16, 16])
        let output = try PriorTests.losses.discriminator(image, in: Scope(graph)["discriminator"])
        let slopes = try graph.evaluate(
            gradient(of: output.sum(), withRespectTo: [image]), inputs: ["image": between],
            variables: critic.variables)[0]
        var expected = 0.0
        for sample in 0..<2 {
            let part = slopes[sample * 768..<(sample + 1) * 768]
            let norm = part.reduce(0) { $0 + $1 * $1 }.squareRoot()
            expected += 0.5 * (norm - 1) * (norm - 1)
            var moved = between
            for index in part.indices { moved[index] += 1e-6 * slopes[index] / norm }
            #expect(abs((try value(moved)[sample] - value(between)[sample]) / 1e-6 - norm) < 1e-4 * max(1, norm))
        }
        let actual = try critic.graph.evaluate(
            [critic.critic.penalty], inputs: critic.inputs, variables: critic.variables)[0][0]
        #expect(abs(actual - expected) < 1e-9 && actual > 1e-3)
    }

    @Test("the penalty's own gradient reaches every weight of the discriminator") func penaltyGradient() throws {
        let critic = try Critic(PriorTests.losses)
        let gradients = try critic.gradients(of: critic.critic.penalty)
        for (parameter, gradient) in zip(critic.scope.parameters, gradients) where parameter.name.hasSuffix("weight") {
            #expect(gradient.contains { abs($0) > 1e-9 }, "\(parameter.name)")
        }
        // And is right: along a direction, by differences.
        var generator = SplitMix64(seed: 8)
        let direction = gradients.map { $0.map { _ in 2 * generator.nextUnit() - 1 } }
        func penalty(_ step: Double) throws -> Double {
            var moved = critic.variables
            for (parameter, change) in zip(critic.scope.parameters, direction) {
                moved[parameter.name] = zip(moved[parameter.name] ?? [], change).map { $0 + step * $1 }
            }
            return try critic.graph.evaluate([critic.critic.penalty], inputs: critic.inputs, variables: moved)[0][0]
        }
        let numeric = try (penalty(1e-6) - penalty(-1e-6)) / 2e-6
        let exact = zip(gradients.joined(), direction.joined()).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(exact - numeric) < 1e-5 * max(1, abs(numeric)))
    }

    @Test("the engine's programs give the same gradients") func engine() throws {
        let critic = try Critic(PriorTests.losses)
        let programs = try AdversarialPrograms(PriorTests.losses, imageSize: 16, microBatch: 2)
        let runner = try Runner(program: programs.critic.data, threads: 2)
        for slot in runner.slots {
            let values = critic.inputs[slot.name] ?? critic.variables[slot.name]
            if let values { try runner.bind(slot.name, to: FloatBuffer(values.map(Float.init))) }
        }
        try runner.bindRemaining()
        try runner.run()
        let expected = try critic.gradients(of: critic.critic.loss)
        for (parameter, values) in zip(critic.scope.parameters, expected) {
            let actual = try #require(runner.buffer("gradient/\(parameter.name)")).values
            let scale = max(1e-2, values.map { abs($0) }.max() ?? 0)
            #expect(zip(actual, values).allSatisfy { abs(Double($0) - $1) < 1e-3 * scale }, "\(parameter.name)")
        }
    }

    @Test("the editor keeps what is marked", arguments: VisualEffect.allCases) func editor(_ effect: VisualEffect)
        throws
    {
        let composer = try EffectComposer(effect, size: 16)
        var generator = SplitMix64(seed: 1)
        let image = (0..<768).map { _ in Float(generator.nextUnit()) }
        let kept = try composer.composed(image, mask: Array(repeating: 1, count: 256))
        #expect(zip(kept, image).allSatisfy { abs($0 - $1) < 1e-6 })
        let treated = try composer.composed(image, mask: Array(repeating: 0, count: 256))
        switch effect {
        case .selectiveColour:
            let grey = 0.2989 * image[5] + 0.587 * image[261] + 0.114 * image[517]
            #expect([5, 261, 517].allSatisfy { abs(treated[$0] - grey) < 1e-5 })
        case .blackBackground: #expect(treated.allSatisfy { $0 == 0 })
        case .blurredBackground:
            let spread = { (values: [Float]) in (values.max() ?? 0) - (values.min() ?? 0) }
            #expect(spread(Array(treated.prefix(256))) < spread(Array(image.prefix(256))))
        }
    }

    @Test("the dominant hue is found") func hue() {
        // Three quarters red of different shades, the rest green, and one grey pixel.
        var planes = [Float](repeating: 0.1, count: 3 * 64)
        for index in 0..<64 {
            if index < 48 { planes[index] = 0.5 + Float(index) / 100 } else { planes[64 + index] = 0.9 }
        }
        for channel in 0..<3 { planes[channel * 64] = 0.5 }
        let mask = DominantHue().mask(of: planes)
        #expect(mask[0] == 0 && mask[1..<48].allSatisfy { $0 > 0.9 } && mask[48...].allSatisfy { $0 == 0 })
        #expect(DominantHue().mask(of: Array(repeating: 0.3, count: 12)) == [0, 0, 0, 0])
        #expect(
            abs(DominantHue.hue(0, 0, 1).hue - 2 / 3) < 1e-6 && abs(DominantHue.hue(1, 0, 0.5).hue - 11 / 12) < 1e-6)
    }

    @Test("what the border lacks stands out") func centreSurround() {
        // A blue square on green, a red one that leaves the image, and a grey stripe from edge to edge.
        let size = 32
        var planes = [Float](repeating: 0, count: 3 * size * size)
        for index in 0..<size * size {
            let (x, y) = (index % size, index / size)
            let isBlue = (10..<20).contains(x) && (12..<22).contains(y)
            let (isRed, isGrey) = (x >= 22 && y < 10, y == 26)
            for (channel, isOn) in [isRed || isGrey, !isBlue && !isRed, isBlue || isGrey].enumerated() where isOn {
                planes[channel * size * size + index] = isGrey ? 0.5 : 0.9
            }
        }
        let mask = CentreSurround().mask(of: planes, size: size)
        for (index, value) in mask.enumerated() {
            let (x, y) = (index % size, index / size)
            let isBlue = (10..<20).contains(x) && (12..<22).contains(y)
            #expect(y == 26 ? value < 0.5 : value == (isBlue ? 1 : 0), "\(value) at \(x), \(y)")
        }
        #expect(
            CentreSurround().mask(of: Array(repeating: 0.3, count: 3 * 16), size: 4) == Array(repeating: 0, count: 16))
    }

    private func domains() throws -> (inputs: [URL], pairs: [(image: URL, mask: URL)]) {
        // A coloured square on a coloured ground, and its mask.
        let pairs = try (0..<4).map { number in
            var (bytes, mask) = ([UInt8](), [UInt8]())
            for place in 0..<32 * 32 {
                let (x, y) = (place % 32, place / 32)
                let isInside = (8 + number..<24).contains(x) && (8..<22).contains(y)
                bytes += isInside ? [220, 60, 40] : [40, UInt8(120 + 10 * number), 180]
                mask.append(isInside ? 255 : 0)
            }
            let url = folder.url.appendingPathComponent("\(number).png")
            let maskURL = folder.url.appendingPathComponent("\(number)-mask.png")
            try Image(width: 32, height: 32, channels: 3, bytes: bytes).write(png: url)
            try Image(width: 32, height: 32, channels: 1, bytes: mask).write(png: maskURL)
            return (image: url, mask: maskURL)
        }
        return (pairs.map(\.image), pairs)
    }

    private func settings() -> PriorTrainingConfiguration {
        var settings = PriorTrainingConfiguration.compact
        settings.prior = InstancePrior.Configuration(width: 2, blocks: 1, workingSize: 16)
        settings.discriminator = Discriminator.Configuration(width: 4, layers: 2)
        (settings.imageSize, settings.batch, settings.criticSteps, settings.poolSize) = (16, 3, 2, 5)
        settings.seed = 7
        return settings
    }

    @Test("goes on from a checkpoint bit for bit, the pool of fakes included") func resumes() throws {
        let (inputs, pairs) = try domains()
        func training() throws -> PriorTraining {
            try PriorTraining(settings(), inputs: inputs, domain: .masks(pairs), threads: 2)
        }
        let whole = try training()
        var metrics: [String: Double] = [:]
        for step in 0..<5 { metrics = try whole.step(step) }
        #expect(metrics["critic.penalty"].map { $0 > 0 && $0.isFinite } == true)
        let first = try training()
        for step in 0..<2 { _ = try first.step(step) }
        let store = try CheckpointStore(folder: folder.url.appendingPathComponent("store"))
        try store.save(Checkpoint(step: 2, tensors: first.tensors, numbers: first.numbers))
        let second = try training()
        try second.restore(#require(try store.latest()))
        for step in 2..<5 { _ = try second.step(step) }
        #expect(second.tensors == whole.tensors && second.numbers == whole.numbers)
        #expect(whole.tensors.keys.filter { $0.hasPrefix("pool/") }.count == 5)
    }

    @Test("masks, known or found by a heuristic, lead the response to them") func paired() throws {
        let (inputs, pairs) = try domains()
        func error(_ domain: EffectDomain, pairedWeight: Float) throws -> Double {
            var settings = self.settings()
            (settings.pairedWeight, settings.rate.start) = (pairedWeight, 5e-3)
            let training = try PriorTraining(settings, inputs: inputs, domain: domain, threads: 2)
            for step in 0..<60 { _ = try training.step(step) }
            return 1 - (try PriorReport(training.prior, pairs: pairs).prior.fMeasure)
        }
        let led = try error(.masks(pairs), pairedWeight: 50)
        #expect(try led < 0.15 && led < error(.masks(pairs), pairedWeight: 0))
        #expect(try error(.byHeuristic(inputs, .centreSurround), pairedWeight: 50) < 0.15)
        // Of photos that carry the effect no mask is known: there is nothing to compare with.
        var settings = self.settings()
        settings.pairedWeight = 50
        let training = try PriorTraining(settings, inputs: inputs, domain: .photos(inputs), threads: 2)
        #expect(try training.step(0)["generator.loss"]?.isFinite == true)
    }

    @Test("every domain gives images that carry the effect") func effectDomains() throws {
        let (inputs, pairs) = try domains()
        let composer = try EffectComposer(.selectiveColour, size: 32)
        func colourless(_ planes: [Float], _ index: Int) -> Bool {
            abs(planes[index] - planes[1024 + index]) < 1e-4 && abs(planes[index] - planes[2048 + index]) < 1e-4
        }
        let masked = try EffectDomain.masks(pairs).image(0, size: 32, effect: composer)
        #expect(colourless(masked, 0) && !colourless(masked, 15 * 32 + 15))
        // The ground is larger than the square: its hue is the dominant one.
        let hue = try EffectDomain.byHeuristic(inputs, .dominantHue).image(0, size: 32, effect: composer)
        #expect(!colourless(hue, 0) && colourless(hue, 15 * 32 + 15))
        let middle = try EffectDomain.byHeuristic(inputs, .centreSurround).image(0, size: 32, effect: composer)
        #expect(colourless(middle, 0) && !colourless(middle, 15 * 32 + 15))
        let photo = try EffectDomain.photos(inputs).image(0, size: 32, effect: composer)
        #expect(abs(photo[0] - 40 / 255) < 1e-5)
    }

    @Test("agreement with masks is what it is by hand") func evaluate() throws {
        let evaluation = PriorEvaluation()
        // Twice the mean is 0.9: two pixels are marked, one of them rightly; two are wanted.
        let agreement = evaluation.agreement(of: [0.9, 0.9, 0, 0], with: [1, 0, 1, 0])
        #expect(abs(agreement.iou - 1 / 3) < 1e-12 && abs(agreement.fMeasure - 0.5) < 1e-12)
        #expect(evaluation.agreement(of: [1, 1, 1, 1], with: [1, 0, 0, 0]).iou == 0.25)
        #expect(evaluation.agreement(of: [0, 1, 0, 0], with: [1, 0, 0, 0]) == PriorEvaluation.Agreement())
        let (_, pairs) = try domains()
        let values = try FrozenPrior.specifications(settings().prior).map { ($0.name, $0.initialValues(seed: 1)) }
        let prior = FrozenPrior(
            configuration: settings().prior, parameters: Dictionary(uniqueKeysWithValues: values))
        let report = try PriorReport(prior, pairs: pairs)
        #expect(report.images == 4 && report.gaussian.iou > 0.3 && report.constant.iou > 0.1)
        #expect(report.prior.iou >= 0 && report.prior.iou <= 1)
    }
}
