import Foundation
import MetaformerData

/// Images that a command works on.
struct ImageSelection {
    struct Item {
        let url: URL
        /// The path that results name: within the folder given, or the file's own name.
        let name: String
        let label: Label
    }

    let items: [Item]

    /// The good images of a folder to adapt to: those for training where the layout tells, else all good or unlabelled
    /// ones. Of a training list, just those that it names.
    static func good(in directory: String, trainingList: String?) throws -> ImageSelection {
        let dataset = try dataset(directory, trainingList)
        guard dataset.categories.count == 1 else {
            throw CommandError(
                "\(directory): holds \(dataset.categories.count) products (\(dataset.categories.prefix(4).joined(separator: ", "))"
                    + "\(dataset.categories.count > 4 ? ", …" : "")); name the folder of one")
        }
        let good = dataset.items.filter { !$0.label.isDefect }
        let training = good.filter { $0.split == .train }
        let chosen = training.isEmpty ? good : training
        guard !chosen.isEmpty else { throw CommandError("\(directory): holds no good images to adapt to") }
        return ImageSelection(items: chosen.map { item($0, in: dataset) })
    }

    /// The defective images of a folder: those that its layout tells, else all that are not good ones.
    static func defective(in directory: String) throws -> ImageSelection {
        let dataset = try dataset(directory, nil)
        let defective = dataset.items.filter { $0.label.isDefect }
        let chosen = defective.isEmpty ? dataset.items.filter { $0.label == .unlabelled } : defective
        guard !chosen.isEmpty else { throw CommandError("\(directory): holds no defective images") }
        return ImageSelection(items: chosen.map { item($0, in: dataset) })
    }

    /// The images of files and folders to inspect: those for testing where a folder's layout tells, else all of them.
    static func inspected(_ paths: [String], trainingList: String?) throws -> ImageSelection {
        var items: [Item] = []
        for path in paths {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                throw CommandError("\(path): no such file or folder")
            }
            let url = URL(fileURLWithPath: path)
            guard isDirectory.boolValue else {
                items.append(Item(url: url, name: url.lastPathComponent, label: .unlabelled))
                continue
            }
            let dataset = try dataset(path, trainingList)
            let test = dataset.items.filter { $0.split == .test }
            let prefix = paths.count > 1 ? url.lastPathComponent + "/" : ""
            items += (test.isEmpty ? dataset.items : test).map {
                let item = item($0, in: dataset)
                return Item(url: item.url, name: prefix + item.name, label: item.label)
            }
        }
        var seen: Set<String> = []
        if let twice = items.first(where: { !seen.insert($0.name).inserted }) {
            throw CommandError("\(twice.name): two images of this name; their results would overwrite each other")
        }
        return ImageSelection(items: items)
    }

    /// Some of the images, drawn from a seed.
    func shots(_ count: Int, seed: UInt64) throws -> ImageSelection {
        guard count <= items.count else {
            throw CommandError("--shots is \(count), but there are only \(items.count) good images")
        }
        var generator = RandomGenerator(seed: seed)
        let chosen = items.indices.shuffled(using: &generator).prefix(count).sorted()
        return ImageSelection(items: chosen.map { items[$0] })
    }

    private static func dataset(_ directory: String, _ trainingList: String?) throws -> Dataset {
        var dataset = try Dataset(directory: URL(fileURLWithPath: directory))
        if let trainingList {
            guard let text = try? String(contentsOfFile: trainingList, encoding: .utf8) else {
                throw CommandError("\(trainingList): cannot be read; name a text file with an image's name a line")
            }
            let names = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            try dataset.applyTrainingList(names.filter { !$0.isEmpty })
        }
        return dataset
    }

    private static func item(_ item: DatasetItem, in dataset: Dataset) -> Item {
        Item(url: item.url, name: dataset.relativePath(of: item.url), label: item.label)
    }
}
