import Foundation

/// Why the sample cannot be written.
public enum SampleProductError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    case notAFolder(path: String)
    /// The folder holds something that the sample would have to delete.
    case foreignFiles(path: String, example: String)
    case notWritable(path: String, reason: String)

    public var description: String {
        switch self {
        case .notAFolder(let path): "\(path): is a file; name a new or an empty folder"
        case .foreignFiles(let path, let example):
            "\(path): holds files that are not of the sample (\(example)); name a new or an empty folder"
        case .notWritable(let path, let reason): "\(path): cannot be written: \(reason)"
        }
    }

    public var errorDescription: String? { description }
}

extension SampleProduct {
    /// Marks a folder as a sample, and tells its seed.
    static let markerName = "sample.json"

    /// Begins the name of the folder in which a sample is drawn before it takes its place.
    private static let draftPrefix = ".metaformer-sample-"

    /// Writes the sample into a folder that is new, empty, or an earlier sample and nothing else.
    ///
    /// Everything is drawn into a hidden folder first and moved to its place when it is complete. `progress` is called from
    /// several threads, once for every image.
    public func write(
        to folder: URL, threads: Int = 0, progress: @Sendable () -> Void = {}
    ) throws(SampleProductError) {
        let exists = try checkReplaceable(folder)
        // A folder that exists stays the same one: it may be a mount point, or where a shell stands.
        let target = folder.standardizedFileURL
        let parent = exists ? target : target.deletingLastPathComponent()
        try checkWritable(parent, for: folder)
        let draft = parent.appendingPathComponent(SampleProduct.draftPrefix + UUID().uuidString.prefix(8))
        defer { try? FileManager.default.removeItem(at: draft) }
        do {
            try drawAll(into: draft, threads: threads, progress: progress)
            if exists {
                try moveContents(of: draft, to: target)
            } else {
                try move(draft, to: target)
            }
        } catch let error as SampleProductError {
            throw error
        } catch {
            throw .notWritable(path: folder.relativePath, reason: "\(error)")
        }
    }

    /// Puts the parts of a sample in place of earlier ones; the marker, which says that all is there, comes last.
    private func moveContents(of draft: URL, to target: URL) throws {
        let earlier = draft.appendingPathComponent("earlier")
        try FileManager.default.createDirectory(at: earlier, withIntermediateDirectories: true)
        for name in ["train", "test", "ground_truth", SampleProduct.markerName] {
            let place = target.appendingPathComponent(name)
            if FileManager.default.fileExists(atPath: place.path) {
                try move(place, to: earlier.appendingPathComponent(name))
            }
            try move(draft.appendingPathComponent(name), to: place)
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: target.path)
        where name.hasPrefix(SampleProduct.draftPrefix) {
            try? FileManager.default.removeItem(at: target.appendingPathComponent(name))
        }
    }

    /// Tells early, and in the words of the system, that the drawing would be for nothing.
    private func checkWritable(_ parent: URL, for folder: URL) throws(SampleProductError) {
        guard access(parent.path, W_OK) == 0 else {
            let reason = errno == ENOENT ? "the folder above it does not exist" : String(cString: strerror(errno))
            throw .notWritable(path: folder.relativePath, reason: reason)
        }
    }

    private func drawAll(into draft: URL, threads: Int, progress: @Sendable () -> Void) throws {
        let items = items
        let folders = Set(items.flatMap { [$0.path, $0.maskPath].compactMap { $0 } }.map(parentPath))
        for folder in folders.sorted() {
            try FileManager.default.createDirectory(
                at: draft.appendingPathComponent(folder), withIntermediateDirectories: true)
        }
        try withoutActuallyEscaping(progress) { progress in
            _ = try Parallel.map(count: items.count, threads: threads) { index throws(ImageFileError) in
                let (image, mask) = render(items[index])
                try image.write(png: draft.appendingPathComponent(items[index].path))
                if let maskPath = items[index].maskPath {
                    try mask.write(png: draft.appendingPathComponent(maskPath))
                }
                progress()
            }
        }
        let marker = "{\"product\": \"metaformer sample\", \"seed\": \(seed)}\n"
        try AtomicFile.write(Data(marker.utf8), to: draft.appendingPathComponent(SampleProduct.markerName))
    }

    private func parentPath(_ path: String) -> String {
        path.split(separator: "/").dropLast().joined(separator: "/")
    }

    private func move(_ source: URL, to target: URL) throws {
        guard rename(source.path, target.path) == 0 else { throw AtomicFile.WriteError(errno: errno) }
    }

    /// Whether the folder is there already; throws when it holds anything but an earlier sample.
    private func checkReplaceable(_ folder: URL) throws(SampleProductError) -> Bool {
        let path = folder.relativePath
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory) else { return false }
        guard isDirectory.boolValue else { throw .notAFolder(path: path) }
        let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String }.sorted() ?? []
        let own = Set(items.flatMap { [$0.path, $0.maskPath].compactMap { $0 } } + [SampleProduct.markerName])
        let ownFolders = Set(own.flatMap { path in [parentPath(path), parentPath(parentPath(path))] })
        // What an interrupted run left behind is ours too.
        let others = found.filter { !$0.hasPrefix(SampleProduct.draftPrefix) }
        let isMarked = found.contains(SampleProduct.markerName) || others.count < found.count
        let foreign = others.first { !isMarked || !(own.contains($0) || ownFolders.contains($0)) }
        if let foreign { throw .foreignFiles(path: path, example: foreign) }
        return true
    }
}
