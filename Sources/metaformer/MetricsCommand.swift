import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Measures anyone's anomaly maps of a data set.",
        discussion: """
            Maps are TIFF files of 32-bit floats at the images' own size, in MVTec's layout for submissions: \
            <category>/test/<kind>/<image>.tiff. An image's score is the maximum of its map. All figures are exact: AUROC with \
            ties, average precision, the best F1, and PRO (regions by 8-connectivity, every distinct score a threshold).
            """
    )

    @Option(help: ArgumentHelp("The folder of maps.", valueName: "dir"), completion: .directory)
    var maps: String

    @OptionGroup var data: DatasetOptions

    @Option(help: ArgumentHelp("The highest false-positive rate of PRO.", valueName: "x"))
    var proLimit = 0.3

    @OptionGroup var common: CommonOptions

    func validate() throws {
        try CommonOptions.requirePath(maps, named: "--maps")
        try requireProLimit(proLimit)
    }

    func run() throws {
        let (dataset, _) = try data.open(seed: common.seed)
        let set = MapSet(folder: URL(fileURLWithPath: maps), dataset: dataset)
        let categories = data.category.isEmpty ? dataset.categories : data.category
        let count = categories.reduce(0) { $0 + set.items($1).count }
        let progress = ProgressBar(total: count, label: "reading", quiet: common.quiet || common.json)
        defer { progress.finish() }
        let results = try categories.map { category in
            guard !set.items(category).isEmpty else {
                throw CommandError("\(category): the data set has no labelled images of it")
            }
            return try set.measure(category, proLimit: proLimit, threads: common.threads) { progress.advance() }
        }
        progress.finish()
        if common.json { try common.printJSON(results) } else { StandardOutput.print(MapSet.table(results)) }
    }
}

/// The options that name a data set, and how it is split.
struct DatasetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The data set: a folder, or a CSV file (path, label, mask, split).", valueName: "dir"),
        completion: .directory)
    var dataset: String

    @Option(help: ArgumentHelp("Only this category; may be given several times.", valueName: "name"))
    var category: [String] = []

    @Option(help: ArgumentHelp("A text file that names the training images, one a line.", valueName: "file"))
    var trainList: String?

    @Option(
        help: ArgumentHelp(
            "A CSV file that names each image's group (columns file and group): no group is split.",
            valueName: "file"))
    var groups: String?

    func validate() throws {
        try CommonOptions.requirePath(dataset, named: "--dataset")
        if trainList != nil && groups != nil {
            throw ValidationError("--train-list and --groups both split the data; give one.")
        }
    }

    /// The data set, split, and how it was split, in words.
    func open(seed: UInt64) throws -> (Dataset, split: String) {
        var dataset = try Dataset(path: dataset, trainingList: trainList)
        if let unknown = category.first(where: { !dataset.categories.contains($0) }) {
            let known = dataset.categories.joined(separator: ", ")
            throw CommandError("--category: \(unknown) is none of the data set's categories (\(known))")
        }
        if let trainList { return (dataset, "training images of \(trainList)") }
        if let groups {
            try dataset.applyGroups(contentsOf: URL(fileURLWithPath: groups), seed: seed)
            return (
                dataset, "no group of \(groups) in both parts, a fifth of the good images for testing, seed \(seed)"
            )
        }
        return (dataset, "")
    }
}

func requireProLimit(_ limit: Double) throws {
    guard limit > 0, limit <= 1 else {
        throw ValidationError("--pro-limit is \(limit); give a number above 0, at most 1.")
    }
}
