import Foundation
import MetaformerData
import Synchronization

/// The folder that an inspection writes to: a journal of what was done, which is also the list of the files that are ours. What
/// is not in it is never touched.
final class InspectionFolder: Sendable {
    static let journalName = "inspection.jsonl"

    /// What results depend on beside the image.
    struct Header: Codable, Equatable {
        let model: String
        let modelChecksum: String
        let threshold: Float?
        let bits: Int?
        let maps: String
        let overlays: String
    }

    let url: URL
    /// What an earlier run of the same header has done, by the image's name; empty unless resumed.
    let done: [String: InspectionResults.Row]
    private let path: String
    private let lock: FolderLock
    private let journal: Mutex<FileHandle>

    /// Makes the folder, or takes an empty one, or one of an earlier inspection, whose files are removed, or kept to be resumed.
    init(path: String, header: Header, resumes: Bool) throws {
        self.path = path
        url = URL(fileURLWithPath: path)
        lock = try FolderLock.taking(path)
        let earlier = try Earlier(url)
        if let foreign = earlier.foreign.first {
            let what =
                earlier.isEvaluation
                ? "is a folder of evaluate" : "holds files that inspect has not written (\(foreign))"
            throw InspectionError("\(path): \(what); name a new or an empty folder")
        }
        let journalURL = url.appendingPathComponent(InspectionFolder.journalName)
        if resumes, let known = earlier.header {
            guard known == header else {
                throw InspectionError(
                    "\(path): was written with another model, threshold or kind of output; leave --resume out, or name another "
                        + "folder")
            }
            done = Dictionary(earlier.rows.map { ($0.image, $0) }, uniquingKeysWith: { $1 })
        } else {
            done = [:]
            earlier.remove()
        }
        // Written anew: a line that was cut short is not kept.
        let left = earlier.ours.filter { $0 != FolderLock.fileName && resumes }
        let lines =
            try [JSONText.line(header), JSONText.line(Announcement(writing: left))]
            + done.values.map { try JSONText.line($0) }
        do {
            try AtomicFile.write(Data(lines.joined().utf8), to: journalURL)
        } catch {
            throw InspectionError("\(path): cannot be written to: \(error)")
        }
        guard let handle = FileHandle(forUpdatingAtPath: journalURL.path) else {
            throw InspectionError("\(journalURL.relativePath): cannot be written")
        }
        _ = try? handle.seekToEnd()
        journal = Mutex(handle)
    }

    /// Where a result file lies; makes the folders on the way to it.
    func place(_ file: String) throws -> URL {
        let place = url.appendingPathComponent(file)
        do {
            try Folder.make(place.deletingLastPathComponent())
        } catch {
            throw InspectionError("\(path): cannot be written to: \(error)")
        }
        return place
    }

    /// Notes the files that are about to be written: a run that is killed leaves none that are not known to be ours.
    func announce(_ files: [String]) throws {
        if !files.isEmpty { try append(Announcement(writing: files)) }
    }

    /// Notes an image that is done.
    func add(_ row: InspectionResults.Row) throws { try append(row) }

    struct Announcement: Codable {
        let writing: [String]
    }

    private func append(_ record: some Encodable) throws {
        let line = Data(try JSONText.line(record).utf8)
        do {
            try journal.withLock { try AtomicFile.append(line, to: $0.fileDescriptor) }
        } catch {
            throw InspectionError("\(path): cannot be written to: \(error)")
        }
    }
}

/// What an earlier run left in a folder.
private struct Earlier {
    private(set) var header: InspectionFolder.Header?
    private(set) var rows: [InspectionResults.Row] = []
    /// Files that no inspection has written.
    private(set) var foreign: [String] = []
    private(set) var isEvaluation = false
    private let root: URL
    private(set) var ours: [String] = []

    init(_ root: URL) throws {
        self.root = root
        var listed: Set<String> = [
            InspectionFolder.journalName, InspectionResults.jsonName, InspectionResults.csvName,
            InspectionResults.reportName, FolderLock.fileName,
        ]
        if let lines = try AtomicFile.contents(of: root.appendingPathComponent(InspectionFolder.journalName)) {
            let records = lines.split(separator: UInt8(ascii: "\n")).map { Data($0) }
            header = records.first.flatMap { try? JSONText.value($0) }
            rows = records.dropFirst().compactMap { try? JSONText.value($0) }
            let announced: [InspectionFolder.Announcement] = records.dropFirst().compactMap { try? JSONText.value($0) }
            listed.formUnion(rows.flatMap(\.files) + announced.flatMap(\.writing))
        } else {
            listed.formUnion(Earlier.filesOfFormerVersion(root))
        }
        let names = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        isEvaluation = names.contains("units.jsonl")
        for name in names.sorted() {
            guard FileStatus(root.appendingPathComponent(name))?.isFolder != true else { continue }
            if listed.contains(name) || Earlier.isTemporary(name) { ours.append(name) } else { foreign.append(name) }
        }
        // Without a journal or the tables of the former version nothing here is known to be ours.
        let isKnown = header != nil || listed.count > 5 || ours.allSatisfy { $0 == FolderLock.fileName }
        if !isKnown { foreign += ours.filter { $0 != FolderLock.fileName && !Earlier.isTemporary($0) } }
    }

    /// What was being written when a run was killed.
    private static func isTemporary(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return name.wholeMatch(of: /\..+\.(png|jpg|tif|json|jsonl|csv|html)\.[A-Za-z0-9]{6}/) != nil
    }

    /// The version before wrote no journal: its tables tell the names.
    private static func filesOfFormerVersion(_ root: URL) -> [String] {
        struct Former: Decodable {
            struct Row: Decodable { let image: String }
            let model: String
            let images: [Row]
        }
        guard let data = try? Data(contentsOf: root.appendingPathComponent(InspectionResults.jsonName)),
            let former = try? JSONDecoder().decode(Former.self, from: data)
        else { return [] }
        return former.images.flatMap { row in
            let stem = ResultPath.withoutEnding(row.image)
            return [stem + ".overlay.png", stem + ".map.tif"]
        }
    }

    /// Removes what is ours, and the folders that are empty then.
    func remove() {
        var folders: Set<String> = []
        for name in ours where name != FolderLock.fileName {
            unlink(root.appendingPathComponent(name).path)
            var folder = (name as NSString).deletingLastPathComponent
            while !folder.isEmpty {
                folders.insert(folder)
                folder = (folder as NSString).deletingLastPathComponent
            }
        }
        for folder in folders.sorted(by: >) { rmdir(root.appendingPathComponent(folder).path) }
    }
}
