import Foundation

/// A folder of results that is there whole or not at all: it is filled beside its place, and renamed into it.
final class OutputFolder {
    /// Where to write.
    let url: URL
    private let destination: URL
    private var isCommitted = false

    /// - Parameter mark: a file that only a folder of this kind has; one that holds anything without it is not replaced.
    init(path: String, mark: String) throws {
        let manager = FileManager.default
        destination = URL(fileURLWithPath: path)
        var isDirectory: ObjCBool = false
        if manager.fileExists(atPath: path, isDirectory: &isDirectory) {
            guard isDirectory.boolValue else { throw CommandError("\(path): is a file; name a folder to write") }
            let contents = (try? manager.contentsOfDirectory(atPath: path)) ?? []
            guard contents.isEmpty || contents.contains(mark) else {
                throw CommandError("\(path): holds other files; name a new or an empty folder")
            }
        }
        let parent = destination.deletingLastPathComponent()
        url = parent.appendingPathComponent(".\(destination.lastPathComponent).\(UUID().uuidString.prefix(8))")
        do {
            try manager.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw CommandError("\(path): cannot be made: \(error.localizedDescription)")
        }
    }

    deinit { if !isCommitted { try? FileManager.default.removeItem(at: url) } }

    /// Makes the folder that a file of this name lies in.
    func makeFolder(of name: String) throws {
        try FileManager.default.createDirectory(
            at: url.appendingPathComponent(name).deletingLastPathComponent(), withIntermediateDirectories: true)
    }

    /// Puts the folder in its place.
    func commit() throws {
        let manager = FileManager.default
        if manager.fileExists(atPath: destination.path) { try manager.removeItem(at: destination) }
        try manager.moveItem(at: url, to: destination)
        isCommitted = true
    }
}
