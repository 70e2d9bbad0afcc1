import Foundation

/// A folder whose sub-folders say by their names what lies in them: parts (`train`, `test`), good ones and kinds of defects,
/// masks, lots and dates, in any order; one product, or a folder of products. MVTec AD, MVTec LOCO AD, anomalib's folders,
/// BTAD, and a heap of images are all of this kind.
enum FolderLayout {
    /// - Parameter needsNames: whether a folder counts in which no name says anything.
    static func find(_ root: FolderListing, needsNames: Bool) -> FoundDataset? {
        let name = root.url.standardizedFileURL.lastPathComponent
        let structure = Structure(of: root)
        if structure != .none { return found([(name, root)], in: root, structure) }
        let products = root.subfolders.filter { name, folder in
            switch Structure(of: folder) {
            case .none: false
            case .parts: true
            case .labels: FolderName(name) == .other
            }
        }
        if !products.isEmpty { return found(products, in: root, .parts) }
        return needsNames ? nil : found([(name, root)], in: root, .none)
    }

    /// What the names of sub-folders say.
    private enum Structure {
        case none
        /// Which images are good, or defective.
        case labels
        /// Which images are for training, or for testing.
        case parts

        init(of folder: FolderListing) {
            let meanings = folder.subfolders.filter { $0.folder.holdsImages() }.map { FolderName($0.name) }
            if meanings.contains(where: { if case .part = $0 { true } else { false } }) {
                self = .parts
            } else if meanings.contains(.good) || meanings.contains(.defective) {
                self = .labels
            } else {
                // A lot of good and bad ones a day.
                let series = folder.subfolders.filter { FolderName($0.name) == .container }
                self = series.contains { Structure(of: $0.folder) == .labels } ? .labels : .none
            }
        }
    }

    private static func found(
        _ products: [(name: String, folder: FolderListing)], in root: FolderListing, _ structure: Structure
    ) -> FoundDataset? {
        var found = FoundDataset(layout: .flat, evidence: "")
        var names: [String] = []
        for (name, folder) in products {
            var placement = FolderPlacement(product: name, folder)
            placement.place()
            guard !placement.items.isEmpty || !placement.strayMasks.isEmpty else { continue }
            names.append(name)
            found.items += placement.items
            found.strayMasks += placement.strayMasks
            found.goodMasks += placement.goodMasks
            if placement.hasParts { found.layout = found.layout == .loco ? .loco : .mvtec }
            if placement.hasSeveralMasks { found.layout = .loco }
            if found.evidence.isEmpty { found.evidence = placement.evidence }
        }
        guard let first = names.first else { return nil }
        if products[0].folder.url != root.url {
            let count = names.count == 1 ? "1 category" : "\(names.count) categories"
            found.evidence = "\(count) with train, test or good folders, \(first) the first"
        }
        return found
    }
}

/// Where each file of one product belongs.
private struct FolderPlacement {
    private let product: String
    private let root: FolderListing
    private var index = MaskIndex()
    private var placed: [Placed] = []
    private var visited: Set<FileStatus.Identity> = []
    private var parts: [String] = []
    private var goodNames: [String] = []

    private(set) var items: [DatasetItem] = []
    private(set) var strayMasks: [URL] = []
    /// Masks of good images, which mark nothing.
    private(set) var goodMasks: [URL] = []
    private(set) var hasSeveralMasks = false

    var hasParts: Bool { !parts.isEmpty }
    var hasMasks: Bool { !index.isEmpty }

    /// An image before its masks are known.
    private struct Placed {
        let url: URL
        let label: Label
        let split: Split
        /// Good only because nothing in the part for training says otherwise.
        let isAssumedGood: Bool
        /// The names of the folders that say nothing of label or part, and that of the kind: what masks may be filed by.
        let folders: [String]
    }

    init(product: String, _ root: FolderListing) {
        (self.product, self.root) = (product, root)
    }

    mutating func place() {
        place(root, Context())
        findMasks()
    }

    var evidence: String {
        var pieces = parts + goodNames.filter { _ in parts.isEmpty }.prefix(1).map { "a folder named \($0)" }
        if hasMasks { pieces.append("masks") }
        let folders = Set(items.map { $0.url.deletingLastPathComponent().path }).count
        guard pieces.isEmpty else { return "it has \(pieces.joined(separator: ", "))" }
        return folders > 1 ? "images lie in it and in folders below it" : "images lie directly in it"
    }

    private struct Context {
        var split = Split.unassigned
        /// nil: no folder has said it yet.
        var label: Label?
        /// Whether good ones are named in this part: what is not among them is then not taken for good.
        var namesGood = false
        /// Whether the kind of a defect is still to be named, by a folder within one for defects of all kinds.
        var isGenericDefect = false
        var folders: [String] = []
        var depth = 0
    }

    private mutating func place(_ folder: FolderListing, _ context: Context) {
        // A folder that several links lead to is not walked twice.
        guard visited.insert(folder.identity).inserted, context.depth < 24 else { return }
        let subfolders = folder.subfolders
        let meanings = subfolders.map { FolderName($0.name) }
        var context = context
        context.namesGood = context.namesGood || meanings.contains(.good)
        let namesKinds = meanings.contains(.good) || meanings.contains(.defective)
        let (images, masks) = folder.separatingMasks()
        for (mask, stem) in masks { index.add(folder.imageURL(mask), under: context.folders, stem) }
        let isAssumedGood = context.label == nil && [.train, .validation].contains(context.split) && !context.namesGood
        for image in images {
            placed.append(
                Placed(
                    url: folder.imageURL(image), label: context.label ?? (isAssumedGood ? .good : .unlabelled),
                    split: context.split, isAssumedGood: isAssumedGood, folders: context.folders))
        }
        for mask in subfolders where FolderName(mask.name) == .masks { index.add(mask.folder, under: context.folders) }
        for ((name, subfolder), meaning) in zip(subfolders, meanings) where !subfolder.isResults {
            var inner = context
            inner.depth += 1
            inner.isGenericDefect = false
            switch meaning {
            case .masks, .results: continue
            case .part(let split):
                inner.split = split
                inner.namesGood = false
                if subfolder.holdsImages() { parts.append(name) }
            case .good where context.label == nil:
                inner.label = .good
                inner.folders.append(name)
                if subfolder.holdsImages() { goodNames.append(name) }
            case .defective where context.label == nil:
                inner.label = .defect(kind: name)
                inner.isGenericDefect = true
                inner.folders.append(name)
            case .unlabelled where context.label == nil: inner.label = .unlabelled
            case .other where context.isGenericDefect:
                inner.label = .defect(kind: name)
                inner.folders.append(name)
            case .other where context.label == nil && (namesKinds || context.split == .test):
                inner.label = .defect(kind: name)
                inner.folders.append(name)
            case .container where context.label == nil && maskRoots.contains { $0.folders.contains(name) }:
                inner.label = .defect(kind: name)
                inner.folders.append(name)
            case .container where context.label == nil && namesKinds:
                // Beside good ones, and not said to be defective: nothing is known of them.
                if Set(subfolder.folders.map { FolderName($0) }).isDisjoint(with: [.good, .defective]) {
                    inner.label = .unlabelled
                }
                inner.folders.append(name)
            default: inner.folders.append(name)
            }
            place(subfolder, inner)
        }
    }

    /// The folders of masks of the whole product.
    private var maskRoots: [FolderListing] {
        root.subfolders.filter { FolderName($0.name) == .masks }.map(\.folder)
    }

    private mutating func findMasks() {
        var used: Set<URL> = []
        let others = placed.filter { $0.label != .good || $0.isAssumedGood }.map(\.url.lastPathComponent.stem)
        let counts = Dictionary(others.map { ($0, 1) }, uniquingKeysWith: +)
        for item in placed {
            let stem = item.url.lastPathComponent.stem
            let (masks, isFolder) = index.masks(of: stem, in: item.folders, isAlone: counts[stem, default: 0] == 1)
            used.formUnion(masks)
            hasSeveralMasks = hasSeveralMasks || isFolder
            let isGood = item.label == .good && !(item.isAssumedGood && !masks.isEmpty)
            if isGood { goodMasks += masks }
            items.append(
                DatasetItem(
                    url: item.url, category: product, label: isGood || item.label != .good ? item.label : .unlabelled,
                    split: item.split, maskURLs: isGood ? [] : masks))
        }
        strayMasks = index.all.filter { !used.contains($0) }
        items.sort { a, b in
            (Split.allCases.firstIndex(of: a.split) ?? 0, a.url.path) < (
                Split.allCases.firstIndex(of: b.split) ?? 0, b.url.path
            )
        }
    }
}

/// Masks by what they may be the masks of.
private struct MaskIndex {
    /// By the folders within the folder of masks and the image's name without its ending, joined by slashes.
    private var byPath: [String: [URL]] = [:]
    /// By an image's name that is a folder, as in MVTec LOCO.
    private var byFolder: [String: [URL]] = [:]
    private(set) var all: [URL] = []

    var isEmpty: Bool { all.isEmpty }

    mutating func add(_ url: URL, under folders: [String], _ stem: String) {
        all.append(url)
        byPath[(folders + [stem]).joined(separator: "/"), default: []].append(url)
    }

    /// Adds a folder of masks, with all that lie below it.
    mutating func add(_ folder: FolderListing, under folders: [String], depth: Int = 0) {
        guard depth < 24 else { return }
        for name in folder.images {
            let url = folder.imageURL(name)
            add(url, under: folders, name.stem.withoutMaskSuffix)
            byFolder[folders.joined(separator: "/"), default: []].append(url)
        }
        for (name, inner) in folder.subfolders {
            if case .part = FolderName(name) {
                add(inner, under: folders, depth: depth + 1)
            } else {
                add(inner, under: folders + [name], depth: depth + 1)
            }
        }
    }

    /// The masks of an image: filed by its folders, or by the last of them, or by its name alone where no other image has it;
    /// and whether they fill a folder of their own.
    func masks(of stem: String, in folders: [String], isAlone: Bool) -> (urls: [URL], isFolder: Bool) {
        let starts = Array(folders.indices) + (isAlone || folders.isEmpty ? [folders.endIndex] : [])
        for start in starts {
            let path = (folders[start...] + [stem]).joined(separator: "/")
            if let masks = byPath[path] {
                // `7_mask.png` rather than a `7.png` beside it.
                let named = masks.filter { $0.lastPathComponent.stem != stem }
                return ((named.isEmpty ? masks : named).sorted { $0.path < $1.path }, false)
            }
            if let masks = byFolder[path] { return (masks.sorted { $0.path < $1.path }, true) }
        }
        return ([], false)
    }
}

extension String {
    private static let maskSuffixes = ["_mask", "-mask", ".mask", "_gt", "_label", "_groundtruth", "_seg"]

    /// The name of the image that a mask of this name belongs to.
    var withoutMaskSuffix: String {
        let lower = lowercased()
        guard let suffix = String.maskSuffixes.first(where: lower.hasSuffix) else { return self }
        return String(dropLast(suffix.count))
    }
}

extension FolderListing {
    /// The images in it, and masks that lie beside their images with the image's stem: `7_mask.png` beside `7.jpg`.
    func separatingMasks() -> (images: [String], masks: [(name: String, stem: String)]) {
        let stems = Set(images.map(\.stem))
        var (kept, masks): ([String], [(name: String, stem: String)]) = ([], [])
        for name in images {
            let stem = name.stem.withoutMaskSuffix
            if stem != name.stem && stems.contains(stem) { masks.append((name, stem)) } else { kept.append(name) }
        }
        return (kept, masks)
    }

    /// Whether an image lies in it or somewhere below.
    func holdsImages(depth: Int = 0) -> Bool {
        !images.isEmpty || depth < 8 && subfolders.contains { $0.folder.holdsImages(depth: depth + 1) }
    }
}
