import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerInspection

/// Checksums of the contents of files, kept in a folder of results: a file is read again where its size or time differs.
struct FileChecksums {
    static let fileName = "files.json"

    private struct Known: Codable {
        let stamp: FileStamp
        let checksum: String
    }

    private let url: URL
    private var known: [String: Known] = [:]
    private var isChanged = false

    init(folder: URL) {
        url = folder.appendingPathComponent(FileChecksums.fileName)
        if let data = try? Data(contentsOf: url) { known = (try? JSONText.value(data)) ?? [:] }
    }

    /// "none" where the file cannot be read.
    mutating func checksum(of file: URL) -> String {
        guard let stamp = FileStamp(file) else { return "none" }
        if let entry = known[file.path], entry.stamp == stamp { return entry.checksum }
        guard let data = FileManager.default.contents(atPath: file.path) else { return "none" }
        let checksum = Digest(of: data).text
        known[file.path] = Known(stamp: stamp, checksum: checksum)
        isChanged = true
        return checksum
    }

    /// Keeps what was read; without it files are read again, and nothing else is lost.
    mutating func save() {
        guard isChanged, let text = try? JSONText.of(known, isSnakeCase: false) else { return }
        isChanged = (try? AtomicFile.write(Data(text.utf8), to: url)) == nil
    }
}
