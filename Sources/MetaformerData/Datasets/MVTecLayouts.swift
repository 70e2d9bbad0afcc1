import Foundation

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
        func add(_ folder: FolderListing?, _ label: Label, _ split: Split, masks: FolderListing? = nil) {
            guard let folder else { return }
            for image in folder.images {
                let mask = masks?.images.first { $0.stem == image.stem + "_mask" }
                found.items.append(
                    DatasetItem(
                        url: folder.imageURL(image), category: name, label: label, split: split,
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
