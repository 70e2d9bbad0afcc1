extension DatasetReport: CustomStringConvertible {
    /// The report for people, in lines of at most 80 columns where paths allow it.
    public var description: String {
        var lines = [path, "", "layout   \(layout): \(evidence)", ""]
        lines += countTable
        lines += ["", "sizes    \(sizeText)", "pixels   \(formatText)", ""]
        lines += problems
        lines += [""] + useTable
        return lines.joined(separator: "\n")
    }

    /// What every file is used for.
    private var useTable: [String] {
        let counts = uses.map { String($0.count) }
        let width = uses.map(\.use.count).max() ?? 0
        let digits = max(5, counts.map(\.count).max() ?? 0)
        let pad = { (text: String, width: Int) in String(repeating: " ", count: max(0, width - text.count)) }
        let rows = zip(uses, counts).map { use, count in
            let line = "\(use.use)\(pad(use.use, width))  \(pad(count, digits))\(count)"
            guard !use.reason.isEmpty else { return line }
            let example = "\(use.example)\(use.count > 1 ? ", …" : "")"
            let whole = "\(line)  \(use.reason): \(example)"
            return whole.count <= 80 ? whole : "\(line)  \(use.reason):\n\(pad("", line.count + 2))\(example)"
        }
        return ["use\(pad("use", width))  \(pad("files", digits))files"] + rows
    }

    private var countTable: [String] {
        let rows = counts.map { [$0.category, $0.split, $0.label, String($0.count)] }
        let header = ["category", "split", "kind", "images"]
        let widths = header.indices.map { column in
            min(30, ([header] + rows).map { $0[column].count }.max() ?? 0)
        }
        var previous: [String] = []
        let body = rows.map { row -> String in
            // What repeats the line above is left blank, so that the groups are seen.
            var cells = row
            if previous.first == row[0] {
                cells[0] = ""
                if previous[1] == row[1] { cells[1] = "" }
            }
            previous = row
            return line(cells, widths)
        }
        return [line(header, widths)] + body + [line(["total", "", "", String(imageCount)], widths)]
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let texts = zip(cells, widths).map { cell, width in
            cell + String(repeating: " ", count: max(0, width - cell.count))
        }
        let number = cells[3]
        let padding = String(repeating: " ", count: max(0, widths[3] - number.count))
        return texts[..<3].joined(separator: "  ") + "  " + padding + number
    }

    private var sizeText: String {
        guard let most = sizes.first else { return "none could be read" }
        guard sizes.count > 1 else { return "all \(most.width) x \(most.height)" }
        let widths = sizes.map(\.width)
        let heights = sizes.map(\.height)
        let range = "\(rangeText(widths)) wide, \(rangeText(heights)) high, \(sizes.count) different;"
        return "\(range)\n         most often \(most.width) x \(most.height) (\(most.count) images)"
    }

    private func rangeText(_ values: [Int]) -> String {
        guard let low = values.min(), let high = values.max() else { return "" }
        return low == high ? "\(low)" : "\(low) to \(high)"
    }

    private var formatText: String {
        let texts = formats.map { format in
            let kind = "\(format.channels == 1 ? "grey" : "RGB") \(format.bitDepth) bit"
            return formats.count == 1 ? "all \(kind)" : "\(kind): \(format.count)"
        }
        return texts.isEmpty ? "none could be read" : texts.joined(separator: ", ")
    }

    private var problems: [String] {
        let noGood = categoriesWithoutGood.map { Finding(path: $0, detail: "nothing to learn from") }
        let groups = [
            ("error", "cannot be read", unreadable), ("error", "cannot be used", unusable),
            ("error", "masks without an image", masksWithoutImage),
            ("error", "categories without good images outside test", noGood),
            ("note", "masks of another size than their images, brought to it", maskSizeMismatches),
            ("note", "defective images without a mask", defectsWithoutMask),
            ("note", "masks of defective images that mark nothing", emptyMasks),
            ("note", "images that are not read", unread), ("note", "odd, but can be used", oddities),
            ("note", "copies", copies),
        ]
        let lines = groups.flatMap { severity, title, findings -> [String] in
            guard !findings.isEmpty else { return [] }
            let shown = findings.prefix(5).map { "  \($0.path): \($0.detail)" }
            let rest = findings.count > 5 ? ["  and \(findings.count - 5) more"] : []
            return ["\(severity): \(title): \(findings.count)"] + shown + rest
        }
        return lines.isEmpty ? ["nothing is wrong"] : lines
    }
}
