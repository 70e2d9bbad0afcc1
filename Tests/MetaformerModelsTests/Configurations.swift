import MetaformerGraph

@testable import MetaformerModels

/// Configurations small enough for the Double interpreter.
enum Small {
    static let imageSize = 16

    static func metaformer(
        _ mode: Metaformer.Mode, direction: Transformer.Direction = .responseToReconstruction, smooths: Bool = false
    ) -> Metaformer {
        var configuration = Metaformer.Configuration(mode: mode, imageSize: imageSize, channels: 1, latentSize: 4)
        configuration.autoencoder.encoder = [.init(.scaling, 3), .init(.plain, 2), .init(.scaling, 3)]
        configuration.autoencoder.decoderChannels = 3
        configuration.autoencoder.decoder = [.init(.scaling, 3), .init(.plain, 2)]
        configuration.transformer.patchSize = 8
        configuration.transformer.width = 4
        configuration.transformer.heads = 2
        configuration.transformer.encoderLayers = 1
        configuration.transformer.decoderLayers = 1
        configuration.transformer.hiddenWidth = 6
        configuration.transformer.direction = direction
        configuration.transformer.smoothsPatches = smooths
        return Metaformer(configuration)
    }
}

/// A model built on one batch, its loss, and values for everything.
struct Instance {
    let graph = Graph()
    let scope: Scope
    let image: Tensor
    let reconstruction: Metaformer.Reconstruction
    let loss: Tensor
    let inputs: [String: [Double]]
    let variables: [String: [Double]]

    /// - Parameter spread: the range of uniform numbers added to the parameters, so that a head of zeros is not zero.
    init(_ model: Metaformer, samples: Int = 2, spread: Double = 0, seed: UInt64 = 1) throws {
        scope = Scope(graph)
        let size = model.configuration.autoencoder.imageSize
        let channels = model.configuration.autoencoder.channels
        image = try graph.input("image", [samples, channels, size, size])
        let response = try graph.input("response", [samples, 1, size, size])
        reconstruction = try model.reconstruct(image, response: response, in: scope)
        loss = try model.configuration.loss(reconstruction.image, image)

        var generator = SplitMix64(seed: seed)
        inputs = [
            "image": (0..<image.shape.count).map { _ in generator.nextUnit() },
            "response": (0..<response.shape.count).map { _ in generator.nextUnit() },
        ]
        var variables: [String: [Double]] = [:]
        for parameter in scope.parameters {
            variables[parameter.name] = parameter.initialValues(seed: seed).map {
                Double($0) + spread * (2 * generator.nextUnit() - 1)
            }
        }
        self.variables = variables
    }

    var parameters: [Tensor] {
        get throws { try scope.parameters.map { try graph.variable($0.name, $0.shape) } }
    }
}

func dot(_ a: [[Double]], _ b: [[Double]]) -> Double {
    zip(a.joined(), b.joined()).reduce(0) { $0 + $1.0 * $1.1 }
}
