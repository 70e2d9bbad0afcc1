import Foundation

/// A file of text as people and spreadsheets write it: UTF-8 or UTF-16, with or without a byte-order mark, or Windows-1252.
public struct TextFile: Sendable {
    public let text: String

    /// - Throws: `DatasetError.notText` where it cannot be read or is no text.
    public init(contentsOf url: URL) throws(DatasetError) {
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw .notText(path: url.relativePath, reason: "cannot be read")
        }
        guard let text = TextFile.decoded(data), !text.contains("\0") else {
            throw .notText(path: url.relativePath, reason: "is no text in UTF-8 or UTF-16")
        }
        self.text = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
    }

    private static func decoded(_ data: Data) -> String? {
        let start = [UInt8](data.prefix(2))
        if start == [0xFF, 0xFE] || start == [0xFE, 0xFF] { return String(data: data, encoding: .utf16) }
        let zeros = data.prefix(200).enumerated().filter { $0.element == 0 }.map { $0.offset % 2 }
        if zeros.count > 8, Set(zeros).count == 1 {
            return String(data: data, encoding: zeros[0] == 1 ? .utf16LittleEndian : .utf16BigEndian)
        }
        return String(data: data, encoding: .utf8) ?? String(data: data, encoding: .windowsCP1252)
    }

    /// The lines that hold something, without blanks around them and without quotes: names of files.
    public var names: [String] {
        text.split(whereSeparator: \.isNewline).map { line in
            let name = line.trimmingCharacters(in: .whitespaces)
            return name.count > 1 && name.hasPrefix("\"") && name.hasSuffix("\"")
                ? String(name.dropFirst().dropLast()) : name
        }.filter { !$0.isEmpty }
    }
}
