import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels
import TestSupport
import Testing

/// Model files of every format that was ever written open, and give what they gave.
///
/// With MF_UPDATE_SNAPSHOTS=1 in the environment, a file of the present format is written where there is none. Those of earlier formats
/// can be made by the versions that wrote them only: never delete one.
@Suite("Model files of every format") struct GoldenModelTests {
    private static let folder = Command.root.appending(path: "Tests/golden/models")
    private static let isUpdating = ProcessInfo.processInfo.environment["MF_UPDATE_SNAPSHOTS"] == "1"

    private struct Expectation: Codable {
        let score: Float
        let settings: [String: String]
    }

    /// A model of every part, in a few kilobytes.
    private static func tiny() throws -> TensorFile {
        var configuration = Metaformer.Configuration(mode: .full, imageSize: 32, channels: 1, latentSize: 2)
        configuration.autoencoder.encoder = [.init(.scaling, 2), .init(.scaling, 2)]
        configuration.autoencoder.decoderChannels = 2
        configuration.autoencoder.decoder = [.init(.scaling, 2)]
        configuration.transformer.patchSize = 16
        configuration.transformer.width = 4
        configuration.transformer.heads = 2
        configuration.transformer.encoderLayers = 1
        configuration.transformer.decoderLayers = 1
        configuration.transformer.hiddenWidth = 4
        configuration.prior.width = 1
        configuration.prior.blocks = 1
        configuration.prior.workingSize = nil
        var description = ModelDescription(mode: .full, channels: 1, origin: "test")
        description.pixels = configuration
        return try description.file(seed: 1)
    }

    /// Of a model that knows no product.
    private static func score(_ model: Model) throws -> Float {
        let inspector = try Inspector(model)
        try inspector.setThreshold(.infinity)
        return try inspector.inspect(SmallModel.frame(0)).score
    }

    @Test("each opens, and gives its score") func open() throws {
        let present = GoldenModelTests.folder.appending(path: "1.safetensors")
        if GoldenModelTests.isUpdating, !FileManager.default.fileExists(atPath: present.path) {
            try FileManager.default.createDirectory(at: GoldenModelTests.folder, withIntermediateDirectories: true)
            try GoldenModelTests.tiny().write(path: present.path)
            let score = try GoldenModelTests.score(Model(path: present.path))
            let settings = ["configuration": "A+P+T", "input.width": "32"]
            try JSONEncoder().encode(Expectation(score: score, settings: settings))
                .write(to: present.deletingPathExtension().appendingPathExtension("json"))
        }
        let files = try FileManager.default.contentsOfDirectory(
            at: GoldenModelTests.folder, includingPropertiesForKeys: nil
        ).filter { $0.pathExtension == "safetensors" }
        #expect(files.contains { $0.lastPathComponent == present.lastPathComponent })
        for file in files {
            let expected = try JSONDecoder().decode(
                Expectation.self,
                from: Data(contentsOf: file.deletingPathExtension().appendingPathExtension("json")))
            let model = try Model(path: file.path)
            for (key, value) in expected.settings { #expect(model[setting: key] == value, "\(file.lastPathComponent)") }
            let score = try GoldenModelTests.score(model)
            // The kernels of another processor round otherwise.
            #expect(abs(score - expected.score) <= 1e-4 * abs(expected.score), "\(file.lastPathComponent): \(score)")
        }
    }
}
