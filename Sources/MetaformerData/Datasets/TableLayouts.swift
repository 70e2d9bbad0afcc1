import Foundation

/// VisA: `split_csv/1cls.csv` names each object's images, with their split, label and mask.
enum VisALayout {
    static func find(_ root: FolderListing) throws(DatasetError) -> FoundDataset? {
        let url = root.url.appendingPathComponent("split_csv/1cls.csv")
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        let table = try CSVTable(contentsOf: url)
        var found = FoundDataset(layout: .visa, evidence: "it has split_csv/1cls.csv")
        let columns = (
            object: try table.column("object", of: url), split: try table.column("split", of: url),
            label: try table.column("label", of: url), image: try table.column("image", of: url),
            mask: try table.column("mask", of: url)
        )
        for (_, fields) in table.rows {
            let mask = fields[columns.mask]
            found.items.append(
                DatasetItem(
                    url: root.url.appendingPathComponent(fields[columns.image]), category: fields[columns.object],
                    label: fields[columns.label] == "normal" ? .good : .defect(kind: fields[columns.label]),
                    split: fields[columns.split] == "train" ? .train : .test,
                    maskURLs: mask.isEmpty ? [] : [root.url.appendingPathComponent(mask)], maskThreshold: 0))
        }
        found.items.sort {
            ($0.category, $0.split.rawValue, $0.url.path) < ($1.category, $1.split.rawValue, $1.url.path)
        }
        return found
    }
}

/// A CSV file with a row an image: `path` (from the file's own folder), `label` (good, ok, normal or 0; empty where not known;
/// all else is a kind of defect), and, where they are wanted, `mask` (several between semicolons), `split` (train, validation,
/// test, or empty) and `category`.
enum ListLayout {
    static func read(_ url: URL) throws(DatasetError) -> FoundDataset {
        let path = url.relativePath
        guard FileManager.default.fileExists(atPath: url.path) else { throw .notFound(path: path) }
        let table = try CSVTable(contentsOf: url)
        let folder = url.deletingLastPathComponent()
        let columns = (path: try table.column("path", of: url), label: try table.column("label", of: url))
        let optional = { (name: String, fields: [String]) in table.columns.firstIndex(of: name).map { fields[$0] } ?? ""
        }
        var found = FoundDataset(layout: .list, evidence: "\(url.lastPathComponent) lists \(table.rows.count) images")
        for (line, fields) in table.rows {
            guard !fields[columns.path].isEmpty else {
                throw .table(path: path, line: line, reason: "the path is empty")
            }
            let splitName = optional("split", fields).lowercased()
            guard let split = splitName.isEmpty ? .unassigned : Split(rawValue: splitName) else {
                let names = "train, validation, test or nothing"
                throw .table(path: path, line: line, reason: "the split is \(splitName); it can be \(names)")
            }
            let category = optional("category", fields)
            let masks = optional("mask", fields).split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
            found.items.append(
                DatasetItem(
                    url: absolute(fields[columns.path], in: folder),
                    category: category.isEmpty ? url.deletingPathExtension().lastPathComponent : category,
                    label: label(fields[columns.label]), split: split,
                    maskURLs: masks.filter { !$0.isEmpty }.map { absolute($0, in: folder) }))
        }
        guard !found.items.isEmpty else { throw .table(path: path, line: 2, reason: "no image is listed") }
        return found
    }

    private static func absolute(_ path: String, in folder: URL) -> URL {
        path.hasPrefix("/") ? URL(fileURLWithPath: path) : folder.appendingPathComponent(path)
    }

    private static func label(_ name: String) -> Label {
        if name.isEmpty { return .unlabelled }
        return isGood(name) || ["normal", "0"].contains(name.lowercased()) ? .good : .defect(kind: name)
    }
}
