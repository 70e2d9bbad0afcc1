import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerModels

struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Chooses a taught model's map and score, and sets its threshold, by good pictures.",
        discussion: """
            Give good pictures that adapt has not seen: what is taken for normal would be too perfect otherwise. Maps and scores \
            are compared by how well they tell these pictures from copies with synthetic defects (pasted patches, scratches, \
            blotches); no picture of a real defect is needed, and none of a test set should be used. The threshold is what a \
            good picture exceeds with the false-alarm rate. A model that fits or tiles its pictures keeps its map.
            """
    )

    @Option(help: ArgumentHelp("The model file that adapt wrote.", valueName: "file"), completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The folder of good pictures.", valueName: "dir"), completion: .directory)
    var good: String

    @Option(
        help: ArgumentHelp("The model file to write; that of --model where left out.", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Set the threshold only: leave the map and its score as they are.")
    var keepMap = false

    @Option(help: ArgumentHelp("The share of good products that the threshold may reject.", valueName: "x"))
    var falseAlarmRate: Float = 0.01

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let images: Int
        let compared: [Calibration.Row]
        let chosen: Calibration.Choice?
        let threshold: Float
        let thresholdRule: String
        let falseAlarmRate: Float
    }

    func validate() throws {
        try CommonOptions.requirePath(model, named: "--model")
        try CommonOptions.requirePath(good, named: "--good")
        if let output { try CommonOptions.requirePath(output, named: "--output") }
        guard falseAlarmRate > 0, falseAlarmRate <= 0.5 else {
            throw ValidationError("--false-alarm-rate is \(falseAlarmRate); give a number above 0, at most 0.5.")
        }
    }

    func run() throws {
        let output = output ?? model
        try requireFolder(of: output)
        let pictures = try ImageSelection.good(in: good, trainingList: nil).items.map { item in
            (name: item.url.relativePath, image: try MetaformerData.Image(contentsOf: item.url))
        }
        var options = Calibration.Options()
        options.keepsMap = keepMap
        options.falseAlarmRate = falseAlarmRate
        options.seed = common.seed
        options.threads = common.threads
        var bar: ProgressBar?
        let calibration = try Calibration(model: model, good: pictures, options: options) { _, total in
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
                    model: output, images: pictures.count, compared: calibration.rows, chosen: calibration.chosen,
                    threshold: threshold.value, thresholdRule: threshold.rule, falseAlarmRate: falseAlarmRate))
        }
        if !calibration.rows.isEmpty { common.remark(calibration.text) }
        common.remark(
            "\(output): threshold \(threshold.value.formatted(.number.precision(.significantDigits(4)))), from "
                + "\(pictures.count) good pictures, for \(falseAlarmRate * 100) % false alarms"
                + (threshold.rule == "extrapolated" ? " (extrapolated: too few images to count)" : ""))
    }
}
