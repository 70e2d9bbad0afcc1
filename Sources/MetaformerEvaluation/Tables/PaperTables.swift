import MetaformerData
import MetaformerInspection
import MetaformerModels

/// Tables in the shape of the paper's, its own figures beside ours: of its data sets, and of configurations of its model.
struct PaperTables {
    let summary: Summary
    let layout: Dataset.Layout
    /// Good images for training that each category has.
    let trainingCounts: [String: Int]
    /// The methods that are configurations of the paper's model, such as "paper A+P" or "scratch:A".
    let configurations: Set<String>

    struct Titled {
        let title: String
        let table: TextTable
        let note: String
    }

    /// Those that say something of these results; none of data and methods that are not the paper's.
    var all: [Titled] {
        let isOfPaper = summary.categories.contains { paper($0) != nil }
        var tables: [Titled] = []
        if layout == .magneticTile { tables.append(table2) }
        if isOfPaper { tables += [table1(image: true), table1(image: false)] }
        if !ablationMethods.isEmpty, isOfPaper || ablationMethods.count > 1 { tables.append(table3) }
        return tables
    }

    /// A section; empty where there is no table.
    var markdown: String {
        guard !all.isEmpty else { return "" }
        let parts = all.map { "### \($0.title)\n\n\($0.table.markdown)\n\n\($0.note)" }
        return "## Beside the paper\n\n" + parts.joined(separator: "\n\n") + "\n"
    }

    /// Ours are of the largest number of shots.
    private var shots: Shots { summary.shots.last ?? .all }

    private func ours(_ metric: Metric, _ method: String, _ category: String?) -> String {
        summary.statistic(metric, method: method, shots: shots, category: category)?.text() ?? "–"
    }

    private func paper(_ category: String) -> PublishedResults.Category? {
        PublishedResults.category(category, trainingCount: trainingCounts[category] ?? 0)
    }

    private var isWholeMVTec: Bool {
        summary.categories.count == PublishedResults.categories.count
            && summary.categories.allSatisfy { paper($0) != nil }
    }

    private func table1(image: Bool) -> Titled {
        let names = image ? PublishedResults.imageMethods : PublishedResults.pixelMethods
        let metric: Metric = image ? .auroc : .pro
        var table = TextTable(
            names: 1, header: ["category"] + names.map { "\($0) [P]" } + summary.methods)
        for category in summary.categories {
            let paper = paper(category).map { image ? $0.image : $0.pro }
            table.rows.append(
                [category] + names.indices.map { fixed(paper?[$0], 3) }
                    + summary.methods.map { ours(metric, $0, category) })
        }
        if summary.categories.count > 1 {
            let means = image ? PublishedResults.imageMeans : PublishedResults.proMeans
            table.rows.append(
                ["mean"] + names.indices.map { fixed(isWholeMVTec ? means[$0] : nil, 3) }
                    + summary.methods.map { ours(metric, $0, nil) })
        }
        let title = image ? "Image AUROC" : "Localisation, PRO up to a false-positive rate of \(limitText)"
        return Titled(title: "\(title), as the paper's Table 1", table: table.withoutEmptyColumns, note: note)
    }

    private var table2: Titled {
        var table = TextTable(names: 1, header: ["method", "image AUROC"])
        table.rows = PublishedResults.magneticTile.map { ["\($0.method) [P]", fixed($0.auroc, 3)] }
        table.rows += summary.methods.map { [$0, ours(.auroc, $0, nil)] }
        return Titled(
            title: "Image AUROC on Magnetic Tile Defects, as the paper's Table 2", table: table,
            note: note
                + " [P] trained on 761 good images. The standard error of an AUROC of 0.993 is near 0.003 here.")
    }

    private var ablationMethods: [String] { summary.methods.filter(configurations.contains) }

    private var table3: Titled {
        var table = TextTable(names: 1, header: ["category", "A [P]", "A+P [P]", "A+P+T [P]"] + ablationMethods)
        for category in summary.categories {
            let paper = paper(category)?.ablation
            table.rows.append(
                [category] + (0..<3).map { fixed(paper?[$0], 3) } + ablationMethods.map { ours(.pro, $0, category) })
        }
        if summary.categories.count > 1 {
            let means = PublishedResults.ablationMeans
            table.rows.append(
                ["mPRO"] + (0..<3).map { fixed(isWholeMVTec ? means[$0] : nil, 3) }
                    + ablationMethods.map { ours(.pro, $0, nil) })
        }
        return Titled(
            title: "Effect of each module, PRO up to \(limitText), as the paper's Table 3",
            table: table.withoutEmptyColumns,
            note: note
                + " In print, the means of Table 3 stand a column too far right; here they are in their own columns.")
    }

    private var limitText: String { fixed(summary.results.first?.proLimit, 2) }

    private var note: String {
        let seeds = Set(summary.results.map(\.unit.seed)).count
        let spread = seeds > 1 ? "mean ± standard deviation of \(seeds) seeds" : "one seed"
        return """
            [P]: the paper's own figures, shown where a category has the name and the number of training images of MVTec AD's. \
            The others were measured here: \(shots == .all ? "all" : "\(shots)") shots, \(spread).
            """
    }
}
