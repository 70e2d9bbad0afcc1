import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels

/// Sets what an adapted model's verdicts rest on, from good images that it was not adapted to: which map, which score of it,
/// and the threshold.
///
/// Maps and scores are compared by how well they tell good images from copies with synthetic defects, and defective pixels
/// from good ones. What is normal at each position is always measured on other images than those it is applied to: in two
/// halves while maps are compared and for the threshold's scores, and on all of them for the model that results.
public struct Calibration {
    /// A map and a score of it.
    public struct Choice: Sendable, Hashable, Codable {
        public var kind: AnomalyMap.Kind
        public var isNormalized: Bool
        public var score: AnomalyMap.Score
    }

    /// What a choice is worth.
    public struct Row: Sendable, Hashable, Codable {
        public let choice: Choice
        /// Of scores, good images against defective copies.
        public let imageAUROC: Double
        /// Of the pixels of both.
        public let pixelAUROC: Double

        /// The better of two choices has the higher one.
        public var merit: Double { (imageAUROC + pixelAUROC) / 2 }
    }

    public struct Options: Sendable {
        /// Leaves the map and its score as they are, and sets the threshold alone.
        public var keepsMap = false
        /// Images that are to be found defective: the threshold is then that of the best F1, and the map is kept.
        public var defective: [CalibrationImage] = []
        /// Without effect where there are defective images.
        public var falseAlarmRate: Float = 0.01
        public var seed: UInt64 = 0
        /// 0: one for each core.
        public var threads = 0

        public init() {}
    }

    /// The model's own choice first; empty where the map was kept.
    public let rows: [Row]
    /// nil where the map was kept.
    public let chosen: Choice?
    public let threshold: Threshold
    /// The calibrated model.
    public let file: TensorFile

    /// The fewest good images among which maps are compared.
    public static let leastCount = 4
    /// Of more images, so many are copied with defects, and compared.
    static let comparedCount = 24

    /// Calibrates the model file at a path on good images that it was not adapted to.
    ///
    /// - Parameters:
    ///   - path: the model file that adaptation wrote.
    ///   - images: good images that it was not adapted to.
    ///   - options: what is chosen, and by what.
    ///   - progress: called after each of `total` pieces of work.
    /// - Throws: where the model was not adapted or has no description to make maps by, or there are too few images.
    public init(
        model path: String, good images: [CalibrationImage], options: Options = Options(),
        progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws {
        let model = try Model(path: path)
        let file = try TensorFile(path: path)
        guard model.isAdapted else {
            throw InspectionError("\(path): knows no product yet: adapt it to good images first")
        }
        // Only where all of the input shows the product are its maps compared: tiles have no norm of their own at a
        // position, and what an image leaves of the input is no image.
        let isStretched = ["stretch", nil].contains(file.metadata["input.framing"])
        let isOfPixels = [ModelDescription.Target.pixels.rawValue, nil].contains(file.metadata["target"])
        guard !options.keepsMap, options.defective.isEmpty, isStretched, isOfPixels else {
            (rows, chosen) = ([], nil)
            let frame = { (image: CalibrationImage) in try Frame(image.image(), of: image.name) }
            let calibrated = try model.calibrated(
                goodFrames: images.count, defective: options.defective.map(frame),
                falseAlarmRate: options.falseAlarmRate, threads: options.threads, takesAnyDepth: true,
                progress: { step in
                    progress(step.done, step.total)
                    return true
                }, frame: { try frame(images[$0]) })
            threshold = try Threshold(of: calibrated)
            self.file = Calibration.file(file, settings: threshold.settings)
            return
        }
        guard images.count >= Calibration.leastCount else {
            throw InspectionError(
                "too few good images (\(images.count)) to choose a map by: give \(Calibration.leastCount) or more that the "
                    + "model was not adapted to, or keep its map")
        }
        guard file.metadata["description"] != nil else {
            throw InspectionError(
                "\(path): has no description of its network to make other maps by; keep its map, and only the threshold is set"
            )
        }
        var description = try ModelDescription(settings: file.metadata)
        let comparison = try MapComparison(description, parameters: file, threads: options.threads)
        var trial = try MapSelection(
            comparison, own: description.map, good: images, options: options, progress: progress)
        let rows = try trial.compare()
        guard let best = rows.indices.max(by: { (rows[$0].merit, -$0) < (rows[$1].merit, -$1) }) else {
            throw InspectionError("there are no maps to choose from")
        }
        let chosen = rows[best].choice
        threshold = try Threshold(goodScores: trial.goodScores(chosen), falseAlarmRate: options.falseAlarmRate)
        description.map.kind = chosen.kind
        description.map.isNormalized = chosen.isNormalized
        description.map.score = chosen.score
        var parameters: [String: [Float]] = [:]
        for entry in file.entries {
            if case .floats(let values) = entry.contents { parameters[entry.name] = values }
        }
        (parameters["normal.mean"], parameters["normal.gain"]) = trial.normality(of: chosen.kind)
        let rebuilt = try description.file(parameters: parameters)
        let settings = file.metadata.merging(rebuilt.metadata) { $1 }.merging(threshold.settings) { $1 }
        self.file = Calibration.file(rebuilt, settings: settings)
        (self.rows, self.chosen) = (rows, chosen)
    }

    /// A file with further settings, and where its threshold comes from.
    private static func file(_ file: TensorFile, settings: [String: String]) -> TensorFile {
        var file = file
        for key in Threshold.keys { file.metadata[key] = nil }
        file.metadata.merge(settings) { $1 }
        file.metadata["threshold.from"] = "calibration"
        return file
    }

    /// The comparison as a table for terminals, the best choice marked; empty where the map was kept.
    public var text: String {
        guard !rows.isEmpty else { return "" }
        var table = TextTable(names: 3, header: ["map", "measured", "score", "images", "pixels", ""])
        for (index, row) in rows.enumerated() {
            let notes = [index == 0 ? "so far" : nil, row.choice == chosen ? "chosen" : nil].compactMap { $0 }
            table.rows.append([
                row.choice.kind.title, row.choice.isNormalized ? "against good images" : "as it is",
                row.choice.score.rawValue, fixed(row.imageAUROC, 3), fixed(row.pixelAUROC, 3),
                notes.joined(separator: ", "),
            ])
        }
        return table.text
    }
}

/// An image that a model is calibrated by; its pixels are in memory only while they are worked on.
public struct CalibrationImage: Sendable {
    /// For messages.
    public let name: String
    /// Reads the image, or gives the one that there is.
    let image: @Sendable () throws -> Image

    /// - Throws: `UnreadableImage` where the file cannot be used; it is read once for that.
    /// `bits` are those in use of files of 16 bits a sample; nil for all.
    public init(contentsOf url: URL, bits: Int? = nil) throws(UnreadableImage) {
        do {
            let image = try Image(contentsOf: url, bits: bits)
            if let obstacle = ImageCheck.obstacle(image) { throw InspectionError("\(url.relativePath): \(obstacle)") }
        } catch {
            throw UnreadableImage(error, url)
        }
        name = url.relativePath
        image = { try Image(contentsOf: url, bits: bits) }
    }

    public init(name: String, image: Image) {
        self.name = name
        self.image = { image }
    }
}

extension AnomalyMap.Kind {
    fileprivate var title: String {
        switch self {
        case .squaredError: "squared error"
        case .dissimilarity: "1 - SSIM"
        case .loss: "loss"
        case .gradient: "1 - MSGMS"
        }
    }
}
