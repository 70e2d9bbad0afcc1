import Foundation
import MetaformerData
import MetaformerGraph

/// An image that is to be inspected, and what its results are called.
public struct InspectedImage: Sendable {
    public let url: URL
    /// What results call it: its path within the folder that was given, or the file's own name.
    public private(set) var name: String
    public let label: Label
    /// What the paths of its own result files begin with, within the folder of results.
    public private(set) var resultStem: String

    public init(url: URL, name: String, label: Label) {
        self.url = url
        self.name = name
        self.label = label
        resultStem = name
    }

    public init(_ item: DatasetItem, in dataset: Dataset, prefix: String = "") {
        self.init(url: item.url, name: prefix + dataset.relativePath(of: item.url), label: item.label)
    }

    /// The images, each once, with names and result files of their own: `001.png` beside `001.bmp` keeps its ending, and files of
    /// several folders that are called alike keep the folders that tell them apart.
    public static func withUniqueNames(_ images: [InspectedImage]) -> [InspectedImage] {
        var known: Set<String> = []
        var images = images.filter { known.insert($0.url.standardizedFileURL.path).inserted }
        let names = counts(images.map(\.name))
        if names.values.contains(where: { $0 > 1 }) {
            let folders = images.map { $0.url.standardizedFileURL.pathComponents.dropLast() }
            let depth = folders.map(\.count).min() ?? 0
            let shared = (0..<depth).prefix { place in
                folders.allSatisfy { Array($0)[place] == Array(folders[0])[place] }
            }
            for index in images.indices where names[images[index].name, default: 0] > 1 {
                let parts = images[index].url.standardizedFileURL.pathComponents
                images[index].name = parts.dropFirst(shared.count).joined(separator: "/")
            }
        }
        let paths = images.map { ResultPath.safe($0.name) }
        let stems = paths.map(ResultPath.withoutEnding)
        // File systems that do not tell small letters from large ones would mix them up as well.
        let stemCounts = counts(stems.map { $0.lowercased() })
        var taken: Set<String> = []
        for index in images.indices {
            let isAlone = stemCounts[stems[index].lowercased(), default: 0] == 1
            var stem = ResultPath.shortened(isAlone ? stems[index] : paths[index])
            var number = 2
            while !taken.insert(stem.lowercased()).inserted {
                stem = ResultPath.shortened(paths[index] + "-\(number)")
                number += 1
            }
            images[index].resultStem = stem
        }
        return images
    }

    private static func counts(_ names: [String]) -> [String: Int] {
        Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
    }
}

/// Paths of result files.
enum ResultPath {
    /// Without what would lead out of the folder of results.
    static func safe(_ path: String) -> String {
        path.split(separator: "/").filter { $0 != "." && $0 != ".." }.joined(separator: "/")
    }

    static func withoutEnding(_ path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return path }
        return String(path.dropLast(name[dot...].count))
    }

    /// File systems take 255 bytes a name, of which endings and temporary names need some.
    static func shortened(_ path: String) -> String {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.last, name.utf8.count > 200 else { return path }
        var short = name
        while short.utf8.count > 180 { short.removeLast() }
        parts[parts.count - 1] = short + "-" + Digest(of: Array(name.utf8)).text
        return parts.joined(separator: "/")
    }
}
