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
/// test, or empty) and `category`. The columns are known by the names that other tools give them as well.
enum ListLayout {
    private static let names = (
        path: ["path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "source-ref"],
        label: ["label", "class", "labels", "anomaly", "is_anomaly", "defect", "verdict"],
        mask: ["mask", "masks", "mask_path", "maskpath"], split: ["split", "subset", "set", "part"],
        category: ["category", "product", "object"]
    )

    static func read(_ url: URL) throws(DatasetError) -> FoundDataset {
        let path = url.relativePath
        guard FileManager.default.fileExists(atPath: url.path) else { throw .notFound(path: path) }
        let table = try CSVTable(contentsOf: url)
        let folder = url.deletingLastPathComponent()
        let find = { (names: [String]) in names.lazy.compactMap(table.columns.firstIndex).first }
        if table.columns.contains(where: { ImageFormat.endings.contains($0.pathExtension) }) {
            throw .table(
                path: path, line: 1, reason: "names an image; the first line names the columns, such as path,label")
        }
        let (images, labels) = (find(names.path), find(names.label))
        let columns = (
            path: images != nil ? images ?? 0 : try table.column("path", of: url),
            label: labels != nil ? labels ?? 0 : try table.column("label", of: url)
        )
        let (masks, split, category) = (find(names.mask), find(names.split), find(names.category))
        var found = FoundDataset(layout: .list, evidence: "\(url.lastPathComponent) lists \(table.rows.count) images")
        for (line, fields) in table.rows {
            guard !fields[columns.path].isEmpty else {
                throw .table(path: path, line: line, reason: "the path is empty")
            }
            let maskNames = masks.map { fields[$0].split(separator: ";") } ?? []
            let product = category.map { fields[$0] } ?? ""
            found.items.append(
                DatasetItem(
                    url: located(fields[columns.path], in: folder),
                    category: product.isEmpty ? url.deletingPathExtension().lastPathComponent : product,
                    label: label(fields[columns.label]),
                    split: try part(split.map { fields[$0] } ?? "", path, line),
                    maskURLs: maskNames.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
                        .map { located($0, in: folder) }))
        }
        guard !found.items.isEmpty else { throw .table(path: path, line: 2, reason: "no image is listed") }
        return found
    }

    private static func part(_ name: String, _ path: String, _ line: Int) throws(DatasetError) -> Split {
        if name.isEmpty { return .unassigned }
        if case .part(let split) = FolderName(name) { return split }
        if let split = Split(rawValue: name.lowercased()) { return split }
        let names = "train, validation, test or nothing"
        throw .table(path: path, line: line, reason: "the split is \(name); it can be \(names)")
    }

    /// A file as a list names it; with the backslashes of Windows where there is no file of that very name.
    private static func located(_ path: String, in folder: URL) -> URL {
        let absolute = { (path: String) in
            path.hasPrefix("/") ? URL(fileURLWithPath: path) : folder.appendingPathComponent(path)
        }
        guard path.contains("\\"), FileStatus(absolute(path)) == nil else { return absolute(path) }
        return absolute(path.replacing("\\", with: "/"))
    }

    private static func label(_ name: String) -> Label {
        if ["0", "false", "no"].contains(name.lowercased()) { return .good }
        switch FolderName(name) {
        case .good: return .good
        case .unlabelled: return .unlabelled
        default: return name.isEmpty ? .unlabelled : .defect(kind: name)
        }
    }
}
