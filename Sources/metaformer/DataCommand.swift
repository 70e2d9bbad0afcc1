import ArgumentParser
import Foundation
import MetaformerData

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Looks after folders of images.",
        subcommands: [Check.self]
    )

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Says what a folder is, counts, sizes, and what is wrong with it.",
            discussion: """
                Recognised are MVTec AD (train/good, test/<defect>, ground_truth/<defect>; one category or a folder of them), \
                MVTec LOCO AD, MVTec AD 2, VisA (split_csv), Magnetic Tile Defects (MT_<class>/Imgs), MSRA10K (Imgs), any folder \
                of \(ImageFormat.sentence) files, in which a folder named good or ok marks good images, and a CSV file with the \
                columns path, label, mask and split. Every file is read. The exit status is 1 when something must be repaired.
                """
        )

        @Argument(help: ArgumentHelp("The folder to check.", valueName: "dir"), completion: .directory)
        var directory: String

        @Option(
            name: .customLong("train-list"),
            help: ArgumentHelp("A file that names the good images for training, one a line.", valueName: "file"))
        var trainingList: String?

        @OptionGroup var common: CommonOptions

        func validate() throws { try CommonOptions.requirePath(directory, named: "<dir>") }

        func run() throws {
            let dataset = try Dataset(path: directory, trainingList: trainingList)
            let progress = ProgressBar(total: dataset.items.count, label: "reading", quiet: common.quiet)
            let report = DatasetReport(of: dataset, threads: common.threads) { progress.advance() }
            progress.finish()
            if common.json { try common.printJSON(report) } else { StandardOutput.print(report) }
            guard !report.hasErrors else {
                let count = report.errorCount
                throw CommandError(
                    "\(directory): \(count) \(count == 1 ? "error" : "errors") in the data; see the report")
            }
        }
    }
}
