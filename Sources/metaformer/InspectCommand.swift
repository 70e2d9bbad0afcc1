import ArgumentParser
import Foundation
import MetaformerData
import MetaformerInspection

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Inspects images with an adapted model.",
        discussion: """
            Writes for each image an overlay of what was found (JPEG, its long side at most 1600 pixels) and the anomaly map (float TIFF), and for all of them \
            report.html, results.csv and results.json: score, threshold, verdict, defect boxes. The verdict is good, \
            defective, or unlike where an image does not show the product: too dark or bright, flat, blurred, or different \
            nearly everywhere. Of a folder laid out as a data set, the images for testing are taken; folders in it are \
            searched too. An image that cannot be read is unreadable, with the reason, and ends nothing.

            The exit status is 0 whatever the verdicts, 1 where an image could not be read, 130 where the inspection was \
            stopped (--resume goes on), and with --fail-on-defect 3 where something was reported.
            """
    )

    @Option(help: ArgumentHelp("The model file that adapt wrote.", valueName: "file"), completion: .file())
    var model: String

    @Argument(
        help: ArgumentHelp("Images, folders of them, or CSV lists.", valueName: "image-or-dir"), completion: .file())
    var paths: [String]

    @Option(
        help: ArgumentHelp(
            "The folder to write: made, or empty, or of an earlier inspection, whose files are replaced.",
            valueName: "dir"),
        completion: .directory)
    var output: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Compare scores with this instead of the model's threshold.", valueName: "x"))
    var threshold: Float?

    @Option(
        help: ArgumentHelp(
            "A text file of images that were adapted to, one a line: they are left out.", valueName: "file"))
    var trainList: String?

    @Option(
        help: ArgumentHelp(
            "Anomaly maps at the model's resolution (grid), at the image's own size (full), or none.",
            valueName: "which"))
    var maps = InspectionRun.Maps.grid

    @Option(help: ArgumentHelp("Overlays of all images, of those reported (defective), or none.", valueName: "which"))
    var overlays = InspectionRun.Overlays.all

    @Flag(help: "Keep what an earlier run has written to the folder, and go on.")
    var resume = false

    @Flag(help: "Exit with 3 where an image is defective or unlike the good ones.")
    var failOnDefect = false

    @OptionGroup var depth: DepthOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        try CommonOptions.requirePath(model, named: "--model")
        try CommonOptions.requirePath(output, named: "--output")
        for path in paths { try CommonOptions.requirePath(path, named: "<image-or-dir>") }
        if let threshold, !threshold.isFinite {
            throw ValidationError("--threshold is \(threshold); give a finite number.")
        }
    }

    func run() throws {
        let model = try Model(path: model)
        let selection = try ImageSelection.inspected(
            paths, trainingList: trainList, adaptedTo: AdaptationRecord(of: model))
        var options = InspectionRun.Options()
        options.threshold = threshold
        options.maps = maps
        options.overlays = overlays
        options.threads = common.threads
        options.resumes = resume
        options.bits = try depth.resolve(for: selection.items.map(\.url), model: model, common)
        let interruption = Interruption()
        let run = try InspectionRun(
            model: model, named: self.model, images: selection.items, folder: output, options: options)
        for remark in selection.remarks { common.note(remark) }
        let progress = ProgressBar(
            total: selection.items.count, label: "inspecting", quiet: common.quiet || common.json)
        defer { progress.finish() }
        let results = try run.run(
            remark: { common.note("\($0): \($1)") },
            progress: { done, _ in
                if done > 0 { progress.advance() }
                return !interruption.isAsked
            })
        progress.finish()
        if common.json { try common.printJSON(results) }
        common.remark(results.summary)
        common.remark("\(output): \(files)")
        try end(results)
    }

    private var files: String {
        let images = [overlays == .none ? nil : "overlays", maps == .none ? nil : "maps"].compactMap { $0 }
        return (["report.html, results.csv, results.json"] + images).joined(separator: ", ")
    }

    /// The exit status of what was found.
    private func end(_ results: InspectionResults) throws {
        let missing = results.total - results.images.count
        if missing > 0 {
            common.note(
                "stopped after \(results.images.count) of \(results.total) images; their results are in \(output), and "
                    + "--resume goes on from there")
            throw ExitCode(130)
        }
        try UnreadableFiles(results.unreadable.map { "\($0.image): \($0.reason ?? "")" }).report()
        if failOnDefect, results.images.contains(where: \.isReported) { throw ExitCode(3) }
    }
}

extension InspectionRun.Maps: ExpressibleByArgument {}
extension InspectionRun.Overlays: ExpressibleByArgument {}
