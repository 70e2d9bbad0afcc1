import ArgumentParser
import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerInspection

struct AdaptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapt",
        abstract: "Adapts a model to a product, by good images of it.",
        discussion: """
            Makes a model file for inspect, which knows what good images of the product are like. Its threshold is set from good \
            images that were held out: by the universal model in up to 16 folds; by models that are tuned, such as paper, of 30 \
            or more a fifth, but 10 at least, and of fewer in three folds. Of one image it is that of other products.
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

    @Option(
        help: ArgumentHelp(
            """
            How the network is run, in adaptation and in every inspection: float, or int8, which takes less time and gives nearly \
            the same; the model's own where left out. int8 is for models that take no epochs, such as universal.
            """, valueName: "how"))
    var precision: Precision?

    @Option(help: ArgumentHelp("A text file that names the images to adapt to, one a line.", valueName: "file"))
    var trainList: String?

    @OptionGroup var depth: DepthOptions

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let images: Int
        let threshold: Double?
        let thresholdRule: String?
        let thresholdFrom: String?
        let falseAlarmRate: Double
        let syntheticDefects: Model.SyntheticDefects?
        let seconds: Double
    }

    func validate() throws {
        try CommonOptions.requirePath(good, named: "--good")
        try CommonOptions.requirePath(output, named: "--output")
        if let shots, shots < 1 { throw ValidationError("--shots is \(shots); give at least 1.") }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        try requireFolder(of: output)
        var selection = try ImageSelection.good(in: good, trainingList: trainList)
        for remark in selection.remarks { common.note(remark) }
        if let shots {
            guard shots <= selection.items.count else {
                throw CommandError("--shots is \(shots), but there are only \(selection.items.count) good images")
            }
            selection = selection.drawing(shots, seed: common.seed)
        }
        let frames = FrameFiles(selection.items.map(\.url), bits: depth.bits, isUnstated: depth.bits == nil) {
            common.remark("\($0.relativePath): \($1)")
        }
        let adapted: Model
        do {
            adapted = try adapt(frames, count: selection.items.count)
        } catch let error as ImageFileError {
            // Which images a model knows is to be decided by people, not by damage.
            throw CommandError(
                "\(error); a model is adapted to all of its good images or to none: repair the file, or take it away")
        }
        if selection.isChosenAmongOthers || trainList != nil {
            try frames.record(named: selection.items.map(\.name)).file(of: adapted).write(path: output)
        } else {
            try adapted.save(path: output)
        }
        let elapsed = (clock.now - start) / .seconds(1)

        let threshold = adapted[setting: "threshold"].flatMap(Double.init)
        if common.json {
            try common.printJSON(
                Result(
                    model: output, images: selection.items.count, threshold: threshold,
                    thresholdRule: adapted[setting: "threshold.rule"],
                    thresholdFrom: adapted[setting: "threshold.from"],
                    falseAlarmRate: Double(adaptation.falseAlarmRate), syntheticDefects: adapted.syntheticDefects,
                    seconds: elapsed
                ))
        }
        common.remark(
            "\(output): adapted to \(selection.items.count) good image\(selection.items.count == 1 ? "" : "s") in "
                + "\(elapsed.formatted(.number.precision(.fractionLength(1)))) s")
        if let threshold {
            common.remark(
                "threshold \(threshold.formatted(.number.precision(.significantDigits(4)))), from "
                    + "\(adapted[setting: "threshold.from"] ?? "good images"), for \(adaptation.falseAlarmRate * 100) % false alarms"
                    + (adapted[setting: "threshold.rule"] == "extrapolated"
                        ? " (extrapolated: too few images to count)" : ""))
        }
        if let defects = adapted.syntheticDefects {
            report(defects)
        } else {
            common.remark("what it finds is not known: of one image none can be held out; two or more tell")
        }
    }

    private func report(_ defects: Model.SyntheticDefects) {
        let percent = { (share: Double) in share.formatted(.percent.precision(.fractionLength(0))) }
        let kinds = defects.kinds.sorted { $0.key < $1.key }.map { "\($0.key) \(percent($0.value))" }
        common.remark(
            "finds \(percent(defects.found)) of \(defects.count) synthetic defects in good images: "
                + kinds.joined(separator: ", "))
        if defects.found < 0.5 {
            common.warn(
                "\(output): finds under half of the synthetic defects. More good images help, and so do --framing tile or a "
                    + "larger model where defects are small, and a mask over what varies from image to image")
        }
    }

    private func adapt(_ frames: FrameFiles, count: Int) throws -> Model {
        var progress = StagedProgress(quiet: common.quiet || common.json)
        defer { progress.finish() }
        let channels = try frames.areGrey() ? 1 : 3
        var options = adaptation.options(common)
        options.precision = precision
        let adapted = try source.origin(optimizer: adaptation.optimizer).model(channels: channels, seed: common.seed)
            .adapted(
                toFrames: count, options: options,
                progress: {
                    progress.advance($0.stage, total: $0.total)
                    return true
                }, frame: frames.frame)
        progress.finish()
        if adapted[setting: "adapted.depth"] == "recognised", let bits = adapted[setting: "adapted.bits"] {
            common.remark("\(bits) of 16 bits are in use (--bits says otherwise)")
        }
        if frames.depths.count > 1 {
            common.warn(
                "\(good): images of 8 and of 16 bits are mixed: the model knows both, and later images are not checked for "
                    + "theirs; data check names them")
        }
        return adapted
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

extension Precision: ExpressibleByArgument {}
