import Foundation
import MetaformerData
import Testing

@testable import MetaformerEvaluation
@testable import MetaformerInspection

/// A result with given figures.
func makeResult(
    _ method: String, _ category: String = "nut", shots: Shots = .all, seed: UInt64 = 0, auroc: Double = 0.9,
    pro: Double? = 0.8, scores: [ImageScore] = [], threshold: Float = 0.5, training: Int = 10
) -> UnitResult {
    UnitResult(
        unit: EvaluationUnit(method: method, category: category, shots: shots, seed: seed), provenance: "p",
        trainingCount: training, goodCount: scores.count { !$0.isDefective },
        defectiveCount: scores.count { $0.isDefective }, withoutMaskCount: 0,
        images: Classification(auroc: auroc, averagePrecision: 0.7, bestF1: 0.6, bestThreshold: 0.4),
        pixels: pro.map {
            Localization(
                imageCount: 2, pixelCount: 100, defectivePixelCount: 10, regionCount: 3, auroc: 0.95,
                averagePrecision: 0.5, bestF1: 0.5, bestThreshold: 0.3, pro: $0, aurocError: 0, proError: 0)
        },
        proLimit: 0.3, threshold: threshold, thresholdRule: "conformal", adaptationSeconds: 1,
        inspectionMilliseconds: 20, scores: scores, curve: [[0, 0, 0], [0.2, 0.9, 0.6], [1, 1, 1]])
}

@Suite("Tables") struct TableTests {
    @Test("The paper's tables are copied right: their columns give the printed means")
    func paperMeans() {
        func means(_ column: (PublishedResults.Category) -> [Double]) -> [Double] {
            let rows = PublishedResults.categories.map(column)
            return rows[0].indices.map { i in rows.map { $0[i] }.reduce(0, +) / Double(rows.count) }
        }
        let near = { (a: [Double], b: [Double]) in zip(a, b).allSatisfy { abs($0 - $1) < 0.0011 } }
        #expect(PublishedResults.categories.count == 15)
        // DifferNet's rows have a mean of 0.947, where 0.949 is printed.
        var image = means(\.image)
        #expect(abs(image[5] - 0.947) < 0.0005)
        image[5] = PublishedResults.imageMeans[5]
        #expect(near(image, PublishedResults.imageMeans))
        #expect(near(means(\.ablation), PublishedResults.ablationMeans))
        // Of the columns that others reported, some have rows that do not give the printed mean.
        let pro = means(\.pro)
        #expect(abs(pro[0] - 0.791) < 0.0061 && abs(pro[4] - 0.694) < 0.0011 && abs(pro[6] - 0.901) < 0.0011)
        // Table 3's last column is Table 1's.
        #expect(PublishedResults.categories.allSatisfy { $0.ablation[2] == $0.pro[6] })
    }

    @Test("Means and deviations over seeds, of the mean over categories")
    func statistics() throws {
        let results = [
            makeResult("A", "nut", seed: 0, auroc: 0.8), makeResult("A", "nut", seed: 1, auroc: 0.9),
            makeResult("A", "cap", seed: 0, auroc: 1.0), makeResult("A", "cap", seed: 1, auroc: 0.7, pro: nil),
        ]
        let summary = Summary(results)
        let nut = try #require(summary.statistic(.auroc, method: "A", shots: .all, category: "nut"))
        #expect(abs(nut.mean - 0.85) < 1e-12 && abs((nut.deviation ?? 0) - 0.0707106781) < 1e-9)
        let all = try #require(summary.statistic(.auroc, method: "A", shots: .all))
        #expect(abs(all.mean - 0.85) < 1e-12 && abs((all.deviation ?? 0) - 0.0707106781) < 1e-9 && all.count == 2)
        #expect(summary.statistic(.pro, method: "A", shots: .all) == nil)
        #expect(summary.statistic(.auroc, method: "B", shots: .all) == nil)
        #expect(Statistic([0.5])?.text() == "0.500" && Statistic([0.5, 0.6])?.text(2) == "0.55 ± 0.07")
        #expect(Statistic([]) == nil)
        #expect(summary.rows.map { $0.category ?? "mean" } == ["nut", "cap", "mean"])
    }

    @Test(
        "Numbers are rounded as people do it",
        arguments: [
            (0.99951, 3, "1.000"), (0.0494, 2, "0.05"), (-0.004, 2, "0.00"), (-1.25, 1, "-1.3"), (12.5, 0, "13"),
            (0.05, 3, "0.050"),
        ])
    func numbers(value: Double, digits: Int, text: String) {
        #expect(fixed(value, digits) == text)
        #expect(fixed(nil, digits) == "–" && fixed(.nan, digits) == "–")
    }

    @Test("A terminal's table fits 80 columns, with long names too")
    func width() {
        let results = ["a category of a very long name", "metal_nut"].flatMap { category in
            [Shots.count(16), .all].flatMap { shots in
                ["a method of a long name", "A+P+T"].flatMap { method in
                    (0..<2).map { makeResult(method, category, shots: shots, seed: $0) }
                }
            }
        }
        let lines = Summary(results).text.split(separator: "\n")
        #expect(lines.count == 13 && lines.allSatisfy { $0.count <= 80 })
        #expect(lines[1].hasPrefix("a category…  a method o…  16"))
        // Names are cut no more than they must be.
        let short = Summary([makeResult("universal A+P+T", "mtd")]).text.split(separator: "\n")
        #expect(short[1].hasPrefix("mtd       universal A+P+T  all"))
    }

    @Test("The paper's figures stand beside ours only where the data are the paper's")
    func paperColumns() {
        let results = [makeResult("A", "grid", auroc: 0.5), makeResult("A+P+T", "hazelnut", pro: 0.25)]
        let tables = PaperTables(
            summary: Summary(results), layout: .mvtec, trainingCounts: ["grid": 264, "hazelnut": 28],
            configurations: ["A", "A+P+T"])
        let rows = tables.markdown.split(separator: "\n")
        #expect(rows.contains("| grid | 0.619 | 0.708 | 0.717 | 0.810 | 0.996 | 0.840 | 0.859 | 0.500 | – |"))
        #expect(rows.contains("| hazelnut | – | – | – | – | – | – | – | – | 0.900 |"))
        #expect(rows.contains("| grid | 0.844 | 0.852 | 0.865 | 0.800 | – |"))
        #expect(!tables.markdown.contains("0.958") && !tables.markdown.contains("Figure 4"))
        #expect(rows.first == "## Beside the paper")
        // Of other methods there is no Table 3.
        let others = PaperTables(
            summary: Summary(results), layout: .mvtec, trainingCounts: ["grid": 264], configurations: [])
        #expect(others.markdown.contains("Table 1") && !others.markdown.contains("Table 3"))
    }

    @Test("Of data that are not the paper's there is no section of its own, but where its configurations are compared")
    func withoutPaper() {
        func markdown(_ methods: [String], _ configurations: Set<String>) -> String {
            PaperTables(
                summary: Summary(methods.map { makeResult($0, "washer", auroc: 0.5) }), layout: .mvtec,
                trainingCounts: ["washer": 3], configurations: configurations
            ).markdown
        }
        #expect(markdown(["universal A+P+T"], []).isEmpty && markdown(["paper A"], ["paper A"]).isEmpty)
        // Columns without a single figure are left out.
        let ablation = markdown(["paper A", "paper A+P", "1-NN"], ["paper A", "paper A+P"])
        #expect(
            ablation.contains("| category | paper A | paper A+P |") && ablation.contains("| washer | 0.800 | 0.800 |"))
        #expect(!ablation.contains("Table 1"))
    }

    @Test("Files begin with what to use, and what is found and falsely rejected at the threshold") func head() {
        let scores = [0.9, 0.2, 0.7, 0.4].enumerated().map { index, score in
            ImageScore(
                path: "\(index).png", label: index % 2 == 0 ? "dent" : "good", isDefective: index % 2 == 0,
                score: Float(score))
        }
        let results = [
            makeResult("l2-AE", shots: .count(1), auroc: 0.61, scores: scores, threshold: 0.95),
            makeResult("l2-AE", auroc: 0.71, scores: scores, threshold: 0.5),
        ]
        let lines = Summary(results).markdown.split(separator: "\n")
        #expect(lines[0].hasPrefix("The best of 2: l2-AE with all good images finds 100.0 % of the defective images"))
        #expect(lines.contains("| nut | l2-AE | 1 | 0.0 % | 0.0 % | 0.610 | 0.950 | 0.800 |"))
        #expect(lines.contains("| nut | l2-AE | all | 100.0 % | 0.0 % | 0.710 | 0.950 | 0.800 |"))
    }

    @Test("Magnetic tiles get the shape of Table 2")
    func otherTables() {
        let results = [makeResult("l2-AE", shots: .count(1), auroc: 0.61), makeResult("l2-AE", auroc: 0.71)]
        let text = PaperTables(
            summary: Summary(results), layout: .magneticTile, trainingCounts: [:], configurations: []
        ).markdown
        #expect(text.contains("| DifferNet [P] | 0.977 |") && text.contains("| l2-AE | 0.710 |"))
    }

    @Test("Shots are read and ordered")
    func shots() throws {
        #expect(Shots("all") == .all && Shots("16") == .count(16))
        #expect(Shots("0") == nil && Shots("-1") == nil && Shots("few") == nil)
        #expect([.all, .count(16), .count(2)].sorted() == [Shots.count(2), .count(16), .all])
        let encoded = try JSONEncoder().encode([Shots.all, .count(3)])
        #expect(String(decoding: encoded, as: UTF8.self) == "[\"all\",\"3\"]")
        #expect(try JSONDecoder().decode([Shots].self, from: encoded) == [.all, .count(3)])
    }

    @Test("The gallery shows failures first, the worst first")
    func selection() {
        let score = { (name: String, value: Float, isDefective: Bool) in
            ImageScore(path: name, label: isDefective ? "dent" : "good", isDefective: isDefective, score: value)
        }
        let result = makeResult(
            "A",
            scores: [
                score("clear", 0.9, true), score("missed", 0.3, true), score("fine", 0.2, false),
                score("alarm", 0.8, false), score("near", 0.45, false),
            ])
        #expect(Gallery.selection(result).map(\.path) == ["alarm", "missed", "clear", "fine", "near"])
        #expect(result.detectionRate == 0.5 && abs(result.falseAlarmRate - 1.0 / 3) < 1e-12)
        let many = makeResult("A", scores: (0..<100).map { score("\($0)", Float($0) / 100, $0 % 2 == 0) })
        let chosen = Gallery.selection(many)
        #expect(chosen.count == Gallery.maximumCount && Set(chosen.map(\.path)).count == chosen.count)
    }
}
