import Foundation

/// A table of text (RFC 4180): fields between commas, in quotes where they hold commas, quotes or line breaks. Spreadsheets of
/// many countries put semicolons or tabs for commas; the first line tells which.
public struct CSVTable: Sendable, Equatable {
    /// The names of the columns, in small letters.
    public let columns: [String]
    /// The rows with the line that each begins on; every row has a field for every column.
    public let rows: [(line: Int, fields: [String])]

    /// Reads a file whose first line names the columns.
    ///
    /// - Throws: `DatasetError.table` where it cannot be read, a row has another number of fields, or a quote is not closed.
    public init(contentsOf url: URL) throws(DatasetError) {
        let text: String
        do {
            text = try TextFile(contentsOf: url).text
        } catch {
            throw .table(path: url.relativePath, line: 1, reason: "cannot be read as text in UTF-8 or UTF-16")
        }
        var records = try CSVTable.records(text, url)
        guard !records.isEmpty else {
            throw .table(path: url.relativePath, line: 1, reason: "the file is empty; its first line names the columns")
        }
        columns = records.removeFirst().fields.map { $0.lowercased() }
        if columns.count == 1 { records = records.filter { $0.fields != [""] } }
        for record in records where record.fields.count != columns.count {
            let reason = "\(record.fields.count) fields, where the first line names \(columns.count) columns"
            throw .table(path: url.relativePath, line: record.line, reason: reason)
        }
        rows = records
    }

    public static func == (a: CSVTable, b: CSVTable) -> Bool {
        a.columns == b.columns && a.rows.elementsEqual(b.rows) { $0 == $1 }
    }

    /// The number of a column; throws where there is none.
    public func column(_ name: String, of url: URL) throws(DatasetError) -> Int {
        guard let index = columns.firstIndex(of: name) else {
            throw .table(
                path: url.relativePath, line: 1,
                reason: "no column \(name) among \(columns.joined(separator: ", "))")
        }
        return index
    }

    /// What stands between the fields of the first line: of commas, semicolons, tabs and bars the most frequent; or what the
    /// line `sep=;` of a spreadsheet says.
    private static func separator(of text: String) -> Character {
        let first = text.prefix { !$0.isNewline }
        if first.lowercased().hasPrefix("sep="), let named = first.dropFirst(4).first { return named }
        let counts = [",", ";", "\t", "|"].map { separator in
            (separator: Character(separator), count: first.count { String($0) == separator })
        }
        let most = counts.map(\.count).max() ?? 0
        return counts.first { $0.count == most }?.separator ?? ","
    }

    private static func records(_ text: String, _ url: URL) throws(DatasetError) -> [(line: Int, fields: [String])] {
        var records: [(line: Int, fields: [String])] = []
        var fields: [String] = []
        var field = ""
        var (line, start, isQuoted) = (1, 1, false)
        let separator = separator(of: text)
        var rest = Substring(text)
        if text.lowercased().hasPrefix("sep=") {
            rest = rest.drop { !$0.isNewline }.dropFirst()
            (line, start) = (2, 2)
        }
        func endRecord() {
            fields.append(field.trimmingCharacters(in: .whitespaces))
            if fields != [""] { records.append((start, fields)) }
            (fields, field) = ([], "")
        }
        while let character = rest.popFirst() {
            if character.isNewline { line += 1 }
            switch character {
            case "\"" where isQuoted && rest.first == "\"":
                rest.removeFirst()
                field.append("\"")
            case "\"": isQuoted.toggle()
            case _ where isQuoted: field.append(character)
            case separator:
                fields.append(field.trimmingCharacters(in: .whitespaces))
                field = ""
            case _ where character.isNewline:
                endRecord()
                start = line
            default: field.append(character)
            }
        }
        guard !isQuoted else { throw .table(path: url.relativePath, line: start, reason: "a quote is not closed") }
        endRecord()
        return records
    }
}
