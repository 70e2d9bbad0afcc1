import Foundation
import MetaformerData

/// The report of an inspection: one page that holds everything it shows and asks no network for anything, the worst first.
struct InspectionReport {
    /// Images shown; all are in the table.
    static let shownCount = 60
    private let results: InspectionResults
    private let folder: URL
    private let sources: [String: URL]
    private let thumbnails: [String: Data]

    /// - Parameters:
    ///   - sources: the files of images, by their names.
    ///   - thumbnails: those that are there already; others are made of overlays or images.
    init(_ results: InspectionResults, folder: URL, sources: [String: URL], thumbnails: [String: Data]) {
        (self.results, self.folder, self.sources, self.thumbnails) = (results, folder, sources, thumbnails)
    }

    var html: String {
        let model = URL(fileURLWithPath: results.model).lastPathComponent
        return HTMLPage(title: "Inspection with \(model)", sections: [overview, gallery, table]).html
    }

    private var worstFirst: [InspectionResults.Row] {
        results.images.enumerated().sorted { a, b in
            (b.element.severity, a.offset) < (a.element.severity, b.offset)
        }.map(\.element)
    }

    private var overview: String {
        let counts = [
            ("good", results.count(.good)), ("defective", results.count(.defective)),
            ("unlike the good images", results.count(.unlike)), ("unreadable", results.count(.unreadable)),
        ]
        let rows = counts.filter { $0.1 > 0 }.map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }
        let missing = results.total - results.images.count
        let stopped =
            missing > 0 ? "<p><b>Stopped:</b> \(missing) of \(results.total) images were not inspected.</p>" : ""
        return """
            <section aria-labelledby="summary"><h2 id="summary">\(results.images.count) images</h2>
            \(stopped)<dl>\(rows.joined())</dl></section>
            """
    }

    private var gallery: String {
        let shown = Array(worstFirst.prefix(InspectionReport.shownCount))
        let rest = results.images.count - shown.count
        let thumbnails = Parallel.map(count: shown.count, threads: 0) { thumbnail(shown[$0]) }
        let items = zip(shown, thumbnails).map { row, data in item(row, data) }
        return """
            <section aria-labelledby="images"><h2 id="images">The worst first</h2>
            <p class="note">Red is beyond the threshold, white lines go around regions; of good images the yellow line goes around
            what is least like the others. The bar below shows the score, its middle is the threshold.\
            \(rest > 0 ? " \(rest) more are in the table." : "")</p>
            <ol class="gallery inspected">
            \(items.joined(separator: "\n"))
            </ol></section>
            """
    }

    private func item(_ row: InspectionResults.Row, _ thumbnail: Data?) -> String {
        let tag = thumbnail.map {
            "<img src=\"data:image/jpeg;base64,\($0.base64EncodedString())\" loading=\"lazy\" alt=\"\(escaped(row.image))\">"
        }
        let link = row.overlay.map { "<a href=\"\(InspectionReport.reference($0))\">\(tag ?? "overlay")</a>" }
        return """
            <li\(row.verdict == .good ? "" : " class=\"wrong\"")><p><b>\(row.verdict.rawValue)</b>\(detail(row))
            <span class="path">\(escaped(row.image))</span></p>\(link ?? tag ?? "")</li>
            """
    }

    private func detail(_ row: InspectionResults.Row) -> String {
        if let reason = row.reason { return ": \(escaped(reason))" }
        let unlike = row.unlike.map(\.rawValue).joined(separator: ", ")
        let label = row.label == Label.unlabelled.name ? "" : ", labelled \(escaped(row.label))"
        return " \(unlike) score \(number(row.score)) of \(number(row.threshold))\(label)"
    }

    private var table: String {
        let rows = worstFirst.map { row -> String in
            let cells = [row.image, row.label, row.verdict.rawValue]
            let figures = [number(row.score), number(row.threshold), "\(row.regions.count)"]
            let note = row.reason ?? row.unlike.map(\.rawValue).joined(separator: ", ")
            return "<tr>" + cells.map { "<td class=\"name\">\(escaped($0))</td>" }.joined()
                + figures.map { "<td>\($0)</td>" }.joined() + "<td class=\"name\">\(escaped(note))</td></tr>"
        }
        let header = ["image", "label", "verdict"].map { "<th scope=\"col\" class=\"name\">\($0)</th>" }.joined()
        let figures = ["score", "threshold", "regions"].map { "<th scope=\"col\">\($0)</th>" }.joined()
        return """
            <section aria-labelledby="all"><h2 id="all">All images</h2>
            <div class="scroll" role="region" aria-label="all images" tabindex="0"><table><thead><tr>\(header)\(figures)\
            <th scope="col" class="name">note</th></tr></thead>
            <tbody>\(rows.joined(separator: "\n"))</tbody></table></div></section>
            """
    }

    private func number(_ value: Float?) -> String {
        guard let value else { return "–" }
        return value.isFinite ? fixed(Double(value), abs(value) < 10 ? 3 : 1) : "\(value)"
    }

    /// A path as a link of a page beside it.
    private static func reference(_ path: String) -> String {
        escaped(path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path)
    }

    /// The overlay, or where none was written the image, at the size of the page.
    private func thumbnail(_ row: InspectionResults.Row) -> Data? {
        if let data = thumbnails[row.image] { return data }
        let url = row.overlay.map { folder.appendingPathComponent($0) } ?? sources[row.image]
        guard let url, row.verdict != .unreadable, let image = try? Image(contentsOf: url) else { return nil }
        let isOverlay = row.overlay != nil
        return try? Thumbnail.jpeg(
            of: isOverlay ? image : ReducedImage(of: image, longestSide: Thumbnail.longestSourceSide).image)
    }
}
