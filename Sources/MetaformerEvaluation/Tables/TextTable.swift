/// A table as text for terminals, or as Markdown.
public struct TextTable {
    /// The first columns are names, aligned left; the others are figures, aligned right.
    public var names: Int
    public var header: [String]
    public var rows: [[String]] = []
    /// Names are cut where lines would be longer in a terminal.
    public var width: Int

    public init(names: Int, header: [String], width: Int = 80) {
        (self.names, self.header, self.width) = (names, header, width)
    }

    private static let leastNameWidth = 8

    /// Lines with two spaces between columns; a name that repeats the line above is left out.
    public var text: String {
        var nameWidth = rows.flatMap { $0.prefix(names) }.map(\.count).max() ?? 0
        var shown = rows(namesCutTo: nameWidth)
        while nameWidth > TextTable.leastNameWidth, columnWidths(shown).reduce(-2, { $0 + $1 + 2 }) > width {
            nameWidth -= 1
            shown = rows(namesCutTo: nameWidth)
        }
        let widths = columnWidths(shown)
        let lines = ([header] + shown).map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column < names ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }
        return lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
    }

    private func rows(namesCutTo nameWidth: Int) -> [[String]] {
        rows.enumerated().map { index, row in
            row.enumerated().map { column, cell in
                if column == 0, index > 0, rows[index - 1][0] == cell, names > 1 { return "" }
                return column < names && cell.count > nameWidth ? cell.prefix(nameWidth - 1) + "…" : cell
            }
        }
    }

    private func columnWidths(_ shown: [[String]]) -> [Int] {
        header.indices.map { column in ([header] + shown).map { $0[column].count }.max() ?? 0 }
    }

    /// Without the columns that hold only dashes.
    var withoutEmptyColumns: TextTable {
        let kept = header.indices.filter { column in column < names || rows.contains { $0[column] != "–" } }
        var table = self
        table.header = kept.map { header[$0] }
        table.rows = rows.map { row in kept.map { row[$0] } }
        return table
    }

    public var markdown: String {
        let rule = header.indices.map { $0 < names ? "---" : "---:" }
        return ([header, rule] + rows).map { row in
            "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }.joined(separator: "\n")
    }
}

/// A number with so many digits after the point; a dash for none.
public func fixed(_ value: Double?, _ digits: Int) -> String {
    guard let value, value.isFinite else { return "–" }
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let whole = Int((abs(value) * scale).rounded())
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let fraction = "\(whole % Int(scale))"
    return "\(sign)\(whole / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}

extension Statistic {
    /// "0.958", or with the deviation over the seeds "0.958 ± 0.004".
    func text(_ digits: Int = 3) -> String {
        fixed(mean, digits) + (deviation.map { " ± " + fixed($0, digits) } ?? "")
    }
}

extension Summary {
    /// The table of a terminal, within 80 columns, and what its figures leave out.
    public var text: String {
        var table = TextTable(
            names: 3, header: ["category", "method", "shots", "found", "alarms", "AUROC", "±", "pixels", "PRO", "ms"])
        for (category, method, shots) in rows {
            let mean = { (metric: Metric) in
                statistic(metric, method: method, shots: shots, category: category)
            }
            let percent = { (metric: Metric) in mean(metric).map { fixed($0.mean * 100, 0) + "%" } ?? "–" }
            table.rows.append([
                category ?? "mean", method, shots.description, percent(.detectionRate), percent(.falseAlarmRate),
                fixed(mean(.auroc)?.mean, 3), fixed(mean(.auroc)?.deviation, 3),
                fixed(mean(.pixelAUROC)?.mean, 3), fixed(mean(.pro)?.mean, 3), fixed(mean(.milliseconds)?.mean, 0),
            ])
        }
        return ([table.text] + notes).joined(separator: "\n")
    }

    /// What to use, and what was found with it, for files of text.
    var markdown: String {
        let figures: [(title: String, metric: Metric)] = [
            ("image AUROC", .auroc), ("pixel AUROC", .pixelAUROC), ("PRO", .pro),
        ]
        var table = TextTable(
            names: 3, header: ["category", "method", "shots", "found", "false alarms"] + figures.map(\.title))
        for (category, method, shots) in rows {
            let mean = { (metric: Metric) in
                statistic(metric, method: method, shots: shots, category: category)
            }
            let rates = [Metric.detectionRate, .falseAlarmRate].map { metric in
                mean(metric).map { fixed($0.mean * 100, 1) + " %" } ?? "–"
            }
            table.rows.append(
                [category ?? "mean", method, shots.description] + rates
                    + figures.map { mean($0.metric)?.text() ?? "–" })
        }
        return ([advice].compactMap { $0 } + notes + [table.markdown]).joined(separator: "\n\n") + "\n"
    }

    /// What figures leave out, a line a category.
    public var notes: [String] {
        categories.flatMap { category -> [String] in
            guard let result = results.last(where: { $0.unit.category == category }) else { return [] }
            var notes: [String] = []
            if result.withoutMaskCount > 0 {
                notes.append(
                    "\(category): \(result.withoutMaskCount) of \(result.defectiveCount) defective images have no usable mask; "
                        + "pixels and PRO leave them out")
            }
            let unreadable = Set(results.filter { $0.unit.category == category }.flatMap { $0.unreadable ?? [] })
            if !unreadable.isEmpty {
                notes.append("\(category): \(unreadable.count) files could not be used and are in no figure")
            }
            return notes
        }
    }

    /// What found most for its false alarms, over all categories: the configuration and the number of images to use.
    public var advice: String? {
        let best = rows.filter { $0.category == nil || categories.count == 1 }.compactMap { row -> (String, Double)? in
            let mean = { (metric: Metric) in
                statistic(metric, method: row.method, shots: row.shots, category: row.category)?.mean
            }
            guard let found = mean(.detectionRate), let alarms = mean(.falseAlarmRate), found.isFinite, alarms.isFinite
            else { return nil }
            let images =
                row.shots == .all
                ? "all good images" : "\(row.shots) good \(row.shots == .count(1) ? "image" : "images")"
            let text =
                "\(row.method) with \(images) finds \(fixed(found * 100, 1)) % of the defective images and rejects "
                + "\(fixed(alarms * 100, 1)) % of the good ones at its threshold"
            return (text, found - alarms)
        }
        // Of equals the first: the fewest images.
        guard let most = best.map(\.1).max(), let first = best.first(where: { $0.1 == most }) else { return nil }
        return (best.count > 1 ? "The best of \(best.count): " : "") + first.0 + "."
    }
}

extension MapSet {
    /// The table of a terminal, within 80 columns; of several categories with their mean.
    public static func table(_ results: [Result]) -> String {
        var table = TextTable(
            names: 1, header: ["category", "images", "AUROC", "AP", "F1", "pixels", "PRO", "regions"])
        func mean(_ value: (Result) -> Double?) -> Double? {
            let values = results.compactMap(value)
            return values.count == results.count ? values.reduce(0, +) / Double(values.count) : nil
        }
        table.rows = results.map { result in
            [result.category, "\(result.imageCount)"]
                + [result.images.auroc, result.images.averagePrecision, result.images.bestF1].map { fixed($0, 4) }
                + [result.pixels?.auroc, result.pixels?.pro].map { fixed($0, 4) } + [
                    "\(result.pixels?.regionCount ?? 0)"
                ]
        }
        if results.count > 1 {
            let figures = [
                mean { $0.images.auroc }, mean { $0.images.averagePrecision }, mean { $0.images.bestF1 },
                mean { $0.pixels?.auroc }, mean { $0.pixels?.pro },
            ]
            table.rows.append(["mean", ""] + figures.map { fixed($0, 4) } + [""])
        }
        return table.text
    }
}
