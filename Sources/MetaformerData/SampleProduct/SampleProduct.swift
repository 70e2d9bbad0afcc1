import Foundation

/// A rendered product to try everything with: photographs of a turned flange, good and defective, in the layout of
/// MVTec AD, with exact masks.
///
/// Each picture depends on the seed and on its own place alone, so one seed gives the same files on any number of threads.
public struct SampleProduct: Sendable {
    /// One picture of the sample.
    public struct Item: Sendable, Hashable {
        /// Where the picture goes below the folder of the sample.
        public let path: String
        /// Where its mask goes; nil for good parts.
        public let maskPath: String?
        /// The kind of defect; nil for good parts.
        public let defect: String?
        /// Which stream of random numbers it is made from.
        let number: Int
    }

    /// Fixes every random choice.
    public let seed: UInt64

    /// Pictures of good parts to teach from: 40.
    public let trainingCount: Int
    /// Pictures of good parts to test with: 12.
    public let testCount: Int
    /// Pictures of each kind of defect: 6.
    public let defectCount: Int
    /// The kinds of defects, as their folders are named.
    public static let defects = SampleDefect.Kind.allCases.map(\.rawValue)

    public init(seed: UInt64 = 0) {
        self.init(seed: seed, trainingCount: 40, testCount: 12, defectCount: 6)
    }

    init(seed: UInt64, trainingCount: Int, testCount: Int, defectCount: Int) {
        self.seed = seed
        self.trainingCount = trainingCount
        self.testCount = testCount
        self.defectCount = defectCount
    }

    /// All pictures, in the order of their paths within each part of the sample.
    public var items: [Item] {
        var items: [Item] = []
        func add(_ folder: String, count: Int, defect: String?) {
            for i in 0..<count {
                let name = String(format: "%03d", i)
                let mask = defect.map { "ground_truth/\($0)/\(name)_mask.png" }
                items.append(
                    Item(path: "\(folder)/\(name).png", maskPath: mask, defect: defect, number: items.count))
            }
        }
        add("train/good", count: trainingCount, defect: nil)
        add("test/good", count: testCount, defect: nil)
        for defect in SampleProduct.defects {
            add("test/\(defect)", count: defectCount, defect: defect)
        }
        return items
    }

    /// Draws one picture: 256 x 256 RGB, and its mask, grey, 255 where the defect changed the picture by more than three
    /// levels and 0 elsewhere.
    public func render(_ item: Item) -> (image: Image, mask: Image) {
        renderer(item).render()
    }

    func renderer(_ item: Item, withDefect: Bool = true) -> SampleRenderer {
        var generator = RandomGenerator(seed: seed, stream: UInt64(item.number))
        let kind = withDefect ? item.defect.flatMap(SampleDefect.Kind.init(rawValue:)) : nil
        return SampleRenderer(defect: kind, using: &generator)
    }
}

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

    /// Writes the sample into a folder that is new, empty, or an earlier sample and nothing else.
    ///
    /// Everything is drawn into a folder beside it first, which then takes its place: the sample is there whole, or
    /// the folder is as it was. `progress` is called from several threads, once for every picture.
    public func write(
        to folder: URL, threads: Int = 0, progress: @Sendable () -> Void = {}
    ) throws(SampleProductError) {
        let isReplacing = try checkReplaceable(folder)
        let unique = UUID().uuidString.prefix(8)
        let name = folder.standardizedFileURL.lastPathComponent
        let parent = folder.standardizedFileURL.deletingLastPathComponent()
        try checkWritable(parent, for: folder)
        let draft = parent.appendingPathComponent(".\(name).\(unique)")
        defer { try? FileManager.default.removeItem(at: draft) }
        do {
            try drawAll(into: draft, threads: threads, progress: progress)
            guard isReplacing else {
                try move(draft, to: folder)
                return
            }
            let old = parent.appendingPathComponent(".\(name).\(unique).old")
            try move(folder, to: old)
            try move(draft, to: folder)
            try? FileManager.default.removeItem(at: old)
        } catch let error as SampleProductError {
            throw error
        } catch {
            throw .notWritable(path: folder.relativePath, reason: error.localizedDescription)
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

    /// Whether there is an earlier sample to replace; throws when there is anything else.
    private func checkReplaceable(_ folder: URL) throws(SampleProductError) -> Bool {
        let path = folder.relativePath
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory) else { return false }
        guard isDirectory.boolValue else { throw .notAFolder(path: path) }
        let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        guard !found.isEmpty else { return false }
        let own = Set(items.flatMap { [$0.path, $0.maskPath].compactMap { $0 } } + [SampleProduct.markerName])
        let ownFolders = Set(own.flatMap { path in [parentPath(path), parentPath(parentPath(path))] })
        let foreign = found.sorted().first { !own.contains($0) && !ownFolders.contains($0) }
        if let example = foreign ?? (found.contains(SampleProduct.markerName) ? nil : found.sorted().first) {
            throw .foreignFiles(path: path, example: example)
        }
        return true
    }
}
