import Foundation
import MetaformerGraph
import Testing

@testable import MetaformerModels

@Suite("Parameters")
struct ParameterTests {
    private func count(_ mode: Metaformer.Mode, channels: Int) throws -> Int {
        let configuration = Metaformer.Configuration(mode: mode, channels: channels)
        #expect(configuration.prior.channels == channels)
        return try Metaformer(configuration).trainableParameters().parameterCount
    }

    @Test("A at d = 500 has 2.72 million parameters") func autoencoderCount() throws {
        #expect(try count(.autoencoder, channels: 3) == 2_722_231)
        #expect(try count(.prior, channels: 3) == 2_722_231)
    }

    @Test("A + T has 8.6 million parameters in grey, 8.7 in colour") func fullCount() throws {
        #expect(try (count(.full, channels: 1) + 50_000) / 100_000 == 86)
        #expect(try (count(.full, channels: 3) + 50_000) / 100_000 == 87)
    }

    @Test("the transformer has PyTorch's count") func transformerCount() throws {
        // nn.Transformer(256, 8, 3, 3, 1024) has 5 530 624; then two embeddings, two tables of positions, and the head.
        let total = try count(.full, channels: 3) - count(.autoencoder, channels: 3)
        #expect(total == 5_530_624 + 256 * 257 + 256 * 769 + 2 * 256 * 256 + 256 * 257)
    }

    @Test("names tell the place in the model") func names() throws {
        let names = try Metaformer().trainableParameters().map(\.name)
        #expect(Set(names).count == names.count)
        for name in [
            "autoencoder.encoder.0.weight", "autoencoder.encoder.9.bias", "autoencoder.decoder.9.weight",
            "transformer.source.position", "transformer.encoder.2.attention.query.weight",
            "transformer.decoder.0.cross.value.bias", "transformer.decoder.2.feedforward.1.weight",
            "transformer.decoder.norm.bias", "transformer.head.weight",
        ] {
            #expect(names.contains(name), "\(name)")
        }
    }

    @Test("shapes are PyTorch's") func shapes() throws {
        let shapes = Dictionary(
            uniqueKeysWithValues: try Metaformer().trainableParameters().map { ($0.name, $0.shape) })
        #expect(shapes["autoencoder.encoder.0.weight"] == [32, 3, 4, 4])
        #expect(shapes["autoencoder.encoder.9.weight"] == [500, 32, 8, 8])
        #expect(shapes["autoencoder.decoder.0.weight"] == [500, 32, 8, 8])
        #expect(shapes["autoencoder.decoder.9.weight"] == [32, 3, 4, 4])
        #expect(shapes["transformer.target.embedding.weight"] == [256, 768])
    }

    @Test("SplitMix64 gives the published numbers") func splitMix() {
        // The first outputs of Vigna's reference implementation for the seed 1234567.
        var generator = SplitMix64(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }

    @Test("starting values keep to their distributions") func initializers() {
        func values(_ initializer: Initializer) -> [Float] {
            ParameterSpecification(name: "p", shape: [100, 100], initializer: initializer).initialValues(seed: 3)
        }
        #expect(values(.zeros).allSatisfy { $0 == 0 })
        #expect(values(.ones).allSatisfy { $0 == 1 })
        let uniform = values(.kaimingUniform(fanIn: 25))
        #expect(uniform.allSatisfy { abs($0) <= 0.2 })
        #expect(abs(uniform.reduce(0, +) / 10_000) < 0.005)
        // A uniform variance is a third of the squared bound.
        #expect(abs(uniform.reduce(0) { $0 + $1 * $1 } / 10_000 - 0.04 / 3) < 0.0005)
        let preserving = values(.preservingVariance(fanIn: 50, slope: 0.2))
        let variance = preserving.reduce(0) { $0 + $1 * $1 } / 10_000
        #expect(abs(variance - 2 / (1.04 * 50)) < 0.0015)
        let normal = values(.normal(standardDeviation: 0.02))
        #expect(abs(normal.reduce(0, +) / 10_000) < 0.001)
        #expect(abs((normal.reduce(0) { $0 + $1 * $1 } / 10_000).squareRoot() - 0.02) < 0.0005)
    }

    @Test("an autoencoder that has learned nothing still tells images apart") func signal() throws {
        // Without care for the variance, an image has no influence left after twenty layers, and learning stands still.
        let graph = Graph()
        let scope = Scope(graph)
        let image = try graph.input("image", [2, 3, 256, 256])
        let output = try Autoencoder()(image, in: scope)
        let runner = try Runner(program: Program(graph: graph, outputs: [("output", output)]).data)
        for parameter in scope.parameters {
            try runner.bind(parameter.name, to: FloatBuffer(parameter.initialValues(seed: 1)))
        }
        try runner.bindRemaining()
        var generator = SplitMix64(seed: 2)
        let plane = 256 * 256
        for index in 0..<6 * plane {
            // Blobs of sixteen pixels: of white noise little passes any layer.
            let isFirst = index % plane / 256 % 32 < 16
            runner.buffer("image")?[index] =
                (isFirst == (index < 3 * plane) ? 0.8 : 0.2) + 0.1 * Float(generator.nextUnit())
        }
        try runner.run()
        let values = try #require(runner.buffer("output")).values
        let half = values.count / 2
        let difference = (0..<half).reduce(0) { $0 + abs(values[$1] - values[half + $1]) } / Float(half)
        #expect(difference > 0.02, "\(difference)")
    }

    @Test("starting values depend on seed and name alone") func reproducibility() {
        let a = ParameterSpecification(name: "a", shape: [8], initializer: .normal(standardDeviation: 1))
        let b = ParameterSpecification(name: "b", shape: [8], initializer: .normal(standardDeviation: 1))
        #expect(a.initialValues(seed: 1) == a.initialValues(seed: 1))
        #expect(a.initialValues(seed: 1) != a.initialValues(seed: 2))
        #expect(a.initialValues(seed: 1) != b.initialValues(seed: 1))
    }

    @Test("configurations survive JSON") func coding() throws {
        var configuration = Metaformer.Configuration()
        configuration.mode = .prior
        configuration.autoencoder.latentSize = 100
        configuration.prior = .paper
        configuration.transformer.direction = .reconstructionToResponse
        let data = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(Metaformer.Configuration.self, from: data) == configuration)
    }
}
