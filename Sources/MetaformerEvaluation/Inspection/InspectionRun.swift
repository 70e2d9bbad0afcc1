import Foundation
import MetaformerData
import MetaformerModels
import Synchronization

/// Inspects images one after the other and writes what was found into a folder: at no time are more than a few images in memory.
///
/// An image that cannot be read ends nothing: its row says why. What is done is in the folder at once, so that a run that was
/// stopped can be gone on with.
public struct InspectionRun {
    public enum Maps: String, Sendable, CaseIterable {
        /// At the image's own size.
        case full
        /// At the model's resolution: the highest value of the pixels that become one.
        case grid
        case none
    }

    public enum Overlays: String, Sendable, CaseIterable {
        case all, defective, none
    }

    public struct Options: Sendable {
        /// nil for the model's own.
        public var threshold: Float?
        public var maps = Maps.grid
        public var overlays = Overlays.all
        /// Bits in use of files of 16 bits a sample; nil for all.
        public var bits: Int?
        /// 0: one for each core.
        public var threads = 0
        /// Whether to keep what an earlier run with the same model and options has done.
        public var resumes = false

        public init() {}
    }

    private let inspector: Inspector
    private let modelName: String
    private let images: [InspectedImage]
    private let options: Options
    private let folder: InspectionFolder

    /// Opens the folder; what an earlier inspection left there is removed, unless it is resumed.
    ///
    /// - Throws: where the model knows no product and no threshold is given, or the folder is not one to write to.
    public init(model: Model, named name: String, images: [InspectedImage], folder path: String, options: Options)
        throws
    {
        guard model.isAdapted || options.threshold != nil else {
            throw EvaluationError("\(name): knows no product yet: adapt it to good images first")
        }
        inspector = try Inspector(model, threads: options.threads)
        if let threshold = options.threshold { try inspector.setThreshold(threshold) }
        (modelName, self.images, self.options) = (name, images, options)
        let header = InspectionFolder.Header(
            model: name, modelChecksum: model[setting: "checksum"] ?? model[setting: "threshold"] ?? "",
            threshold: options.threshold, bits: options.bits, maps: options.maps.rawValue,
            overlays: options.overlays.rawValue)
        folder = try InspectionFolder(path: path, header: header, resumes: options.resumes)
    }

    /// Runs what is not done yet; `progress` is called before every image and returns whether to go on. The results of what was
    /// done are written in any case. `remark` is called for an image of which something is odd.
    public func run(
        remark: (_ image: String, _ text: String) -> Void = { _, _ in },
        progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }
    ) throws -> InspectionResults {
        let rows = Mutex([InspectionResults.Row?](repeating: nil, count: images.count))
        let writers = WriterPool()
        for (index, image) in images.enumerated() {
            guard progress(index, images.count) else { break }
            let stamp = FileStamp(image.url)
            if let known = folder.done[image.name], isCurrent(known, stamp) {
                rows.withLock { $0[index] = known }
                continue
            }
            do {
                try inspect(image, stamp, writers, remark) { row in rows.withLock { $0[index] = row } }
            } catch let error as UnreadableImage {
                let row = InspectionResults.Row(image, unreadable: error.reason, stamp: stamp)
                try folder.add(row)
                rows.withLock { $0[index] = row }
            }
        }
        try writers.finish()
        let results = InspectionResults(
            model: modelName, images: rows.withLock { $0.compactMap { $0 } }, total: images.count)
        let sources = Dictionary(images.map { ($0.name, $0.url) }, uniquingKeysWith: { a, _ in a })
        try results.write(to: folder.url, sources: sources)
        return results
    }

    private func isCurrent(_ row: InspectionResults.Row, _ stamp: FileStamp?) -> Bool {
        guard let stamp, row.verdict != .unreadable, row.bytes == stamp.size, row.modified == stamp.modified else {
            return false
        }
        return row.files.allSatisfy { FileStatus(folder.url.appendingPathComponent($0)) != nil }
    }

    /// Inspects an image, and has its files written; `done` is called when they are, from another thread.
    private func inspect(
        _ item: InspectedImage, _ stamp: FileStamp?, _ writers: WriterPool,
        _ remark: (String, String) -> Void,
        done: @escaping @Sendable (InspectionResults.Row) -> Void
    ) throws {
        let image: Image
        let found: Inspection
        do {
            image = try Image(contentsOf: item.url, bits: options.bits) { remark(item.name, $0) }
            found = try inspector.inspect(
                Frame(image, of: item.url.relativePath), wantsMap: options.maps != .none || options.overlays != .none)
        } catch {
            throw UnreadableImage(error, item.url)
        }
        var row = InspectionResults.Row(item, found, stamp: stamp)
        let drawsOverlay = options.overlays == .all || options.overlays == .defective && row.isReported
        if drawsOverlay { row.overlay = item.resultStem + ".overlay.png" }
        if options.maps != .none { row.map = item.resultStem + ".map.tif" }
        let (folder, maps) = (folder, options.maps)
        let grid = (width: inspector.inputWidth, height: inspector.inputHeight, isTiled: inspector.framing == .tile)
        let finished = row
        try folder.announce(finished.files)
        try writers.submit {
            let map =
                found.map.isEmpty ? nil : FloatMap(width: image.width, height: image.height, values: found.map)
            if let file = finished.overlay, let map {
                try Overlay(of: image, map: map, finished).image.write(png: folder.place(file))
            }
            if let file = finished.map, let map {
                let kept = maps == .full ? map : InspectionRun.reduced(map, to: grid)
                try kept.write(tiff: folder.place(file))
            }
            try folder.add(finished)
            done(finished)
        }
    }

    /// A map at the resolution of a model: of its input, where an image fills that; of a cell of features where it is tiled.
    private static func reduced(_ map: FloatMap, to grid: (width: Int, height: Int, isTiled: Bool)) -> FloatMap {
        let cell = 4
        let width = min(map.width, grid.isTiled ? (map.width + cell - 1) / cell : max(1, grid.width))
        let height = min(map.height, grid.isTiled ? (map.height + cell - 1) / cell : max(1, grid.height))
        guard width < map.width || height < map.height else { return map }
        return FloatMap(width: width, height: height, values: Panels.highest(map, width: width, height: height))
    }
}

/// An image that cannot be used, which ends nothing but itself.
public struct UnreadableImage: Error, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String

    public var description: String { "\(path): \(reason)" }

    public init(_ error: any Error, _ url: URL) {
        path = url.relativePath
        let text = (error as? ImageFileError)?.reasonText ?? "\(error)"
        let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)) != nil
        let isBroken = isLink && FileStatus(url) == nil
        reason =
            isBroken
            ? "a link to a file that is not there"
            : text.hasPrefix(path + ": ") ? String(text.dropFirst(path.count + 2)) : text
    }
}
