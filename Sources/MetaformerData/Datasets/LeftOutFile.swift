import Foundation

/// A file of a data set's folder that is used for nothing, and why.
public struct LeftOutFile: Sendable, Hashable {
    public let url: URL
    public let reason: String

    public static let notAnImage = "not an image"

    /// Whether it is an image of a kind that is not read.
    public var isUnreadImage: Bool { LeftOutFile.unreadKinds[url.lastPathComponent.pathExtension] != nil }

    private static let noPlace = "has no place in this layout"

    /// Kinds of images that are known by their endings, and not read.
    private static let unreadKinds: [String: String] = {
        let kinds = [
            "WebP": "webp", "GIF": "gif", "JPEG 2000": "jp2 j2k jpx jpf j2c", "JPEG XL": "jxl",
            "HEIF": "heic heif avif",
            "PNM": "ppm pgm pbm pnm pam", "JPEG": "jfif jpe", "BMP": "dib", "raw camera": "dng cr2 cr3 nef arw raw",
            "other": "ico tga pcx exr hdr psd svg jxr xcf fits dcm",
        ]
        let pairs = kinds.flatMap { kind, endings in endings.split(separator: " ").map { (String($0), kind) } }
        return Dictionary(uniqueKeysWithValues: pairs)
    }()

    /// All files below a folder but hidden ones and those that have a place, sorted by path.
    static func all(below root: FolderListing, except placed: Set<String>) -> [LeftOutFile] {
        var files: [LeftOutFile] = []
        var visited: Set<FileStatus.Identity> = []
        func visit(_ folder: FolderListing, _ inherited: String?) {
            guard visited.insert(folder.identity).inserted else { return }
            for name in folder.images + folder.others {
                let url = folder.imageURL(name)
                guard !placed.contains(url.path) else { continue }
                files.append(LeftOutFile(url: url, reason: inherited ?? reason(for: name)))
            }
            for name in folder.folders {
                let url = folder.imageURL(name)
                guard let inner = try? FolderListing(url) else {
                    files.append(LeftOutFile(url: url, reason: "the folder cannot be opened"))
                    continue
                }
                let isOurs = inner.isResults ? "results of an earlier run" : nil
                let isNamedSo = FolderName(name) == .results ? "in a folder named like results" : nil
                visit(inner, inherited ?? isOurs ?? isNamedSo)
            }
        }
        visit(root, nil)
        return files.sorted { $0.url.path < $1.url.path }
    }

    private static func reason(for name: String) -> String {
        let ending = name.pathExtension
        if ImageFormat.endings.contains(ending) { return noPlace }
        return unreadKinds[ending].map { "\($0) images (.\(ending)) are not read" } ?? notAnImage
    }

    /// Why nothing of a folder can be used, for a message.
    static func summary(of root: FolderListing) -> String {
        let groups = grouped(all(below: root, except: []))
        let unread = groups.filter { $0.reason != notAnImage && $0.reason != noPlace }
        guard !unread.isEmpty else { return root.summary }
        return unread.map { "\($0.files.count): \($0.reason)" }.joined(separator: "; ")
    }

    /// By reason, the most frequent first.
    public static func grouped(_ files: [LeftOutFile]) -> [(reason: String, files: [LeftOutFile])] {
        Dictionary(grouping: files, by: \.reason).map { (reason: $0.key, files: $0.value) }
            .sorted { ($1.files.count, $0.reason) < ($0.files.count, $1.reason) }
    }
}
