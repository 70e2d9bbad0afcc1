import Foundation
import MetaformerGraph

/// What `data check` finds: counts, sizes, and everything that is wrong with a data set.
public struct DatasetReport: Sendable, Equatable, Codable {
    /// How many images there are of one kind in one part of one category.
    public struct Count: Sendable, Equatable, Codable {
        public let category: String
        public let split: String
        /// "good", "unlabelled", or a kind of defect.
        public let label: String
        public let count: Int
    }

    /// How many images have a size, in pixels.
    public struct SizeCount: Sendable, Equatable, Codable {
        public let width: Int
        public let height: Int
        public let count: Int
    }

    /// How many images have a pixel format.
    public struct FormatCount: Sendable, Equatable, Codable {
        public let channels: Int
        public let bitDepth: Int
        public let count: Int
    }

    /// Something about one file.
    public struct Finding: Sendable, Equatable, Codable {
        /// Within the data set.
        public let path: String
        public let detail: String
    }

    /// What so many files are used for.
    public struct Use: Sendable, Equatable, Codable {
        /// "adapted to", "tested: good", "tested: " and a kind of defect, "unlabelled", "masks", or "left out".
        public let use: String
        public let count: Int
        /// Why they are left out; empty for other uses.
        public let reason: String
        /// The first of them, within the data set.
        public let example: String
    }

    public let path: String
    public let layout: String
    /// Why it is that layout.
    public let evidence: String
    public let imageCount: Int
    public let counts: [Count]
    /// The most frequent size first.
    public let sizes: [SizeCount]
    public let formats: [FormatCount]
    /// Images and masks that cannot be read, with the reason.
    public let unreadable: [Finding]
    /// Masks that are brought to their images' size, by the nearest pixel.
    public let maskSizeMismatches: [Finding]
    public let masksWithoutImage: [Finding]
    public let defectsWithoutMask: [Finding]
    /// Masks of defective images that mark nothing.
    public let emptyMasks: [Finding]
    /// Images that can be read and not used, as commands would say it.
    public let unusable: [Finding]
    /// Files with the endings of images that are not read.
    public let unread: [Finding]
    /// Images that can be used, of which something is odd.
    public let oddities: [Finding]
    /// Images with the very contents of another.
    public let copies: [Finding]
    /// Categories without a good image to learn from.
    public let categoriesWithoutGood: [String]
    /// The use of every file that was found; each file is in one line.
    public let uses: [Use]

    /// Whether something must be repaired before the data set can be used whole.
    public var hasErrors: Bool { errorCount > 0 }

    public var errorCount: Int {
        unreadable.count + unusable.count + masksWithoutImage.count + categoriesWithoutGood.count
    }

    /// Reads every image and mask once, on `threads` threads (0: all cores), each holding one image in memory. What
    /// cannot be read is reported and does not stop the rest. `progress` is called from these threads after every image.
    public init(of dataset: Dataset, threads: Int = 0, progress: @Sendable () -> Void = {}) {
        let inspections = withoutActuallyEscaping(progress) { progress in
            Parallel.map(count: dataset.items.count, threads: threads) { index -> Inspection in
                defer { progress() }
                return Inspection(dataset.items[index], in: dataset)
            }
        }
        path = dataset.directory.relativePath
        layout = dataset.layout.rawValue
        evidence = dataset.evidence
        imageCount = dataset.items.count
        counts = DatasetReport.counts(dataset)
        sizes = tally(inspections.compactMap(\.size)).map { SizeCount(width: $0[0], height: $0[1], count: $1) }
        formats = tally(inspections.compactMap(\.format)).map {
            FormatCount(channels: $0[0], bitDepth: $0[1], count: $1)
        }
        unreadable = inspections.flatMap(\.unreadable)
        maskSizeMismatches = inspections.compactMap(\.maskSizeMismatch)
        emptyMasks = inspections.compactMap(\.emptyMask)
        masksWithoutImage = dataset.strayMasks.map {
            Finding(path: dataset.relativePath(of: $0), detail: "belongs to no image")
        }
        unusable = inspections.compactMap(\.obstacle)
        unread = dataset.leftOut.filter(\.isUnreadImage).map {
            Finding(path: dataset.relativePath(of: $0.url), detail: $0.reason)
        }
        let depth = SampleDepth(of: dataset.items.map(\.url), threads: threads)
        oddities =
            inspections.compactMap(\.oddity)
            + [depth.text].compactMap { $0 }.map { Finding(path: "images of 16 bits", detail: $0) }
            + [depth.mixture].compactMap { $0 }.map { Finding(path: "images of 8 and of 16 bits", detail: $0) }
        copies = DatasetReport.copies(inspections, dataset)
        // Only what comes with masks can lack one.
        let hasMasks =
            ![.flat, .msra10k, .list].contains(dataset.layout) || dataset.items.contains { !$0.maskURLs.isEmpty }
        defectsWithoutMask = dataset.items.filter { hasMasks && $0.label.isDefect && $0.maskURL == nil }.map {
            Finding(path: dataset.relativePath(of: $0.url), detail: "has no mask")
        }
        let withGood = Set(dataset.items.filter { !$0.label.isDefect && $0.split != .test }.map(\.category))
        categoriesWithoutGood = dataset.categories.filter { !withGood.contains($0) }
        uses = dataset.uses.map { use, files in
            var reason = ""
            if case .leftOut(let text) = use { reason = text }
            let example = files.first.map(dataset.relativePath) ?? ""
            return Use(use: use.title, count: files.count, reason: reason, example: example)
        }
    }

    /// What has the contents of an image before it.
    private static func copies(_ inspections: [Inspection], _ dataset: Dataset) -> [Finding] {
        var first: [UInt64: DatasetItem] = [:]
        return zip(dataset.items, inspections).compactMap { item, inspection in
            guard let digest = inspection.digest else { return nil }
            guard let original = first[digest] else {
                first[digest] = item
                return nil
            }
            let path = dataset.relativePath(of: original.url)
            return Finding(path: dataset.relativePath(of: item.url), detail: "the same pixels as \(path)")
        }
    }

    /// Images per category, split and kind; good ones before the kinds of defects.
    private static func counts(_ dataset: Dataset) -> [Count] {
        dataset.categories.flatMap { category in
            Split.allCases.flatMap { split in
                let labels = dataset.items.filter { $0.category == category && $0.split == split }.map(\.label)
                let counts = Dictionary(grouping: labels) { $0 }.mapValues(\.count)
                let order = counts.sorted {
                    ($0.key.isDefect ? 1 : 0, $0.key.name) < ($1.key.isDefect ? 1 : 0, $1.key.name)
                }
                return order.map { Count(category: category, split: split.rawValue, label: $0.name, count: $1) }
            }
        }
    }
}

/// Different values and how often they occur, the most frequent first.
private func tally(_ values: [[Int]]) -> [([Int], Int)] {
    let counts = Dictionary(grouping: values) { $0 }.mapValues(\.count)
    return counts.sorted { ($1.value, $0.key[0], $0.key[1]) < ($0.value, $1.key[0], $1.key[1]) }.map {
        ($0.key, $0.value)
    }
}

/// What reading one image and its mask gave. The pixels are gone by then.
private struct Inspection: Sendable {
    var size: [Int]?
    var format: [Int]?
    var unreadable: [DatasetReport.Finding] = []
    var maskSizeMismatch: DatasetReport.Finding?
    var emptyMask: DatasetReport.Finding?
    var obstacle: DatasetReport.Finding?
    var oddity: DatasetReport.Finding?
    /// Of the pixels.
    var digest: UInt64?

    init(_ item: DatasetItem, in dataset: Dataset) {
        if let image = read(item.url, in: dataset, { url throws(ImageFileError) in try Image(contentsOf: url) }) {
            size = [image.width, image.height]
            format = [image.channels, image.bitDepth]
            let finding = { DatasetReport.Finding(path: dataset.relativePath(of: item.url), detail: $0) }
            obstacle = ImageCheck.obstacle(image).map(finding)
            oddity = ImageCheck.oddity(image).map(finding)
            digest = Digest(of: image.bytes).value ^ UInt64(image.width << 32 | image.height << 8 | image.channels)
        }
        var marks = false
        for maskURL in item.maskURLs {
            let readMask = { (url: URL) throws(ImageFileError) in
                try Image(maskAt: url, threshold: item.maskThreshold)
            }
            guard let mask = read(maskURL, in: dataset, readMask) else { return }
            let path = dataset.relativePath(of: maskURL)
            if let size, size != [mask.width, mask.height] {
                let detail = "\(mask.width) x \(mask.height), its image \(size[0]) x \(size[1])"
                maskSizeMismatch = DatasetReport.Finding(path: path, detail: detail)
            }
            marks = marks || mask.hasPixels(above: 0)
        }
        if let first = item.maskURLs.first, !marks {
            emptyMask = DatasetReport.Finding(path: dataset.relativePath(of: first), detail: "marks nothing")
        }
    }

    private mutating func read(
        _ url: URL, in dataset: Dataset, _ body: (URL) throws(ImageFileError) -> Image
    ) -> Image? {
        do {
            return try body(url)
        } catch {
            unreadable.append(DatasetReport.Finding(path: dataset.relativePath(of: url), detail: error.reasonText))
            return nil
        }
    }
}
