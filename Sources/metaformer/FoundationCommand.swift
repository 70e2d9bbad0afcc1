import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerModels
import MetaformerTraining

struct FoundationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "foundation", shouldDisplay: false)
    @Option var images: String
    @Option var weights: String
    @Option var output: String
    @Option var size = 256
    @Option var count = 400
    @OptionGroup var common: CommonOptions
    func run() throws {
        let features = FeatureModel.Configuration(mode: .autoencoder, imageSize: size)
        let urls = try FileManager.default.contentsOfDirectory(at: URL(fileURLWithPath: images), includingPropertiesForKeys: nil).sorted { $0.path < $1.path }
        let step = max(1, urls.count / count)
        let planes = stride(from: 0, to: urls.count, by: step).lazy.compactMap { index -> [Float]? in
            guard let image = try? MetaformerData.Image(contentsOf: urls[index]) else { return nil }
            return try? Frame(image, of: urls[index].path).planes(channels: 3, height: size, width: size)
        }
        let frozen = try FrozenFeatures(features, weights: weights, images: planes, threads: common.threads)
        let description = ModelDescription(features: features, scorePrior: .init(level: 0.27, excess: 1.5, weight: 2), origin: "foundation")
        try description.file(parameters: frozen.parameters).write(path: output)
    }
}
