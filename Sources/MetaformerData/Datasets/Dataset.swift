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
        /// `train/good`, `test/<defect>`, `ground_truth/<defect>`, for one category or for a folder of categories; in other
        /// words for good and masks, and with folders of lots in between, as well.
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
        /// Images in no order, perhaps in folders of lots or dates, or a folder of good ones (good, normal, ok, …) and perhaps
        /// others, one a kind of defect.
        case flat = "flat folder"
    }

    public let directory: URL
    public let layout: Layout
    /// The names and folders that gave the layout away, for people.
    public let evidence: String
    /// Products, sorted by name.
    public let categories: [String]
    /// Images, sorted by path within each category, split, and kind.
    public private(set) var items: [DatasetItem]
    /// Masks that belong to no image, sorted.
    public let strayMasks: [URL]
    /// Masks of good images, which tell nothing.
    public let goodMasks: [URL]
    /// Every other file below the folder that is not hidden, sorted by path: what is neither image nor mask here, and why.
    public let leftOut: [LeftOutFile]

    /// Recognises a folder, or reads a CSV file that lists images (see `ListLayout`).
    ///
    /// Images are found by the endings of their names, `ImageFormat.endings`, in small or large letters. Hidden files are left
    /// out. The order is the same on every machine.
    public init(directory: URL) throws(DatasetError) {
        let found: FoundDataset
        if Dataset.isList(directory) {
            found = try ListLayout.read(directory)
            self.directory = directory.deletingLastPathComponent()
            leftOut = []
        } else {
            let root = try FolderListing(directory)
            found = try Dataset.recognised(root)
            self.directory = directory
            let placed = found.items.flatMap { [$0.url] + $0.maskURLs } + found.strayMasks + found.goodMasks
            leftOut = LeftOutFile.all(below: root, except: Set(placed.map(\.path)))
        }
        layout = found.layout
        evidence = found.evidence
        categories = Array(Set(found.items.map(\.category))).sorted()
        items = found.items
        strayMasks = found.strayMasks
        goodMasks = found.goodMasks
    }

    /// Whether a path is that of a CSV file, which lists images, by its ending.
    public static func isList(_ url: URL) -> Bool { ["csv", "tsv"].contains(url.pathExtension.lowercased()) }

    private static func recognised(_ root: FolderListing) throws(DatasetError) -> FoundDataset {
        if let found = try VisALayout.find(root) { return found }
        guard
            let found = MVTec2Layout.find(root) ?? FolderLayout.find(root, needsNames: true)
                ?? MagneticTileLayout.find(root) ?? MSRA10KLayout.find(root)
                ?? FolderLayout.find(root, needsNames: false)
        else {
            throw .notRecognised(path: root.url.relativePath, found: LeftOutFile.summary(of: root))
        }
        return found
    }

    /// Opens a folder or a CSV list, and applies a list of training images where there is one.
    public init(path: String, trainingList: String? = nil) throws(DatasetError) {
        try self.init(directory: URL(fileURLWithPath: path))
        if let trainingList {
            try applyTrainingList(TextFile(contentsOf: URL(fileURLWithPath: trainingList)).names)
        }
    }

    /// Applies a published split: the good images named become those for training, and all others those for testing.
    ///
    /// - Parameter names: Paths of images within the data set, or their last parts: of images that are called alike, a mere name
    ///   stands for the one that is not in the part for testing.
    /// - Throws: `DatasetError.trainingList` when a name is not that of a good image, `DatasetError.ambiguous` when it is that of
    ///   several; nothing is changed then.
    public mutating func applyTrainingList(_ names: [String]) throws(DatasetError) {
        let good = items.indices.filter { items[$0].label == .good }
        let paths = PathIndex(good.map { (relativePath(of: items[$0].url), $0) })
        var chosen: Set<Int> = []
        var unknown: [String] = []
        for name in names {
            let matches = paths[name]
            let trained = matches.filter { items[$0].split != .test }
            switch (matches.count, trained.count) {
            case (0, _): unknown.append(name)
            case (1, _): chosen.formUnion(matches)
            case (_, 1): chosen.formUnion(trained)
            default:
                let all = matches.map { relativePath(of: items[$0].url) }
                throw .ambiguous(path: directory.relativePath, name: name, matches: all)
            }
        }
        if let first = unknown.sorted().first {
            throw .trainingList(path: directory.relativePath, unknown: unknown.count, first: first)
        }
        for i in items.indices { items[i].split = chosen.contains(i) ? .train : .test }
    }

    /// Splits without leaks: images of one group, such as several captures of one piece, are all for training or all for
    /// testing. Groups with a defective image are for testing; of the others so many are drawn for it as bring the share of
    /// good images that are for testing to `testShare`.
    ///
    /// - Parameters:
    ///   - groups: the group of each image by its path within the data set, or the last part of it.
    ///   - testShare: the share of good images that are for testing, in [0, 1].
    ///   - seed: fixes which groups are drawn.
    /// - Throws: `DatasetError.noGroup` when an image is in none; nothing is changed then.
    public mutating func applyGroups(
        _ groups: [String: String], testShare: Double = 0.2, seed: UInt64 = 0
    ) throws(DatasetError) {
        let items = items
        let paths = PathIndex(items.indices.map { (relativePath(of: items[$0].url), $0) })
        var groupOf: [Int: String] = [:]
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
            let matches = paths[name]
            if matches.count > 1 {
                let all = matches.map { relativePath(of: items[$0].url) }
                throw .ambiguous(path: directory.relativePath, name: name, matches: all)
            }
            if let index = matches.first { groupOf[index] = group }
        }
        let lost = items.indices.filter { groupOf[$0] == nil }
        if let first = lost.first {
            throw .noGroup(path: directory.relativePath, count: lost.count, first: items[first].fileName)
        }
        let members = Dictionary(grouping: items.indices) { groupOf[$0] ?? "" }
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
    /// A name stands for several images.
    case ambiguous(path: String, name: String, matches: [String])
    /// A grouping leaves images out.
    case noGroup(path: String, count: Int, first: String)
    /// A list is no text.
    case notText(path: String, reason: String)
    /// A table of images cannot be read; `line` counts from 1, with the header.
    case table(path: String, line: Int, reason: String)

    public var description: String {
        switch self {
        case .notFound(let path): "\(path): no such folder"
        case .notAFolder(let path): "\(path): is a file; name a folder of images" + DatasetError.hint(path)
        case .inaccessible(let path, let reason): "\(path): cannot be read: \(reason)"
        case .notRecognised(let path, let found):
            "\(path): no images are found here (\(found)); name a folder that holds \(ImageFormat.sentence) files, or a data "
                + "set laid out like MVTec AD (train/good, test/<defect>), Magnetic Tile Defects (MT_<class>/Imgs) or "
                + "MSRA10K (Imgs), or a CSV file with the columns path, label, mask and split"
        case .trainingList(let path, let unknown, let first):
            "\(path): the training list names \(unknown) that \(unknown == 1 ? "is" : "are") no good image here, "
                + "\(first) the first; check that the list belongs to this data set"
        case .ambiguous(let path, let name, let matches):
            "\(path): \(name) is the name of \(matches.count) images (\(matches.prefix(3).joined(separator: ", "))"
                + "\(matches.count > 3 ? ", …" : "")); write their paths"
        case .noGroup(let path, let count, let first):
            "\(path): \(count) \(count == 1 ? "image is" : "images are") in no group, \(first) the first; check that the "
                + "groups belong to this data set"
        case .notText(let path, let reason): "\(path): \(reason); name a text file with an image's name a line"
        case .table(let path, let line, let reason): "\(path): line \(line): \(reason)"
        }
    }

    public var errorDescription: String? { description }

    /// What to do with the lists of other tools.
    private static func hint(_ path: String) -> String {
        let tools = [
            "json": "JSON, as labelme and COCO write it", "jsonl": "lines of JSON",
            "manifest": "a manifest of Lookout for Vision",
            "xml": "XML, as CVAT and Pascal VOC write it", "yaml": "YAML", "yml": "YAML", "xlsx": "a spreadsheet",
            "ods": "a spreadsheet", "zip": "an archive", "txt": "a text file",
        ]
        guard let tool = tools[path.pathExtension] else { return "" }
        return ", or a CSV file with the columns path, label, mask and split (\(tool) is not read)"
    }
}
