import Foundation
import MetaformerInspection

/// The report: one page that holds everything it shows and asks no network for anything.
struct ReportPage {
    private let files: ResultFiles
    private let gallery: Gallery
    private var summary: Summary { files.summary }

    init(_ files: ResultFiles, gallery: Gallery) {
        self.files = files
        self.gallery = gallery
    }

    var html: String {
        let title = "Evaluation of \(URL(fileURLWithPath: files.provenance.dataset).lastPathComponent)"
        let sections = [overview, kShots] + summary.categories.map(category) + [paperTables, provenance]
        return HTMLPage(title: title, sections: sections).html
    }

    // MARK: Sections

    private var overview: String {
        let header = [
            "category", "method", "shots", "found", "false alarms", "image AUROC", "AP", "F1", "pixel AUROC", "PRO",
            "ms",
        ]
        let rows = summary.rows.map { category, method, shots -> [String] in
            let mean = { (metric: Metric) in
                summary.statistic(metric, method: method, shots: shots, category: category)
            }
            let texts = [Metric.auroc, .averagePrecision, .bestF1, .pixelAUROC, .pro].map { mean($0)?.text() ?? "–" }
            let rates = [Metric.detectionRate, .falseAlarmRate].map { percent(mean($0)?.mean) }
            return [category ?? "mean", method, shots.description] + rates + texts
                + [fixed(mean(.milliseconds)?.mean, 1)]
        }
        let limit = fixed(files.provenance.proLimit, 2)
        return """
            <section aria-labelledby="summary"><h2 id="summary">Summary</h2>
            \(([summary.advice].compactMap { $0 } + summary.notes).map { "<p>\(escaped($0))</p>" }.joined())
            \(table(header, rows, names: 3))
            <p class="note">\(spread) AUROC, AP and F1 are of the images' scores, F1 at its best threshold. PRO is the area under
            the mean overlap of regions up to a false-positive rate of \(limit), over \(limit), at the images' own size.
            Found and false alarms are at the threshold that good images alone have set. Milliseconds are of one image.</p>
            </section>
            """
    }

    private var kShots: String {
        guard summary.shots.count > 1 else { return "" }
        return """
            <section aria-labelledby="shots"><h2 id="shots">From one good image to all</h2>
            <div class="charts">\(Charts.shots(summary).html)</div></section>
            """
    }

    private var paperTables: String {
        // Of other data and methods it has nothing to say.
        guard !files.tables.all.isEmpty else { return "" }
        let tables = files.tables.all.map { titled in
            """
            <h3>\(escaped(titled.title))</h3>
            \(table(titled.table.header, titled.table.rows, names: titled.table.names, label: titled.title))
            <p class="note">\(escaped(titled.note))</p>
            """
        }
        return """
            <section aria-labelledby="paper"><h2 id="paper">Beside the paper</h2>
            \(tables.joined(separator: "\n"))</section>
            """
    }

    private func category(_ name: String) -> String {
        let featured = summary.results.filter { $0.unit.category == name && files.plan.isFeatured($0.unit) }
        guard let first = featured.first else { return "" }
        let charts = [Charts.roc(featured), Charts.pro(featured)].compactMap { $0 } + featured.map(Charts.histogram)
        let isOpen = name == summary.categories.first ? " open" : ""
        let withoutMask =
            first.withoutMaskCount > 0
            ? " \(first.withoutMaskCount) defective ones without a mask count for images only." : ""
        return """
            <section><details\(isOpen)><summary><h2>\(escaped(name))</h2></summary>
            <p>\(first.unit.shots == .all ? "All" : "\(first.unit.shots)") shots (\(first.trainingCount) good images), seed
            \(first.unit.seed); tested with \(first.goodCount) good and \(first.defectiveCount) defective
            images.\(withoutMask)</p>
            <div class="charts">\(charts.map(\.html).joined(separator: "\n"))</div>
            \(featured.map(images).joined(separator: "\n"))
            </details></section>
            """
    }

    private func images(_ result: UnitResult) -> String {
        let shown = gallery.read(result.unit)
        guard !shown.isEmpty else { return "" }
        let id = "gallery-\(result.unit.folderName)"
        let wrong = result.scores.count(where: result.isWrong)
        let isTiled = shown.contains { $0.entry.panels.first?.title == Gallery.tiledTitle }
        let tiles =
            isTiled ? " Tiled images are shown whole, without R and reconstruction, which each tile has its own." : ""
        return """
            <h3>\(escaped(result.unit.method)): \(wrong) of \(result.scores.count) verdicts are wrong</h3>
            <p class="order"><label>Order <select data-gallery="\(escaped(id))">
            <option value="rank">failures first</option><option value="descending">highest score first</option>
            <option value="ascending">lowest score first</option></select></label>
            \(shown.count) of \(result.scores.count) images are shown; the maps are orange from the threshold
            \(significant(result.threshold)) on.\(tiles)</p>
            <ol class="gallery" id="\(escaped(id))">
            \(shown.enumerated().map { item($1.entry, $1.panels, rank: $0, threshold: result.threshold) }
                .joined(separator: "\n"))
            </ol>
            """
    }

    private func item(_ entry: Gallery.Entry, _ panels: [Data], rank: Int, threshold: Float) -> String {
        let score = entry.score
        let verdict = score.score > threshold ? "called defective" : "called good"
        let truth = score.isDefective ? "defective: \(score.label)" : "good"
        let images = zip(entry.panels, panels).map { panel, data in
            """
            <figure><img src="data:image/png;base64,\(data.base64EncodedString())" width="128" height="128" loading="lazy" \
            alt="\(escaped("\(panel.title) of \(score.path)"))"><figcaption>\(escaped(panel.title))</figcaption></figure>
            """
        }
        return """
            <li data-score="\(score.score)" data-rank="\(rank)"\(entry.isWrong ? " class=\"wrong\"" : "")>
            <p><b>\(entry.isWrong ? "Wrong" : "Right"):</b> \(escaped(truth)), \(verdict), score
            \(significant(score.score)) <span class="path">\(escaped(score.path))</span></p>
            <div class="panels">\(images.joined(separator: "\n"))</div></li>
            """
    }

    private var provenance: String {
        let from = files.provenance
        let methods = from.methods.map { ["method \($0.name)", $0.origin] }
        let counts = summary.categories.compactMap { name in
            summary.results.last { $0.unit.category == name }.map { result in
                [
                    "images of \(name)",
                    "\(result.goodCount) good and \(result.defectiveCount) defective for testing, digest \(result.provenance)",
                ]
            }
        }
        let rows =
            [
                ["program", "metaformer \(from.version)"], ["command", from.command],
                ["data set", "\(from.dataset) (\(from.layout))"], ["split", from.split],
                ["seeds", from.seeds.map(String.init).joined(separator: ", ")],
                ["false-alarm rate asked for", percent(Double(from.falseAlarmRate))],
            ] + methods + counts
        let lines = rows.map { "<dt>\(escaped($0[0]))</dt><dd>\(escaped($0[1]))</dd>" }
        return """
            <section aria-labelledby="provenance"><h2 id="provenance">Where these figures come from</h2>
            <dl>\(lines.joined(separator: "\n"))</dl></section>
            """
    }

    // MARK: Pieces

    private var spread: String {
        files.provenance.seeds.count > 1
            ? "Mean ± standard deviation over \(files.provenance.seeds.count) seeds." : "One seed."
    }

    private func percent(_ value: Double?) -> String { value.map { fixed($0 * 100, 1) + " %" } ?? "–" }

    private func significant(_ value: Float) -> String {
        Double(value).formatted(
            .number.precision(.significantDigits(3)).grouping(.never).locale(Locale(identifier: "en")))
    }

    private func table(
        _ header: [String], _ rows: [[String]], names: Int, label: String = "figures"
    ) -> String {
        let head = header.enumerated().map {
            "<th scope=\"col\"\($0 < names ? " class=\"name\"" : "")>\(escaped($1))</th>"
        }
        let body = rows.map { row in
            "<tr>" + row.enumerated().map { "<td\($0 < names ? " class=\"name\"" : "")>\(escaped($1))</td>" }.joined()
                + "</tr>"
        }
        return """
            <div class="scroll" role="region" aria-label="\(escaped(label))" tabindex="0"><table><thead><tr>\(head.joined())</tr></thead>
            <tbody>\(body.joined(separator: "\n"))</tbody></table></div>
            """
    }
}
