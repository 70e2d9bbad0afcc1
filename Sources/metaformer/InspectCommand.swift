import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerModels

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Inspects images with an adapted model.",
        discussion: """
            Writes for each image an overlay of what was found (PNG) and the anomaly map at the image's own size (float \
            TIFF), and for all of them results.csv and results.json: score, threshold, verdict, defect boxes. The verdict is good, \
            defective, or unlike where an image does not show the product: too dark or bright, flat, blurred, or different \
            nearly everywhere. Of a folder laid out as a data set, the images for testing are taken. Exits with 0 whatever the \
            verdicts.
            """
    )

    @Option(help: ArgumentHelp("The model file that adapt wrote.", valueName: "file"), completion: .file())
    var model: String

    @Argument(help: ArgumentHelp("Images, or folders of them.", valueName: "image-or-dir"), completion: .file())
    var paths: [String]

    @Option(
        help: ArgumentHelp(
            "The folder to write: made, or empty, or of an earlier inspection, which is replaced.", valueName: "dir"),
        completion: .directory)
    var output: String

    @Option(help: ArgumentHelp("Compare scores with this instead of the model's threshold.", valueName: "x"))
    var threshold: Float?

    @Option(
        help: ArgumentHelp(
            "A text file of images that were adapted to, one a line: they are left out.", valueName: "file"))
    var trainList: String?

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
        let selection = try ImageSelection.inspected(paths, trainingList: trainList)
        let model = try Model(path: model)
        guard model.isAdapted || threshold != nil else {
            throw CommandError("\(self.model): knows no product yet: adapt it to good images first")
        }
        let bits = try depth.resolve(for: selection.items.map(\.url), model: model, common)
        let inspector = try Inspector(model, threads: common.threads)
        if let threshold { try inspector.setThreshold(threshold) }
        let folder = try OutputFolder(path: output, mark: InspectionResults.jsonName)
        let progress = ProgressBar(
            total: selection.items.count, label: "inspecting", quiet: common.quiet || common.json)
        defer { progress.finish() }
        var results = InspectionResults(model: self.model)
        for item in selection.items {
            let image = try MetaformerData.Image(contentsOf: item.url, bits: bits) {
                common.remark("\(item.name): \($0)")
            }
            let inspection = try inspector.inspect(Frame(image, of: item.url.relativePath), wantsMap: true)
            try folder.makeFolder(of: item.name)
            let stem = folder.url.appendingPathComponent(item.name).deletingPathExtension().path
            let boxes = inspection.regions.map { HeatMap.Box(x: $0.x, y: $0.y, width: $0.width, height: $0.height) }
            let overlay = HeatMap.overlay(on: image, map: inspection.map, threshold: inspection.threshold, boxes: boxes)
            try overlay.write(png: URL(fileURLWithPath: stem + ".overlay.png"))
            try FloatMap(width: image.width, height: image.height, values: inspection.map)
                .write(tiff: URL(fileURLWithPath: stem + ".map.tif"))
            results.add(item, inspection)
            progress.advance()
        }
        progress.finish()
        try results.write(to: folder.url)
        try folder.commit()
        if common.json { try common.printJSON(results) }
        common.remark(results.summary(output: output))
    }
}

/// The results of an inspection, as results.csv and results.json hold them.
struct InspectionResults: Encodable {
    static let jsonName = "results.json"
    static let csvName = "results.csv"

    struct Row: Encodable {
        let image: String
        let label: String
        let score: Float
        let threshold: Float
        let verdict: String
        let unlike: [Inspection.Unlikeness]
        let regions: [Inspection.Region]
        let milliseconds: Double
    }

    let model: String
    private(set) var images: [Row] = []

    init(model: String) { self.model = model }

    mutating func add(_ item: ImageSelection.Item, _ inspection: Inspection) {
        images.append(
            Row(
                image: item.name, label: item.label.name, score: inspection.score, threshold: inspection.threshold,
                verdict: inspection.isUnlikeTaught ? "unlike" : inspection.isAnomalous ? "defective" : "good",
                unlike: inspection.unlikeness, regions: inspection.regions,
                milliseconds: inspection.seconds * 1000))
    }

    func write(to folder: URL) throws {
        var text =
            "image,label,score,threshold,verdict,regions,worst_x,worst_y,worst_width,worst_height,milliseconds,unlike\n"
        for row in images {
            let worst = row.regions.first
            let box = worst.map { ["\($0.x)", "\($0.y)", "\($0.width)", "\($0.height)"] } ?? ["", "", "", ""]
            let fields = [
                quoted(row.image), quoted(row.label), "\(row.score)", "\(row.threshold)", row.verdict,
                "\(row.regions.count)",
            ]
            let time = (row.milliseconds * 100).rounded() / 100
            let unlike = row.unlike.map(\.rawValue).joined(separator: " ")
            text += (fields + box + ["\(time)", unlike]).joined(separator: ",") + "\n"
        }
        try AtomicFile.write(Data(text.utf8), to: folder.appendingPathComponent(InspectionResults.csvName))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(encoder.encode(self), to: folder.appendingPathComponent(InspectionResults.jsonName))
    }

    /// A field of CSV (RFC 4180).
    private func quoted(_ text: String) -> String {
        guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
        return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }

    func summary(output: String) -> String {
        func count(_ verdict: String) -> Int { images.count { $0.verdict == verdict } }
        var lines = ["\(images.count) images: \(count("good")) good, \(count("defective")) defective"]
        if count("unlike") > 0 { lines[0] += ", \(count("unlike")) unlike the good images" }
        if let comparison = comparison() { lines.append(comparison) }
        lines.append("\(output): results.csv, results.json, an overlay and a map for each image")
        return lines.joined(separator: "\n")
    }

    /// What was found of each kind of defect, where the folders' names tell; nil where none does.
    private func comparison() -> String? {
        let labelled = images.filter { $0.label != Label.unlabelled.name }
        let kinds = Dictionary(grouping: labelled, by: \.label)
        guard kinds.keys.contains(where: { $0 != Label.good.name }) else { return nil }
        func count(_ rows: [Row]) -> String { "\(rows.count { $0.verdict != "good" }) of \(rows.count)" }
        var table = TextTable(names: 1, header: ["kind", "reported"])
        for (kind, rows) in kinds.sorted(by: { $0.key < $1.key }) where kind != Label.good.name {
            table.rows.append([kind, count(rows)])
        }
        table.rows.append(["all defects", count(labelled.filter { $0.label != Label.good.name })])
        if let good = kinds[Label.good.name] { table.rows.append(["good", count(good)]) }
        return table.text
    }
}
