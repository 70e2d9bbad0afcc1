import Foundation
import MetaformerData

/// The folder of an evaluation, which no other run writes to while this lives.
package struct EvaluationFolder {
    package let url: URL
    private let lock: FolderLock

    /// What a run writes first: a folder with one of these is an evaluation's, however early it ended.
    private static let marks = [UnitStore.fileName, FileChecksums.fileName, "maps"]

    /// Makes the folder, or takes an empty one, or one of an earlier evaluation. Throws where it holds something else, or cannot be
    /// written to.
    package init(path: String) throws {
        url = URL(fileURLWithPath: path)
        let contents = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
            .filter { $0 != FolderLock.fileName }
        guard contents.isEmpty || EvaluationFolder.marks.contains(where: contents.contains) else {
            throw EvaluationError("\(path): holds other files; name a new or an empty folder")
        }
        lock = try FolderLock.taking(path)
    }
}
