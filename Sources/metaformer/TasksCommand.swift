import ArgumentParser
import Foundation
import MetaformerData
import MetaformerModels
import MetaformerTraining

struct TasksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tasks",
        abstract: "Makes meta-tasks of a folder of images.",
        subcommands: [Build.self]
    )

    struct Build: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build",
            abstract: "Groups similar images: the tasks that meta-train learns from.",
            discussion: """
                Images are grouped by k-means on the features of a classification network, and each group is trimmed to \
                the images that are most like its centre. The weights are a .safetensors file, converted from PyTorch's \
                by scripts/convert-weights.py. Images that cannot be read are left out, and named.
                """
        )

        @Option(help: ArgumentHelp("The folder of images.", valueName: "dir"), completion: .directory)
        var images: String

        @Option(help: ArgumentHelp("The weights of the network.", valueName: "file"), completion: .file())
        var weights: String

        @Option(help: ArgumentHelp("The file of tasks to write.", valueName: "file"), completion: .file())
        var output: String

        @Option(help: "The network: resnet18 or efficientnet-lite0.")
        var network: FeatureNetwork.Architecture = .resNet18

        @Option(help: ArgumentHelp("Groups to make; one for 200 images where left out.", valueName: "n"))
        var groups: Int?

        @Option(help: ArgumentHelp("The most images of a group.", valueName: "n"))
        var groupSize = 200

        @Option(help: ArgumentHelp("A PNG file to show the groups in, a row each.", valueName: "file"))
        var sheet: String?

        @OptionGroup var common: CommonOptions

        private struct Result: Encodable {
            let tasks: String
            let groups: Int
            let images: Int
            let imagesFound: Int
            let unreadable: [String]
            let smallestGroup: Int
            let meanSimilarity: Double
            let seconds: Double
        }

        func validate() throws {
            try CommonOptions.requirePath(images, named: "--images")
            try CommonOptions.requirePath(weights, named: "--weights")
            try CommonOptions.requirePath(output, named: "--output")
            if let groups, groups < 1 { throw ValidationError("--groups is \(groups); give at least 1.") }
            if groupSize < 8 { throw ValidationError("--group-size is \(groupSize); give at least 8.") }
        }

        func run() throws {
            let clock = ContinuousClock()
            let start = clock.now
            try requireFolder(of: output)
            let dataset = try Dataset(directory: URL(fileURLWithPath: images))
            let names = dataset.items.map { dataset.relativePath(of: $0.url) }
            let extractor = try FeatureExtractor(network, weights: weights, threads: common.threads)
            var builder = TaskBuilder(network: network)
            builder.groups = groups
            builder.groupSize = groupSize
            builder.seed = common.seed
            let progress = ProgressBar(total: names.count, label: "features", quiet: common.quiet || common.json)
            let directory = URL(fileURLWithPath: images).standardizedFileURL.path
            let (tasks, unreadable) = try builder.build(directory: directory, names: names, extractor: extractor) {
                progress.advance()
            }
            progress.finish()
            try tasks.write(to: URL(fileURLWithPath: output))
            if let sheet { try ContactSheet.groups(of: tasks)?.write(png: URL(fileURLWithPath: sheet)) }
            let similarities = tasks.groups.flatMap(\.similarities)
            let result = Result(
                tasks: output, groups: tasks.groups.count, images: tasks.imageCount, imagesFound: names.count,
                unreadable: unreadable, smallestGroup: tasks.groups.map(\.images.count).min() ?? 0,
                meanSimilarity: similarities.reduce(0, +) / Double(max(similarities.count, 1)),
                seconds: (clock.now - start) / .seconds(1))
            if common.json { try common.printJSON(result) }
            for line in unreadable { common.remark("left out: \(line)") }
            common.remark(
                "\(output): \(result.groups) groups of \(result.images) images, in "
                    + "\(result.seconds.formatted(.number.precision(.fractionLength(1)))) s")
        }
    }
}

extension FeatureNetwork.Architecture: ExpressibleByArgument {}
