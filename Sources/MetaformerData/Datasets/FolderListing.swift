import Foundation

/// The names in a folder, sorted; hidden ones, folders of the system, and links to the folder or one above it left out.
struct FolderListing {
    let url: URL
    /// Names of the folders in it.
    let folders: [String]
    /// Names of the files in it that end like an image.
    let images: [String]
    /// Names of the other files in it.
    let others: [String]
    let identity: FileStatus.Identity
    /// The folders on the way to it, and itself.
    private let way: [FileStatus.Identity]

    init(_ url: URL) throws(DatasetError) { try self.init(url, on: []) }

    private init(_ url: URL, on way: [FileStatus.Identity]) throws(DatasetError) {
        let (path, shown) = (url.path, url.relativePath)
        guard let status = FileStatus(path: path) else { throw .notFound(path: shown) }
        guard status.isFolder else { throw .notAFolder(path: shown) }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw .inaccessible(path: shown, reason: "permission denied, or it is gone")
        }
        identity = status.identity
        self.way = way + [identity]
        var folders: [String] = []
        var images: [String] = []
        var others: [String] = []
        for name in names.sorted()
        where !name.hasPrefix(".") && !FolderListing.systemFolders.contains(name.lowercased()) {
            if let inner = FileStatus(path: "\(path)/\(name)"), inner.isFolder {
                if !self.way.contains(inner.identity) { folders.append(name) }
            } else if ImageFormat.endings.contains(name.pathExtension) {
                images.append(name)
            } else {
                others.append(name)
            }
        }
        self.url = url
        self.folders = folders
        self.images = images
        self.others = others
    }

    /// Where storage and systems keep thumbnails, deleted files and their own: what is in them is nobody's image.
    private static let systemFolders: Set<String> = [
        "@eadir", "@tmp", "#recycle", "$recycle.bin", "recycler", "system volume information", "__macosx", "lost+found",
    ]

    /// The folder of a name, when it is there and can be read. Names are matched without regard to case.
    func folder(_ name: String) -> FolderListing? {
        let lower = name.lowercased()
        guard let match = folders.first(where: { $0 == name }) ?? folders.first(where: { $0.lowercased() == lower })
        else { return nil }
        return try? FolderListing(folderURL(match), on: way)
    }

    /// The folders in it, with their names.
    var subfolders: [(name: String, folder: FolderListing)] {
        folders.compactMap { name in
            (try? FolderListing(folderURL(name), on: way)).map { (name, $0) }
        }
    }

    /// Of a name whose kind is known: Foundation would ask the system for it, once more for each file.
    func imageURL(_ name: String) -> URL { url.appendingPathComponent(name, isDirectory: false) }
    private func folderURL(_ name: String) -> URL { url.appendingPathComponent(name, isDirectory: true) }

    /// What is here, for a message.
    var summary: String {
        let parts = [(folders.count, "folder"), (images.count, "image"), (others.count, "other file")]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        return text.isEmpty ? "the folder is empty" : text.joined(separator: ", ")
    }
}

extension String {
    /// What follows the last dot, in small letters.
    var pathExtension: String {
        guard let dot = lastIndex(of: "."), dot != startIndex else { return "" }
        return self[index(after: dot)...].lowercased()
    }

    /// The name before the last dot.
    var stem: String {
        guard let dot = lastIndex(of: "."), dot != startIndex else { return self }
        return String(self[..<dot])
    }
}
