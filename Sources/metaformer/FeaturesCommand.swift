import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerModels
import MetaformerTraining

struct FeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Makes models over the features of a frozen network.",
        subcommands: [Build.self]
    )

    struct Build: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build",
            abstract: "Makes a model over features from a network's weights and photographs.",
            discussion: """
                The network is taken as it is; the photographs say only how large its features are, and how much they vary. \
                The model knows no product: adapt makes one of it. The weights are a .safetensors file, converted from \
                PyTorch's by scripts/convert-weights.py. Images that cannot be read are left out, and named.
                """
        )

        @Option(help: ArgumentHelp("The folder of photographs.", valueName: "dir"), completion: .directory)
        var images: String

        @Option(help: ArgumentHelp("Weights of EfficientNet-Lite0.", valueName: "file"), completion: .file())
        var weights: String

        @Option(
            help: ArgumentHelp("The prior of prior train, or a model with one: for A+P.", valueName: "file"),
            completion: .file())
        var prior: String?

        @Option(help: ArgumentHelp("The model file to write.", valueName: "file"), completion: .file())
        var output: String

        @Option(help: ArgumentHelp("Rows and columns of the model's images, a multiple of 32.", valueName: "n"))
        var size = FeatureModel.Configuration().imageSize

        @Option(help: ArgumentHelp("Photographs to take, spread evenly over the folder.", valueName: "n"))
        var count = 400

        @OptionGroup var common: CommonOptions

        private struct Result: Encodable {
            let model: String
            let images: Int
            let unreadable: [String]
            let seconds: Double
        }

        func validate() throws {
            try CommonOptions.requirePath(images, named: "--images")
            try CommonOptions.requirePath(weights, named: "--weights")
            try CommonOptions.requirePath(output, named: "--output")
            let sizes = FeatureModel.imageSizes
            guard sizes.contains(size), size % 32 == 0 else {
                throw ValidationError(
                    "--size is \(size); give a multiple of 32 from \(sizes.lowerBound) to \(sizes.upperBound).")
            }
            guard (1...1_000_000).contains(count) else { throw ValidationError("--count is \(count); give 1 or more.") }
        }

        func run() throws {
            let clock = ContinuousClock()
            let start = clock.now
            try requireFolder(of: output)
            let frozenPrior = try prior.map { try FrozenPrior(path: $0) }
            var features = FeatureModel.Configuration(
                mode: frozenPrior == nil ? .autoencoder : .full, imageSize: size)
            if let frozenPrior { features.prior = frozenPrior.configuration }
            let photographs = try chosen()
            let progress = ProgressBar(
                total: photographs.count, label: "measuring", quiet: common.quiet || common.json)
            var (read, unreadable): (Int, [String]) = (0, [])
            let planes = photographs.lazy.compactMap { url -> [Float]? in
                defer { progress.advance() }
                do {
                    let frame = try Frame(MetaformerData.Image(contentsOf: url), of: url.relativePath)
                    let planes = try frame.planes(channels: 3, height: size, width: size)
                    read += 1
                    return planes
                } catch {
                    unreadable.append("\(error)")
                    return nil
                }
            }
            let frozen = try FrozenFeatures(features, weights: weights, images: planes, threads: common.threads)
            progress.finish()
            let description = ModelDescription(
                features: features, scorePrior: .ofOtherProducts,
                origin: "\(features.network.rawValue), features measured over \(read) photographs")
            var parameters = frozen.parameters.merging(frozenPrior?.parameters ?? [:]) { own, _ in own }
            // T has learned nothing yet, and weighs all places alike.
            for new in try ModelPrograms(description).parameters where new.name.hasPrefix("transformer.") {
                parameters[new.name] = new.initialValues(seed: common.seed)
            }
            try description.file(parameters: parameters).write(path: output)
            if common.json {
                try common.printJSON(
                    Result(
                        model: output, images: read, unreadable: unreadable,
                        seconds: (clock.now - start) / .seconds(1)))
            }
            for problem in unreadable { common.remark(problem) }
            common.remark("\(output): \(read) photographs of \(size) x \(size) pixels")
        }

        private func chosen() throws -> [URL] {
            let all = try Dataset(directory: URL(fileURLWithPath: images)).items.map(\.url)
            guard all.count > count else { return all }
            return (0..<count).map { all[$0 * all.count / count] }
        }
    }
}
