import Foundation

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
    /// Masks that are brought to their pictures' size, by the nearest pixel.
    public let maskSizeMismatches: [Finding]
    public let masksWithoutImage: [Finding]
    public let defectsWithoutMask: [Finding]
    /// Masks of defective images that mark nothing.
    public let emptyMasks: [Finding]
    /// Categories without a good image to learn from.
    public let categoriesWithoutGood: [String]

    /// Whether something must be repaired before the data set can be used whole.
    public var hasErrors: Bool { errorCount > 0 }

    public var errorCount: Int {
        unreadable.count + masksWithoutImage.count + categoriesWithoutGood.count
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
        // Only the layouts that come with masks can lack one.
        let hasMasks = dataset.layout != .flat && dataset.layout != .msra10k
        defectsWithoutMask = dataset.items.filter { hasMasks && $0.label.isDefect && $0.maskURL == nil }.map {
            Finding(path: dataset.relativePath(of: $0.url), detail: "has no mask")
        }
        let withGood = Set(dataset.items.filter { !$0.label.isDefect && $0.split != .test }.map(\.category))
        categoriesWithoutGood = dataset.categories.filter { !withGood.contains($0) }
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

    init(_ item: DatasetItem, in dataset: Dataset) {
        if let image = read(item.url, in: dataset, { url throws(ImageFileError) in try Image(contentsOf: url) }) {
            size = [image.width, image.height]
            format = [image.channels, image.bitDepth]
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
