/// A table as text for terminals, or as Markdown.
package struct TextTable {
    /// The first columns are names, aligned left; the others are figures, aligned right.
    package var names: Int
    package var header: [String]
    package var rows: [[String]] = []
    /// Names are cut where lines would be longer in a terminal.
    package var width: Int

    package init(names: Int, header: [String], width: Int = 80) {
        (self.names, self.header, self.width) = (names, header, width)
    }

    private static let leastNameWidth = 8

    /// Lines with two spaces between columns; a name that repeats the line above is left out.
    package var text: String {
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
    package var withoutEmptyColumns: TextTable {
        let kept = header.indices.filter { column in column < names || rows.contains { $0[column] != "–" } }
        var table = self
        table.header = kept.map { header[$0] }
        table.rows = rows.map { row in kept.map { row[$0] } }
        return table
    }

    package var markdown: String {
        let rule = header.indices.map { $0 < names ? "---" : "---:" }
        return ([header, rule] + rows).map { row in
            "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }.joined(separator: "\n")
    }
}

/// A number with so many digits after the point; a dash for none.
package func fixed(_ value: Double?, _ digits: Int) -> String {
    guard let value, value.isFinite else { return "–" }
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let whole = Int((abs(value) * scale).rounded())
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let fraction = "\(whole % Int(scale))"
    return "\(sign)\(whole / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}
