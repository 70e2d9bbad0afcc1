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
            throw InspectionError("\(name): knows no product yet: adapt it to good images first")
        }
        inspector = try Inspector(model, threads: options.threads)
        // Depths were looked at over all images, or given: one dark image by itself says nothing of them.
        try inspector.takeAnyDepth()
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
        let thumbnails = ThumbnailPool()
        let known = images.map { image in folder.done[image.name].flatMap { isCurrent($0, image.url) ? $0 : nil } }
        var waiting = images.indices.filter { known[$0] == nil }[...]
        var ahead: ImageReading?
        for (index, image) in images.enumerated() {
            guard progress(index, images.count) else { break }
            guard waiting.first == index else {
                rows.withLock { $0[index] = known[index] }
                continue
            }
            waiting.removeFirst()
            let reading = ahead ?? ImageReading(image, bits: options.bits)
            ahead = waiting.first.map { ImageReading(images[$0], bits: options.bits) }
            do {
                try inspect(image, reading, writers, thumbnails, remark) { row in rows.withLock { $0[index] = row } }
            } catch let error as UnreadableImage {
                let row = InspectionResults.Row(image, unreadable: error.reason, stamp: reading.stamp)
                try folder.add(row)
                rows.withLock { $0[index] = row }
            }
        }
        try writers.finish()
        let results = InspectionResults(
            model: modelName, images: rows.withLock { $0.compactMap { $0 } }, total: images.count)
        let sources = Dictionary(images.map { ($0.name, $0.url) }, uniquingKeysWith: { a, _ in a })
        try results.write(to: folder.url, sources: sources, thumbnails: thumbnails.all)
        return results
    }

    private func isCurrent(_ row: InspectionResults.Row, _ url: URL) -> Bool {
        guard let stamp = FileStamp(url), row.verdict != .unreadable, row.bytes == stamp.size,
            row.modified == stamp.modified
        else {
            return false
        }
        return row.files.allSatisfy { FileStatus(folder.url.appendingPathComponent($0)) != nil }
    }

    /// Inspects an image, and has its files written; `done` is called when they are, from another thread.
    private func inspect(
        _ item: InspectedImage, _ reading: ImageReading, _ writers: WriterPool, _ thumbnails: ThumbnailPool,
        _ remark: (String, String) -> Void,
        done: @escaping @Sendable (InspectionResults.Row) -> Void
    ) throws {
        // A map of tiles is never whole in the engine; others are asked for at the sizes that are needed.
        let wantsWhole = options.maps == .full || isTiled && (options.maps == .grid || options.overlays != .none)
        let image: Image
        let found: Inspection
        do {
            image = try reading.image { remark(item.name, $0) }
            found = try inspector.inspect(Frame(image, of: item.url.relativePath), wantsMap: wantsWhole)
        } catch {
            throw UnreadableImage(error, item.url)
        }
        var row = InspectionResults.Row(item, found, stamp: reading.stamp)
        let drawsOverlay = options.overlays == .all || options.overlays == .defective && row.isReported
        if drawsOverlay { row.overlay = item.resultStem + ".overlay.jpg" }
        if options.maps != .none { row.map = item.resultStem + ".map.tif" }
        // Of the image itself nothing is needed after this: files are written while the next one is read and inspected.
        let reduced = ReducedImage(
            of: image, longestSide: drawsOverlay ? Overlay.longestSide : Thumbnail.longestSourceSide)
        let whole = wantsWhole ? FloatMap(width: image.width, height: image.height, values: found.map) : nil
        let drawn =
            drawsOverlay && whole == nil
            ? try inspector.map(width: reduced.image.width, height: reduced.image.height) : nil
        let size = gridSize(of: image)
        let grid =
            options.maps == .grid && whole == nil
            ? FloatMap(
                width: size.width, height: size.height,
                values: try inspector.map(width: size.width, height: size.height)) : nil
        let (folder, maps) = (folder, options.maps)
        let finished = row
        try folder.announce(finished.files)
        try writers.submit {
            if let file = finished.overlay {
                let values =
                    drawn ?? whole?.reduced(width: reduced.image.width, height: reduced.image.height).values
                let overlay = Overlay(of: reduced, values: values ?? [], finished).image
                try overlay.write(jpeg: folder.place(file))
                try thumbnails.add(overlay, of: finished)
            } else {
                try thumbnails.add(reduced.image, of: finished)
            }
            if let file = finished.map, let map = grid ?? whole {
                let isLarger = size.width < map.width || size.height < map.height
                let written = maps == .grid && isLarger ? map.reduced(width: size.width, height: size.height) : map
                try written.write(tiff: folder.place(file))
            }
            try folder.add(finished)
            done(finished)
        }
    }

    private var isTiled: Bool { inspector.framing == .tile }

    /// The resolution of a model: of its input, where an image fills that; of a cell of features where it is tiled.
    private func gridSize(of image: Image) -> (width: Int, height: Int) {
        let cell = 4
        return (
            min(image.width, isTiled ? (image.width + cell - 1) / cell : max(1, inspector.inputWidth)),
            min(image.height, isTiled ? (image.height + cell - 1) / cell : max(1, inspector.inputHeight))
        )
    }
}

/// An image that another thread reads, while the one before it is inspected.
private final class ImageReading: Sendable {
    /// Of the file, before it was read.
    let stamp: FileStamp?
    private let isDone = DispatchSemaphore(value: 0)
    private let outcome = Mutex<Result<(image: Image, remarks: [String]), any Error>?>(nil)

    init(_ item: InspectedImage, bits: Int?) {
        let url = item.url
        stamp = FileStamp(url)
        DispatchQueue.global().async { [self] in
            let result = Result {
                var remarks: [String] = []
                let image = try Image(contentsOf: url, bits: bits) { remarks.append($0) }
                return (image: image, remarks: remarks)
            }
            outcome.withLock { $0 = result }
            isDone.signal()
        }
    }

    /// Waits for the image, which is handed over once; throws why it could not be read.
    func image(remark: (String) -> Void) throws -> Image {
        isDone.wait()
        let result = outcome.withLock { outcome in
            defer { outcome = nil }
            return outcome
        }
        guard let (image, remarks) = try result?.get() else { throw InspectionError("an image was asked for twice") }
        remarks.forEach(remark)
        return image
    }
}
