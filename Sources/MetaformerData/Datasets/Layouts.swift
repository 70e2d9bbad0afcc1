import Foundation

/// What a layout found in a folder.
struct FoundDataset {
    var layout: Dataset.Layout
    var evidence: String
    var items: [DatasetItem] = []
    var strayMasks: [URL] = []
    /// Masks of good images, which tell nothing.
    var goodMasks: [URL] = []
}

/// Magnetic Tile Defects.
enum MagneticTileLayout {
    static func find(_ root: FolderListing) -> FoundDataset? {
        let classes = root.folders.filter { $0.hasPrefix("MT_") }
        guard !classes.isEmpty else { return nil }
        let more = classes.count > 1 ? " and \(classes.count - 1) more of its kind" : ""
        var found = FoundDataset(layout: .magneticTile, evidence: "it has \(classes[0])\(more)")
        let category = root.url.standardizedFileURL.lastPathComponent
        for name in classes {
            guard let images = root.folder(name)?.folder("Imgs") else { continue }
            let kind = String(name.dropFirst(3)).lowercased()
            let pairs = ImagesWithMasks(images)
            for (image, mask) in pairs.images {
                // The masks of good tiles are all black and tell nothing.
                if kind == "free", let mask { found.goodMasks.append(mask) }
                found.items.append(
                    DatasetItem(
                        url: image, category: category, label: kind == "free" ? .good : .defect(kind: kind),
                        split: .unassigned, maskURLs: kind == "free" ? [] : mask.map { [$0] } ?? []))
            }
            found.strayMasks += pairs.strayMasks
        }
        return found.items.isEmpty && found.strayMasks.isEmpty ? nil : found
    }
}

/// MSRA10K: photographs, the masks of what is salient in them left alone.
enum MSRA10KLayout {
    static func find(_ root: FolderListing) -> FoundDataset? {
        guard root.images.isEmpty, let images = root.folder("Imgs") else { return nil }
        let pairs = ImagesWithMasks(images)
        guard !pairs.images.isEmpty else { return nil }
        let category = root.url.standardizedFileURL.lastPathComponent
        let items = pairs.images.map { image, _ in
            DatasetItem(url: image, category: category, label: .unlabelled, split: .unassigned)
        }
        return FoundDataset(
            layout: .msra10k, evidence: "it has Imgs with JPEG files", items: items, strayMasks: pairs.strayMasks,
            goodMasks: pairs.images.compactMap(\.mask))
    }
}

/// JPEG images with PNG masks of the same names beside them.
private struct ImagesWithMasks {
    var images: [(URL, mask: URL?)] = []
    var strayMasks: [URL] = []

    init(_ folder: FolderListing) {
        let isMask = { (name: String) in name.pathExtension == "png" }
        var masks: [String: String] = [:]
        for name in folder.images where isMask(name) { masks[name.stem] = name }
        for name in folder.images where !isMask(name) {
            let mask = masks.removeValue(forKey: name.stem)
            images.append((folder.imageURL(name), mask.map(folder.imageURL)))
        }
        strayMasks = masks.values.sorted().map(folder.imageURL)
    }
}
