import Foundation
import MetaformerGraph
import MetaformerModels

@testable import MetaformerTraining

enum Golden {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("golden")

    static func file(_ name: String) throws -> TensorFile {
        try TensorFile(path: folder.appendingPathComponent(name).path)
    }
}

extension Metaformer {
    /// The model of scripts/reference/maml.py: 16 x 16 pixels, grey, one layer each side.
    static func tiny(_ mode: Metaformer.Mode) -> Metaformer {
        var configuration = Metaformer.Configuration(mode: mode, imageSize: 16, channels: 1, latentSize: 6)
        configuration.autoencoder.encoder = [.init(.scaling, 4), .init(.plain, 3), .init(.scaling, 4)]
        configuration.autoencoder.decoderChannels = 3
        configuration.autoencoder.decoder = [.init(.scaling, 4), .init(.plain, 3)]
        configuration.transformer.patchSize = 8
        configuration.transformer.width = 8
        configuration.transformer.heads = 2
        configuration.transformer.encoderLayers = 1
        configuration.transformer.decoderLayers = 1
        configuration.transformer.hiddenWidth = 12
        configuration.prior = InstancePrior.Configuration(channels: 1, width: 2, blocks: 1)
        return Metaformer(configuration)
    }
}

extension Sample {
    /// Smooth noise that the tiny model can take.
    static func random(_ seed: UInt64, for model: Metaformer) -> Sample {
        var generator = SplitMix64(seed: seed)
        let shape = model.imageShape(1)
        let image = (0..<shape.count).map { _ in Float(generator.nextUnit()) }
        let response = (0..<shape[2] * shape[3]).map { _ in Float(generator.nextUnit()) }
        return Sample(image: image, response: model.configuration.mode == .autoencoder ? [] : response)
    }
}
