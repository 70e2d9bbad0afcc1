import Foundation
import MetaformerData
import MetaformerModels

/// The results of an inspection, as results.csv and results.json hold them.
public struct InspectionResults: Codable, Sendable {
    public struct Row: Codable, Sendable {
        public enum Verdict: String, Codable, Sendable { case good, defective, unlike, unreadable }

        public let image: String
        /// "good", "unlabelled", or a kind of defect, as the folders' names tell.
        public let label: String
        public let verdict: Verdict
        /// nil where the image could not be inspected.
        public let score: Float?
        public let threshold: Float?
        public let unlike: [Inspection.Unlikeness]
        public let regions: [Inspection.Region]
        public let milliseconds: Double?
        /// Why the image could not be inspected.
        public let reason: String?
        /// The result files of this image, within the folder of results.
        public internal(set) var overlay: String?
        public internal(set) var map: String?
        /// Of the image's file: what tells whether it has changed since.
        let bytes: Int?
        let modified: Double?

        init(_ image: InspectedImage, _ inspection: Inspection, stamp: FileStamp?) {
            self.image = image.name
            label = image.label.name
            verdict = inspection.isUnlikeTaught ? .unlike : inspection.isAnomalous ? .defective : .good
            score = inspection.score
            threshold = inspection.threshold
            unlike = inspection.unlikeness
            regions = inspection.regions
            milliseconds = inspection.seconds * 1000
            reason = nil
            (bytes, modified) = (stamp?.size, stamp?.modified)
        }

        init(_ image: InspectedImage, unreadable reason: String, stamp: FileStamp?) {
            self.image = image.name
            label = image.label.name
            verdict = .unreadable
            (score, threshold, milliseconds) = (nil, nil, nil)
            (unlike, regions) = ([], [])
            self.reason = reason
            (bytes, modified) = (stamp?.size, stamp?.modified)
        }

        var files: [String] { [overlay, map].compactMap { $0 } }

        /// How far it is beyond the threshold, for an order: the worst first.
        var severity: Double {
            guard let score, let threshold else { return .infinity }
            if verdict == .unlike { return .greatestFiniteMagnitude }
            return threshold > 0 && threshold.isFinite ? Double(score / threshold) : Double(score)
        }

        /// Whether something was reported of it.
        public var isReported: Bool { verdict == .defective || verdict == .unlike }
    }

    public static let jsonName = "results.json"
    public static let csvName = "results.csv"
    public static let reportName = "report.html"

    public let model: String
    /// In the order in which images were given.
    public internal(set) var images: [Row]
    /// How many were to be inspected: more than there are rows where the inspection was stopped.
    public let total: Int

    public func count(_ verdict: Row.Verdict) -> Int { images.count { $0.verdict == verdict } }

    /// The images that could not be inspected.
    public var unreadable: [Row] { images.filter { $0.verdict == .unreadable } }

    /// Writes the tables and the report, each whole or not at all.
    func write(to folder: URL, sources: [String: URL], thumbnails: [String: Data] = [:]) throws {
        let page = InspectionReport(self, folder: folder, sources: sources, thumbnails: thumbnails).html
        for (name, text) in [
            (InspectionResults.csvName, csv), (InspectionResults.jsonName, try JSONText.of(self, isSnakeCase: false)),
            (InspectionResults.reportName, page),
        ] {
            let url = folder.appendingPathComponent(name)
            do {
                try AtomicFile.write(Data(text.utf8), to: url)
            } catch {
                throw InspectionError("\(url.relativePath): cannot be written: \(error)")
            }
        }
    }

    var csv: String {
        let header = [
            "image", "label", "score", "threshold", "verdict", "regions", "worst_x", "worst_y", "worst_width",
            "worst_height", "milliseconds", "unlike", "reason",
        ]
        let rows = images.map { row -> [String] in
            let box = row.regions.first.map { ["\($0.x)", "\($0.y)", "\($0.width)", "\($0.height)"] }
            let time = row.milliseconds.map { "\(($0 * 100).rounded() / 100)" } ?? ""
            return [
                row.image, row.label, row.score.map { "\($0)" } ?? "", row.threshold.map { "\($0)" } ?? "",
                row.verdict.rawValue, "\(row.regions.count)",
            ] + (box ?? ["", "", "", ""]) + [
                time, row.unlike.map(\.rawValue).joined(separator: " "), row.reason ?? "",
            ]
        }
        return CSVText.lines([header] + rows)
    }

    /// The verdicts in a line, and where the folders' names tell, what was found of each kind of defect.
    public var summary: String {
        var line =
            "\(images.count) image\(images.count == 1 ? "" : "s"): \(count(.good)) good, \(count(.defective)) defective"
        if count(.unlike) > 0 { line += ", \(count(.unlike)) unlike the good images" }
        if count(.unreadable) > 0 { line += ", \(count(.unreadable)) unreadable" }
        return [line, comparison()].compactMap { $0 }.joined(separator: "\n")
    }

    private func comparison() -> String? {
        let labelled = images.filter { $0.label != Label.unlabelled.name && $0.verdict != .unreadable }
        let kinds = Dictionary(grouping: labelled, by: \.label)
        guard kinds.keys.contains(where: { $0 != Label.good.name }) else { return nil }
        func count(_ rows: [Row]) -> String { "\(rows.count(where: \.isReported)) of \(rows.count)" }
        var table = TextTable(names: 1, header: ["kind", "reported"])
        for (kind, rows) in kinds.sorted(by: { $0.key < $1.key }) where kind != Label.good.name {
            table.rows.append([kind, count(rows)])
        }
        table.rows.append(["all defects", count(labelled.filter { $0.label != Label.good.name })])
        if let good = kinds[Label.good.name] { table.rows.append(["good", count(good)]) }
        return table.text
    }
}
