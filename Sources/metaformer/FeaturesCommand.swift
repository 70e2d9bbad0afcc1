import ArgumentParser
import Foundation
import MetaformerData
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
            let photographs = FeatureModelBuilder.spread(
                count, of: try Dataset(directory: URL(fileURLWithPath: images)).items.map(\.url))
            let builder = FeatureModelBuilder(
                weights: weights, prior: try prior.map { try FrozenPrior(path: $0) }, imageSize: size)
            let progress = ProgressBar(
                total: photographs.count, label: "measuring", quiet: common.quiet || common.json)
            let outcome = try builder.build(photographs, seed: common.seed, threads: common.threads) {
                progress.advance()
            }
            progress.finish()
            try outcome.file.write(path: output)
            if common.json {
                try common.printJSON(
                    Result(
                        model: output, images: outcome.readCount, unreadable: outcome.unreadable,
                        seconds: (clock.now - start) / .seconds(1)))
            }
            for problem in outcome.unreadable { common.remark(problem) }
            common.remark("\(output): \(outcome.readCount) photographs of \(size) x \(size) pixels")
        }
    }
}
