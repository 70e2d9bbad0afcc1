import Foundation

/// What is known of an image before anybody looks at it.
public enum Label: Sendable, Hashable {
    case good
    /// Defective, and the kind of defect as the data set names it.
    case defect(kind: String)
    case unlabelled

    /// The name of a kind of defect, "good", or "unlabelled".
    public var name: String {
        switch self {
        case .good: "good"
        case .defect(let kind): kind
        case .unlabelled: "unlabelled"
        }
    }

    /// Whether a defect is known to be there.
    public var isDefect: Bool {
        if case .defect = self { return true }
        return false
    }
}

/// What an image is for. Those for validation are good ones that are kept from training.
public enum Split: String, Sendable, Hashable, CaseIterable {
    case train, validation, test, unassigned
}

/// One image of a data set.
public struct DatasetItem: Sendable, Hashable {
    /// The image.
    public let url: URL
    /// The product that it shows.
    public let category: String
    public let label: Label
    public internal(set) var split: Split
    /// The masks of a defective image, where there are any; a pixel that one of them marks is defective.
    public let maskURLs: [URL]
    /// A pixel of a mask is marked above this, of 255: half of the range, but 0 where masks number the kinds of defects.
    public let maskThreshold: Int

    init(
        url: URL, category: String, label: Label, split: Split, maskURLs: [URL] = [],
        maskThreshold: Int = DatasetItem.usualMaskThreshold
    ) {
        self.url = url
        self.category = category
        self.label = label
        self.split = split
        self.maskURLs = maskURLs
        self.maskThreshold = maskThreshold
    }

    /// Half of the range of 8 bits: masks in the wild are not always 0 and 255.
    public static let usualMaskThreshold = 127

    /// The first mask.
    public var maskURL: URL? { maskURLs.first }
}

/// A folder of images whose layout has been recognised. Only names are read here, no images.
public struct Dataset: Sendable {
    /// How the folder is laid out.
    public enum Layout: String, Sendable, CaseIterable {
        /// `train/good`, `test/<defect>`, `ground_truth/<defect>`, for one category or for a folder of categories.
        case mvtec = "MVTec AD"
        /// As MVTec AD with `validation/good`, and a folder of masks an image: `ground_truth/<defect>/<image>/000.png`.
        case loco = "MVTec LOCO AD"
        /// `train/good`, `validation/good`, `test_public/good`, `bad` and `ground_truth/bad`; private tests without labels.
        case mvtec2 = "MVTec AD 2"
        /// A table of the images in `split_csv`, masks that number the kinds of defects.
        case visa = "VisA"
        /// A CSV file of its own with the columns path, label, mask and split.
        case list = "CSV list"
        /// `MT_<class>/Imgs`, images in JPEG with masks in PNG beside them.
        case magneticTile = "Magnetic Tile Defects"
        /// `Imgs`, images in JPEG with masks in PNG beside them.
        case msra10k = "MSRA10K"
        /// Images without an order of folders, or a `good` (`ok`) folder and perhaps others, one a kind of defect.
        case flat = "flat folder"
    }

    public let directory: URL
    public let layout: Layout
    /// The names and folders that gave the layout away, for people.
    public let evidence: String
    /// Products, sorted by name.
    public let categories: [String]
    /// Pictures, sorted by path within each category, split, and kind.
    public private(set) var items: [DatasetItem]
    /// Masks that belong to no image, sorted.
    public let strayMasks: [URL]

    /// Recognises a folder, or reads a CSV file that lists images (see `ListLayout`).
    ///
    /// Images are found by the endings of their names, `ImageFormat.endings`, in small or large letters. Hidden files are left
    /// out. The order is the same on every machine.
    public init(directory: URL) throws(DatasetError) {
        let found: FoundDataset
        if directory.pathExtension.lowercased() == "csv" {
            found = try ListLayout.read(directory)
            self.directory = directory.deletingLastPathComponent()
        } else {
            found = try Dataset.recognised(FolderListing(directory))
            self.directory = directory
        }
        layout = found.layout
        evidence = found.evidence
        categories = Array(Set(found.items.map(\.category))).sorted()
        items = found.items
        strayMasks = found.strayMasks
    }

    private static func recognised(_ root: FolderListing) throws(DatasetError) -> FoundDataset {
        if let found = try VisALayout.find(root) { return found }
        guard
            let found = MVTec2Layout.find(root) ?? MVTecLayout.find(root) ?? MagneticTileLayout.find(root)
                ?? MSRA10KLayout.find(root) ?? FlatLayout.find(root)
        else {
            throw .notRecognised(path: root.url.relativePath, found: root.summary)
        }
        return found
    }

    /// Applies a published split: the good images named become those for training, and all others those for testing.
    ///
    /// - Parameter names: Names of files, without their folders.
    /// - Throws: `DatasetError.trainingList` when a name is not that of a good image; nothing is changed then.
    public mutating func applyTrainingList(_ names: [String]) throws(DatasetError) {
        let wanted = Set(names)
        let good = Set(items.filter { $0.label == .good }.map(\.fileName))
        let unknown = wanted.subtracting(good).sorted()
        if let first = unknown.first {
            throw .trainingList(path: directory.relativePath, unknown: unknown.count, first: first)
        }
        for i in items.indices {
            items[i].split = items[i].label == .good && wanted.contains(items[i].fileName) ? .train : .test
        }
    }

    /// Splits without leaks: images of one group, such as several captures of one piece, are all for training or all for
    /// testing. Groups with a defective image are for testing; of the others so many are drawn for it as bring the share of
    /// good images that are for testing to `testShare`.
    ///
    /// - Parameter groups: The group of each image by its file name, without folders.
    /// - Throws: `DatasetError.noGroup` when an image is in none; nothing is changed then.
    public mutating func applyGroups(
        _ groups: [String: String], testShare: Double = 0.2, seed: UInt64 = 0
    ) throws(DatasetError) {
        let lost = items.filter { groups[$0.fileName] == nil }
        if let first = lost.first {
            throw .noGroup(path: directory.relativePath, count: lost.count, first: first.fileName)
        }
        let items = items
        let members = Dictionary(grouping: items.indices) { groups[items[$0].fileName] ?? "" }
        func goodCount(_ group: [Int]) -> Int { group.count { items[$0].label == .good } }
        let wanted = Int((testShare * Double(goodCount(Array(items.indices)))).rounded())
        var testing = Set(members.filter { $0.value.contains { items[$0].label.isDefect } }.keys)
        var count = testing.reduce(0) { $0 + goodCount(members[$1] ?? []) }
        var generator = RandomGenerator(seed: seed)
        for name in members.keys.sorted().shuffled(using: &generator) where count < wanted {
            if testing.insert(name).inserted { count += goodCount(members[name] ?? []) }
        }
        for (name, group) in members {
            for i in group { self.items[i].split = testing.contains(name) ? .test : .train }
        }
    }

    /// The path of a file within the data set.
    public func relativePath(of url: URL) -> String {
        let root = directory.standardizedFileURL.path
        let path = url.standardizedFileURL.path
        return path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
    }
}

extension DatasetItem {
    var fileName: String { url.lastPathComponent }
}

/// Why a folder cannot be used as a data set.
public enum DatasetError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    case notFound(path: String)
    case notAFolder(path: String)
    case inaccessible(path: String, reason: String)
    /// No layout fits; `found` says what is in the folder.
    case notRecognised(path: String, found: String)
    /// A training list names what is not a good image of the data set.
    case trainingList(path: String, unknown: Int, first: String)
    /// A grouping leaves images out.
    case noGroup(path: String, count: Int, first: String)
    /// A table of images cannot be read; `line` counts from 1, with the header.
    case table(path: String, line: Int, reason: String)

    public var description: String {
        switch self {
        case .notFound(let path): "\(path): no such folder"
        case .notAFolder(let path): "\(path): is a file; name a folder of images"
        case .inaccessible(let path, let reason): "\(path): cannot be read: \(reason)"
        case .notRecognised(let path, let found):
            "\(path): no images are found here (\(found)); name a folder that holds \(ImageFormat.sentence) files, or a data "
                + "set laid out like MVTec AD (train/good, test/<defect>), Magnetic Tile Defects (MT_<class>/Imgs) or "
                + "MSRA10K (Imgs), or a CSV file with the columns path, label, mask and split"
        case .trainingList(let path, let unknown, let first):
            "\(path): the training list names \(unknown) that \(unknown == 1 ? "is" : "are") no good image here, "
                + "\(first) the first; check that the list belongs to this data set"
        case .noGroup(let path, let count, let first):
            "\(path): \(count) \(count == 1 ? "image is" : "images are") in no group, \(first) the first; check that the "
                + "groups belong to this data set"
        case .table(let path, let line, let reason): "\(path): line \(line): \(reason)"
        }
    }

    public var errorDescription: String? { description }
}
