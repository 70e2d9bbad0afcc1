import ArgumentParser
import Foundation
import MetaformerData
import MetaformerInspection

struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Chooses an adapted model's map and score, and sets its threshold, by good images.",
        discussion: """
            Give good images that adapt has not seen: what is taken for normal would be too perfect otherwise. Maps and scores \
            are compared by how well they tell these images from copies with synthetic defects (pasted patches, scratches, \
            blotches); no image of a real defect is needed, and none of a test set should be used. The threshold is what a \
            good image exceeds with the false-alarm rate. A model of features, or one that fits or tiles its images, keeps \
            its map.

            Where there are images of real defects as well, --defective takes a folder of them: the threshold is then that \
            with the best F1 over good and defective ones, and the map is kept. What that promises of other images is not \
            known: they must not be those that the model is evaluated by.
            """
    )

    @Option(help: ArgumentHelp("The model file that adapt wrote.", valueName: "file"), completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The folder of good images.", valueName: "dir"), completion: .directory)
    var good: String

    @Option(
        help: ArgumentHelp("A folder of defective images: set the threshold by these too.", valueName: "dir"),
        completion: .directory)
    var defective: String?

    @Option(
        help: ArgumentHelp("The model file to write; that of --model where left out.", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Set the threshold only: leave the map and its score as they are.")
    var keepMap = false

    @Option(help: ArgumentHelp("The share of good products that the threshold may reject.", valueName: "x"))
    var falseAlarmRate: Float = 0.02

    @OptionGroup var depth: DepthOptions

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let images: Int
        let compared: [Calibration.Row]
        let chosen: Calibration.Choice?
        let threshold: Float
        let thresholdRule: String
        let falseAlarmRate: Float?
        let defectiveImages: Int
    }

    func validate() throws {
        try CommonOptions.requirePath(model, named: "--model")
        try CommonOptions.requirePath(good, named: "--good")
        if let output { try CommonOptions.requirePath(output, named: "--output") }
        if let defective { try CommonOptions.requirePath(defective, named: "--defective") }
        try requireFalseAlarmRate(falseAlarmRate)
    }

    func run() throws {
        let output = output ?? model
        try requireFolder(of: output)
        let selection = try ImageSelection.good(in: good, trainingList: nil)
        let defectiveSelection = try defective.map { try ImageSelection.defective(in: $0) }
        let urls = (selection.items + (defectiveSelection?.items ?? [])).map(\.url)
        let bits = try depth.resolve(for: urls, model: Model(path: model), common)
        var unreadable: [UnreadableImage] = []
        let usable = images(of: selection, bits: bits, &unreadable)
        var options = Calibration.Options()
        if let defective, let defectiveSelection {
            options.defective = images(of: defectiveSelection, bits: bits, &unreadable)
            guard !options.defective.isEmpty else { throw CommandError("\(defective): none of its images can be used") }
        }
        guard !usable.isEmpty else {
            throw CommandError("\(good): none of its images can be used; \(unreadable.first.map(String.init) ?? "")")
        }
        options.keepsMap = keepMap
        options.falseAlarmRate = falseAlarmRate
        options.seed = common.seed
        options.threads = common.threads
        var bar: ProgressBar?
        let calibration = try Calibration(model: model, good: usable, options: options) { _, total in
            if bar == nil {
                bar = ProgressBar(total: total, label: "calibrating", quiet: common.quiet || common.json)
            }
            bar?.advance()
        }
        bar?.finish()
        try calibration.file.write(path: output)
        let threshold = calibration.threshold
        if common.json {
            try common.printJSON(
                Result(
                    model: output, images: usable.count, compared: calibration.rows, chosen: calibration.chosen,
                    threshold: threshold.value, thresholdRule: threshold.rule,
                    falseAlarmRate: threshold.falseAlarmRate, defectiveImages: options.defective.count))
        }
        if !calibration.rows.isEmpty { common.remark(calibration.text) }
        let value = threshold.value.formatted(.number.precision(.significantDigits(4)))
        let from =
            options.defective.isEmpty
            ? "\(usable.count) good images, for \(falseAlarmRate * 100) % false alarms"
                + (threshold.rule == "extrapolated" ? " (extrapolated: too few images to count)" : "")
            : "\(usable.count) good and \(options.defective.count) defective images: the best F1"
        common.remark("\(output): threshold \(value), from \(from)")
        try UnreadableFiles(unreadable.map(\.description)).report()
    }

    /// The images that can be used; those that cannot end nothing.
    private func images(
        of selection: ImageSelection, bits: Int?, _ unreadable: inout [UnreadableImage]
    ) -> [CalibrationImage] {
        for remark in selection.remarks { common.note(remark) }
        return selection.items.compactMap { item in
            do throws(UnreadableImage) {
                return try CalibrationImage(contentsOf: item.url, bits: bits)
            } catch {
                unreadable.append(error)
                return nil
            }
        }
    }
}
