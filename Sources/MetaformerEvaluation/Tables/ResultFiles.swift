import Foundation
import MetaformerData
import MetaformerInspection

/// Where results come from: enough to get them again.
public struct Provenance: Sendable, Codable, Equatable {
    public struct Method: Sendable, Codable, Equatable {
        public let name: String
        public let origin: String
    }

    public let version: String
    public let command: String
    public let dataset: String
    public let layout: String
    public let split: String
    public let methods: [Method]
    public let seeds: [UInt64]
    public let threads: Int
    public let proLimit: Double
    public let falseAlarmRate: Float

    /// - Parameters:
    ///   - plan: what was evaluated.
    ///   - version: of the engine.
    ///   - command: the command line, for people.
    public init(_ plan: EvaluationPlan, version: String, command: String) {
        self.version = version
        self.command = command
        dataset = plan.dataset.directory.relativePath
        layout = plan.dataset.layout.rawValue
        split = plan.splitNote.isEmpty ? "the data set's own" : plan.splitNote
        methods = plan.methods.map { Method(name: $0.name, origin: $0.origin) }
        seeds = plan.seeds
        threads = plan.adaptation.threads
        proLimit = plan.proLimit
        falseAlarmRate = plan.adaptation.falseAlarmRate
    }
}

/// The files of a run: results.csv (a row a unit), scores.csv (a row an image and unit), results.json, tables.md and report.html.
public struct ResultFiles {
    public let summary: Summary
    public let provenance: Provenance
    let plan: EvaluationPlan

    public init(_ results: [UnitResult], plan: EvaluationPlan, provenance: Provenance) {
        summary = Summary(results)
        self.plan = plan
        self.provenance = provenance
    }

    /// Writes all of them, each whole or not at all.
    public func write(to folder: URL) throws {
        let tables = (["# Results", summary.markdown] + [tables.markdown].filter { !$0.isEmpty }).joined(
            separator: "\n\n")
        let report = ReportPage(self, gallery: Gallery(folder: folder)).html
        for (name, text) in [
            ("results.csv", csv), ("scores.csv", scoresCSV), ("results.json", try json), ("tables.md", tables),
            ("report.html", report),
        ] {
            let url = folder.appendingPathComponent(name)
            do {
                try AtomicFile.write(Data(text.utf8), to: url)
            } catch {
                throw EvaluationError("\(url.relativePath): cannot be written: \(error)")
            }
        }
    }

    var tables: PaperTables {
        let counts = summary.categories.map { ($0, plan.training($0).count) }
        return PaperTables(
            summary: summary, layout: plan.dataset.layout, trainingCounts: Dictionary(uniqueKeysWithValues: counts),
            configurations: Set(plan.methods.filter(\.isConfiguration).map(\.name)))
    }

    var csv: String {
        let header = [
            "method", "category", "shots", "seed", "training", "good", "defective", "without_mask", "auroc",
            "average_precision", "best_f1", "best_f1_threshold", "pixel_auroc", "pixel_average_precision",
            "pixel_best_f1", "pro", "pro_limit", "regions", "threshold", "detection_rate", "false_alarm_rate",
            "adaptation_seconds", "inspection_milliseconds",
        ]
        let rows = summary.results.map { result -> [String] in
            let (unit, images, pixels) = (result.unit, result.images, result.pixels)
            let pixelFigures: [Double?] = [pixels?.auroc, pixels?.averagePrecision, pixels?.bestF1, pixels?.pro]
            var row = [unit.method, unit.category, "\(unit.shots)", "\(unit.seed)", "\(result.trainingCount)"]
            row += ["\(result.goodCount)", "\(result.defectiveCount)", "\(result.withoutMaskCount)"]
            row += ["\(images.auroc)", "\(images.averagePrecision)", "\(images.bestF1)", "\(images.bestThreshold)"]
            row += pixelFigures.map { $0.map { "\($0)" } ?? "" }
            row += ["\(result.proLimit)", "\(pixels?.regionCount ?? 0)", "\(result.threshold)"]
            row += ["\(result.detectionRate)", "\(result.falseAlarmRate)"]
            row += [fixed(result.adaptationSeconds, 2), fixed(result.inspectionMilliseconds, 2)]
            return row
        }
        return CSVText.lines([header] + rows)
    }

    var scoresCSV: String {
        let rows = summary.results.flatMap { result in
            result.scores.map { score in
                [
                    result.unit.method, result.unit.category, "\(result.unit.shots)", "\(result.unit.seed)", score.path,
                    score.label, "\(score.score)", score.score > result.threshold ? "defective" : "good",
                ]
            }
        }
        return CSVText.lines([["method", "category", "shots", "seed", "image", "label", "score", "verdict"]] + rows)
    }

    private struct Document: Encodable {
        struct Line: Encodable {
            let category: String?
            let method: String
            let shots: Shots
            let figures: [String: Statistic]
        }
        let provenance: Provenance
        let summary: [Line]
        let units: [UnitResult]
    }

    /// Provenance, statistics by category, method and shots (no category: their mean), and all units with all scores.
    public var json: String {
        get throws {
            let lines = summary.rows.map { category, method, shots in
                let figures = Metric.allCases.compactMap { metric in
                    summary.statistic(metric, method: method, shots: shots, category: category).map {
                        (metric.rawValue, $0)
                    }
                }
                return Document.Line(
                    category: category, method: method, shots: shots,
                    figures: Dictionary(uniqueKeysWithValues: figures))
            }
            let document = Document(provenance: provenance, summary: lines, units: summary.results)
            return try JSONText.of(document)
        }
    }
}
