import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerModels

struct AdaptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapt",
        abstract: "Adapts a model to a product, by good images of it.",
        discussion: """
            Tunes a model on images of good products and sets its threshold from good images that were held out: of 30 \
            or more a fifth, but 10 at least; by cross-validation where there are fewer. The result is a model file for inspect.
            """
    )

    @OptionGroup var source: ModelOptions

    @Option(help: ArgumentHelp("The folder of good images.", valueName: "dir"), completion: .directory)
    var good: String

    @Option(help: ArgumentHelp("The model file to write.", valueName: "file"), completion: .file())
    var output: String

    @Option(help: ArgumentHelp("Use only so many of the images, drawn at random.", valueName: "k"))
    var shots: Int?

    @OptionGroup var adaptation: AdaptationArguments

    @Option(help: ArgumentHelp("The share of good products that the threshold may reject.", valueName: "x"))
    var falseAlarmRate: Float = 0.02

    @Option(help: ArgumentHelp("A text file that names the images to adapt to, one a line.", valueName: "file"))
    var trainList: String?

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let images: Int
        let threshold: Double?
        let thresholdRule: String?
        let thresholdFrom: String?
        let falseAlarmRate: Double
        let seconds: Double
    }

    func validate() throws {
        try CommonOptions.requirePath(good, named: "--good")
        try CommonOptions.requirePath(output, named: "--output")
        if let shots, shots < 1 { throw ValidationError("--shots is \(shots); give at least 1.") }
        guard falseAlarmRate > 0, falseAlarmRate <= 0.5 else {
            throw ValidationError("--false-alarm-rate is \(falseAlarmRate); give a number above 0, at most 0.5.")
        }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        try requireFolder(of: output)
        var selection = try ImageSelection.good(in: good, trainingList: trainList)
        for remark in selection.remarks { common.warn(remark) }
        let available = selection.items.count
        if let shots { selection = try selection.shots(shots, seed: common.seed) }
        let frames = try read(selection)
        let adapted = try adapt(frames)
        try adapted.save(path: output)
        if selection.items.count < available || trainList != nil {
            try AdaptationRecord(selection.items.map { ($0.url, $0.name) }).write(into: output)
        }
        let elapsed = (clock.now - start) / .seconds(1)

        let threshold = adapted[setting: "threshold"].flatMap(Double.init)
        if common.json {
            try common.printJSON(
                Result(
                    model: output, images: frames.count, threshold: threshold,
                    thresholdRule: adapted[setting: "threshold.rule"],
                    thresholdFrom: adapted[setting: "threshold.from"],
                    falseAlarmRate: Double(falseAlarmRate), seconds: elapsed))
        }
        common.remark(
            "\(output): adapted to \(frames.count) good image\(frames.count == 1 ? "" : "s") in "
                + "\(elapsed.formatted(.number.precision(.fractionLength(1)))) s")
        if let threshold {
            common.remark(
                "threshold \(threshold.formatted(.number.precision(.significantDigits(4)))), from "
                    + "\(adapted[setting: "threshold.from"] ?? "good images"), for \(falseAlarmRate * 100) % false alarms"
                    + (adapted[setting: "threshold.rule"] == "extrapolated"
                        ? " (extrapolated: too few images to count)" : ""))
        }
    }

    private func read(_ selection: ImageSelection) throws -> [Frame] {
        let progress = ProgressBar(total: selection.items.count, label: "reading", quiet: common.quiet || common.json)
        defer { progress.finish() }
        return try selection.items.map { item in
            defer { progress.advance() }
            do {
                return try Frame(MetaformerData.Image(contentsOf: item.url), of: item.url.relativePath)
            } catch {
                // Which images a model knows is to be decided by people, not by damage.
                throw CommandError(
                    "\(UnreadableImage(error, item.url)); a model is adapted to all of its good images or to none: repair the "
                        + "file, or take it away")
            }
        }
    }

    private func adapt(_ frames: [Frame]) throws -> Model {
        var options = Model.AdaptationOptions()
        options.threads = common.threads
        options.epochs = adaptation.epochs
        options.batch = adaptation.batch
        options.learningRate = adaptation.learningRate
        options.seed = common.seed
        options.flips = adaptation.flips
        options.shift = adaptation.shift
        options.falseAlarmRate = falseAlarmRate
        options.framing = adaptation.framing
        var progress = StagedProgress(quiet: common.quiet || common.json)
        defer { progress.finish() }
        let channels = frames.allSatisfy(\.isGrey) ? 1 : 3
        return try source.origin(optimizer: adaptation.optimizer).model(channels: channels, seed: common.seed)
            .adapted(to: frames, options: options) {
                progress.advance($0.stage, total: $0.total)
                return true
            }
    }
}

/// Refuses an output whose folder is not there, before any work is done for it.
func requireFolder(of path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory), isDirectory.boolValue else {
        throw CommandError("\(path): there is no folder \(folder.relativePath) to write it to; make it first")
    }
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
        throw CommandError("\(path): is a folder; name a file to write")
    }
}
