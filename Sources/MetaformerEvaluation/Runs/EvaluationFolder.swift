import Foundation
import MetaformerData

/// The folder of an evaluation, which no other run writes to while this lives.
package struct EvaluationFolder {
    package let url: URL
    private let lock: FolderLock

    /// Makes the folder, or takes an empty one, or one of an earlier evaluation. Throws where it holds something else, or cannot be
    /// written to.
    package init(path: String) throws {
        url = URL(fileURLWithPath: path)
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        guard contents.isEmpty || contents.contains(UnitStore.fileName) || contents.contains("maps") else {
            throw EvaluationError("\(path): holds other files; name a new or an empty folder")
        }
        lock = try FolderLock.taking(path)
    }
}
