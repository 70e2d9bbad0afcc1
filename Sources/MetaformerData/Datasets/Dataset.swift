import Foundation

/// What is known of a picture before anybody looks at it.
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

/// What a picture is for.
public enum Split: String, Sendable, Hashable, CaseIterable {
    case train, test, unassigned
}

/// One picture of a data set.
public struct DatasetItem: Sendable, Hashable {
    /// The picture.
    public let url: URL
    /// The product that it shows.
    public let category: String
    public let label: Label
    public internal(set) var split: Split
    /// The mask of a defective picture, where there is one: a pixel above half of the range is defective.
    public let maskURL: URL?
}

/// A folder of pictures whose layout has been recognised. Only names are read here, no pictures.
public struct Dataset: Sendable {
    /// How the folder is laid out.
    public enum Layout: String, Sendable, CaseIterable {
        /// `train/good`, `test/<defect>`, `ground_truth/<defect>`, for one category or for a folder of categories.
        case mvtec = "MVTec AD"
        /// `MT_<class>/Imgs`, pictures in JPEG with masks in PNG beside them.
        case magneticTile = "Magnetic Tile Defects"
        /// `Imgs`, pictures in JPEG with masks in PNG beside them.
        case msra10k = "MSRA10K"
        /// Pictures without an order of folders, or a `good` (`ok`) folder and perhaps others, one a kind of defect.
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
    /// Masks that belong to no picture, sorted.
    public let strayMasks: [URL]

    /// Recognises a folder.
    ///
    /// Pictures are found by the endings of their names: png, jpg, jpeg, tif and tiff, in small or large letters. Hidden files
    /// are left out. The order is the same on every machine.
    public init(directory: URL) throws(DatasetError) {
        let root = try FolderListing(directory)
        guard
            let found = MVTecLayout.find(root) ?? MagneticTileLayout.find(root) ?? MSRA10KLayout.find(root)
                ?? FlatLayout.find(root)
        else {
            throw .notRecognised(path: directory.relativePath, found: root.summary)
        }
        self.directory = directory
        layout = found.layout
        evidence = found.evidence
        categories = Array(Set(found.items.map(\.category))).sorted()
        items = found.items
        strayMasks = found.strayMasks
    }

    /// Applies a published split: the good pictures named become those for training, and all others those for testing.
    ///
    /// - Parameter names: Names of files, without their folders.
    /// - Throws: `DatasetError.trainingList` when a name is not that of a good picture; nothing is changed then.
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
    /// A training list names what is not a good picture of the data set.
    case trainingList(path: String, unknown: Int, first: String)

    public var description: String {
        switch self {
        case .notFound(let path): "\(path): no such folder"
        case .notAFolder(let path): "\(path): is a file; name a folder of pictures"
        case .inaccessible(let path, let reason): "\(path): cannot be read: \(reason)"
        case .notRecognised(let path, let found):
            "\(path): no pictures are found here (\(found)); name a folder that holds PNG, JPEG or TIFF files, or a data "
                + "set laid out like MVTec AD (train/good, test/<defect>), Magnetic Tile Defects (MT_<class>/Imgs) or "
                + "MSRA10K (Imgs)"
        case .trainingList(let path, let unknown, let first):
            "\(path): the training list names \(unknown) that \(unknown == 1 ? "is" : "are") no good picture here, "
                + "\(first) the first; check that the list belongs to this data set"
        }
    }

    public var errorDescription: String? { description }
}
