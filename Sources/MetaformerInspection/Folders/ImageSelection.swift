import Foundation
import MetaformerData

/// Images that are adapted to, calibrated by or inspected, chosen from folders as people name them.
package struct ImageSelection {
    /// In order; their names are unique.
    package let items: [InspectedImage]
    /// What of the folders given was not taken, in words for people; empty where all was.
    package var remarks: [String] = []
    /// Whether the folder has further images, among which an inspection of it would take these.
    package var isChosenAmongOthers = false

    /// The good images of a folder to adapt to: those for training where the layout tells, else those that it calls good, and
    /// of a folder where nothing is said, all. Of a training list, just those that it names.
    package static func good(in directory: String, trainingList: String?) throws -> ImageSelection {
        let dataset = try Dataset(path: directory, trainingList: trainingList)
        guard dataset.categories.count == 1 else {
            throw InspectionError(
                "\(directory): holds \(dataset.categories.count) products (\(dataset.categories.prefix(4).joined(separator: ", "))"
                    + "\(dataset.categories.count > 4 ? ", …" : "")); name the folder of one")
        }
        var chosen = dataset.adaptationItems()
        // A folder of images and nothing else is what somebody says is good.
        let saysNothing = dataset.items.allSatisfy { $0.label == .unlabelled && $0.split == .unassigned }
        if chosen.isEmpty, saysNothing { chosen = dataset.items }
        guard !chosen.isEmpty else {
            throw InspectionError(
                "\(directory): holds no good images to adapt to outside its part for testing; name the folder of good ones"
            )
        }
        let inspected = Set(dataset.inspectionItems.map(\.url))
        let own = chosen.count { inspected.contains($0.url) }
        return ImageSelection(
            items: chosen.map { InspectedImage($0, in: dataset) }, remarks: remarks(dataset, chosen, path: directory),
            isChosenAmongOthers: own > 0 && own < inspected.count)
    }

    /// The defective images of a folder: those that its layout tells, else all that are not good ones.
    package static func defective(in directory: String) throws -> ImageSelection {
        let dataset = try Dataset(path: directory)
        let defective = dataset.items.filter { $0.label.isDefect }
        let chosen = defective.isEmpty ? dataset.items.filter { $0.label == .unlabelled } : defective
        guard !chosen.isEmpty else { throw InspectionError("\(directory): holds no defective images") }
        return ImageSelection(
            items: chosen.map { InspectedImage($0, in: dataset) }, remarks: remarks(dataset, chosen, path: directory))
    }

    /// The images of files, folders and CSV lists to inspect: of a folder the part for testing where the layout tells, else
    /// all. What a model was adapted to is left out, unless that is all there is, or the file is named itself.
    package static func inspected(
        _ paths: [String], trainingList: String?, adaptedTo: AdaptationRecord? = nil
    ) throws -> ImageSelection {
        var selection = ImageSelection(items: [])
        let prefixes = PathPrefixes(paths)
        var items: [InspectedImage] = []
        for path in paths {
            var isDirectory: ObjCBool = false
            let url = URL(fileURLWithPath: path)
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                throw InspectionError("\(path): no such file or folder")
            }
            guard isDirectory.boolValue || Dataset.isList(url) else {
                items.append(InspectedImage(url: url, name: url.lastPathComponent, label: .unlabelled))
                continue
            }
            let dataset = try Dataset(path: path, trainingList: trainingList)
            var chosen = dataset.inspectionItems
            selection.remarks += remarks(dataset, chosen, path: path)
            if let adaptedTo {
                let rest = chosen.filter { !adaptedTo.contains($0.url) }
                if !rest.isEmpty, rest.count < chosen.count {
                    let count = chosen.count - rest.count
                    selection.remarks.append(
                        "\(path): \(count) \(count == 1 ? "image is" : "images are") left out: the model was adapted to "
                            + (count == 1 ? "it" : "them"))
                    chosen = rest
                }
            }
            let prefix = isDirectory.boolValue ? prefixes[path] : ""
            items += chosen.map { InspectedImage($0, in: dataset, prefix: prefix) }
        }
        return ImageSelection(items: InspectedImage.withUniqueNames(items), remarks: selection.remarks)
    }

    /// Some of the images, drawn from a seed; all where there are not as many.
    package func drawing(_ count: Int, seed: UInt64) -> ImageSelection {
        var generator = RandomGenerator(seed: seed)
        let chosen = items.indices.shuffled(using: &generator).prefix(count).sorted()
        return ImageSelection(
            items: chosen.map { items[$0] }, remarks: remarks,
            isChosenAmongOthers: isChosenAmongOthers || count < items.count)
    }

    /// What is not taken of a data set, in one line; masks and files that are no images are passed over.
    private static func remarks(_ dataset: Dataset, _ chosen: [DatasetItem], path: String) -> [String] {
        let taken = Set(chosen.map(\.url))
        let others = dataset.uses.compactMap { use, files -> String? in
            let rest = files.count { !taken.contains($0) }
            guard rest > 0 else { return nil }
            switch use {
            case .mask, .leftOut(LeftOutFile.notAnImage): return nil
            case .leftOut(let reason): return "\(rest) left out (\(reason))"
            case .adapted: return "\(rest) to adapt to"
            case .testedGood: return "\(rest) good for testing"
            case .testedDefective(let kind): return "\(rest) \(kind)"
            case .unlabelled: return "\(rest) unlabelled"
            }
        }
        return others.isEmpty ? [] : ["\(path): \(chosen.count) taken, not taken: \(others.joined(separator: ", "))"]
    }
}

/// What tells the folders of a command line apart in the names of results: their own names, or where two are called alike, their
/// paths below the folder that they share.
private struct PathPrefixes {
    private var prefixes: [String: String] = [:]

    init(_ paths: [String]) {
        guard paths.count > 1 else { return }
        let parts = Dictionary(
            paths.map { ($0, URL(fileURLWithPath: $0).standardizedFileURL.pathComponents) },
            uniquingKeysWith: { a, _ in a })
        let names = Dictionary(grouping: parts.keys) { parts[$0]?.last ?? "" }
        let areAlike = names.values.contains { $0.count > 1 }
        let all = Array(parts.values)
        var shared = 0
        while all.allSatisfy({ shared + 1 < $0.count && $0[shared] == all[0][shared] }) { shared += 1 }
        for (path, components) in parts {
            let own: String = areAlike ? components.dropFirst(shared).joined(separator: "/") : components.last ?? ""
            prefixes[path] = own + "/"
        }
    }

    subscript(path: String) -> String { prefixes[path] ?? "" }
}
