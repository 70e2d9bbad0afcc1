import Foundation

/// MVTec AD: a category, or a folder of categories.
enum MVTecLayout {
    static func find(_ root: FolderListing) -> FoundDataset? {
        var found = FoundDataset(layout: .mvtec, evidence: "")
        if let split = category(root, named: root.url.standardizedFileURL.lastPathComponent, into: &found) {
            found.evidence = split
            return found
        }
        var names: [String] = []
        for name in root.folders {
            guard let folder = root.folder(name), category(folder, named: name, into: &found) != nil else { continue }
            names.append(name)
        }
        guard let first = names.first else { return nil }
        let count = names.count == 1 ? "1 category" : "\(names.count) categories"
        found.evidence = "\(count) with train or test folders, \(first) the first"
        return found
    }

    /// Adds the images of a category and says what gave it away; nil when the folder is none.
    private static func category(
        _ folder: FolderListing, named name: String, into found: inout FoundDataset
    ) -> String? {
        let train = folder.folder("train")
        let test = folder.folder("test")
        let hasTraining = train?.folders.contains(where: isGood) == true
        let truth = folder.folder("ground_truth")
        let hasTest = test.map { !$0.folders.isEmpty && (truth != nil || $0.folders.contains(where: isGood)) } == true
        guard hasTraining || hasTest else { return nil }
        let validation = folder.folder("validation")

        var usedMasks: Set<URL> = []
        for (split, part) in [(Split.train, train), (.validation, validation), (.test, test)] {
            for kind in part?.folders ?? [] {
                guard let pictures = part?.folder(kind) else { continue }
                let masks = isGood(kind) ? nil : truth?.folder(kind)
                for picture in pictures.images {
                    let mask = masks.map { self.masks(of: picture, in: $0, &found.layout) } ?? []
                    usedMasks.formUnion(mask)
                    found.items.append(
                        DatasetItem(
                            url: pictures.imageURL(picture), category: name,
                            label: isGood(kind) ? .good : .defect(kind: kind), split: split, maskURLs: mask))
                }
            }
        }
        for kind in truth?.folders ?? [] {
            guard let masks = truth?.folder(kind) else { continue }
            let folders = [masks] + masks.folders.compactMap(masks.folder)
            found.strayMasks += folders.flatMap { $0.images.map($0.imageURL) }.filter { !usedMasks.contains($0) }
        }
        let parts = [("train/good", hasTraining), ("test", test != nil), ("ground_truth", truth != nil)]
        return "it has " + parts.filter(\.1).map(\.0).joined(separator: ", ")
    }

    /// `NNN_mask.png` in the original; in the wild also named like the image; in LOCO a folder of that name.
    private static func masks(of picture: String, in masks: FolderListing, _ layout: inout Dataset.Layout) -> [URL] {
        let stem = picture.stem
        if let name = masks.images.first(where: { $0.stem == stem + "_mask" })
            ?? masks.images.first(where: { $0.stem == stem })
        {
            return [masks.imageURL(name)]
        }
        guard masks.folders.contains(stem), let several = masks.folder(stem) else { return [] }
        layout = .loco
        return several.images.map(several.imageURL)
    }
}

/// MVTec AD 2: a category, or a folder of categories.
enum MVTec2Layout {
    static func find(_ root: FolderListing) -> FoundDataset? {
        var found = FoundDataset(layout: .mvtec2, evidence: "it has test_public")
        if add(root, named: root.url.standardizedFileURL.lastPathComponent, to: &found) { return found }
        let names = root.folders.filter { name in root.folder(name).map { add($0, named: name, to: &found) } ?? false }
        guard let first = names.first else { return nil }
        let count = names.count == 1 ? "1 category" : "\(names.count) categories"
        found.evidence = "\(count) with test_public, \(first) the first"
        return found
    }

    private static func add(_ folder: FolderListing, named name: String, to found: inout FoundDataset) -> Bool {
        guard let test = folder.folder("test_public") else { return false }
        func add(_ pictures: FolderListing?, _ label: Label, _ split: Split, masks: FolderListing? = nil) {
            guard let pictures else { return }
            for picture in pictures.images {
                let mask = masks?.images.first { $0.stem == picture.stem + "_mask" }
                found.items.append(
                    DatasetItem(
                        url: pictures.imageURL(picture), category: name, label: label, split: split,
                        maskURLs: [mask.flatMap { masks?.imageURL($0) }].compactMap { $0 }))
            }
        }
        add(folder.folder("train")?.folder("good"), .good, .train)
        add(folder.folder("validation")?.folder("good"), .good, .validation)
        for kind in test.folders where kind != "ground_truth" {
            let masks = test.folder("ground_truth")?.folder(kind)
            add(test.folder(kind), isGood(kind) ? .good : .defect(kind: kind), .test, masks: masks)
        }
        for part in ["test_private", "test_private_mixed"] { add(folder.folder(part), .unlabelled, .unassigned) }
        return true
    }
}
