import Foundation
import MetaformerData
import TestSupport
import Testing

/// Folders and files that were once taken wrongly, each made again as small as it can be, and what is right for it: from the
/// command line to its results. Every test is named after its case; those of hosts are in HostTests.
@Suite("Cases") struct CaseTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    // MARK: Images

    /// A striped plate; one of defects has a dark hole.
    static func plate(_ seed: Int = 0, width: Int = 48, height: Int = 40, hole: Bool = false) -> Image {
        let bytes = (0..<width * height).map { index -> UInt8 in
            let (x, y) = (index % width, index / width)
            if hole, (20..<28).contains(x), (16..<24).contains(y) { return 5 }
            return UInt8((x / 6 % 2 == 0 ? 120 : 160) + (index &* (seed + 7)) % 9)
        }
        return Image(width: width, height: height, channels: 1, bytes: bytes)
    }

    /// Plates at paths below the folder, with a hole where the path has the word.
    func plates(_ paths: String...) throws {
        for (seed, path) in paths.enumerated() {
            try place(CaseTests.plate(seed, hole: path.contains("hole")), at: path)
        }
    }

    func place(_ image: Image, at path: String) throws { try image.write(png: try made(path)) }

    func place(_ bytes: some Sequence<UInt8>, at path: String) throws { try Data(bytes).write(to: try made(path)) }

    /// A mask of the hole, in values of so much.
    func mask(_ path: String, marked: UInt8 = 255) throws {
        let bytes = (0..<48 * 40).map { index -> UInt8 in
            (20..<28).contains(index % 48) && (16..<24).contains(index / 48) ? marked : 0
        }
        try place(Image(width: 48, height: 40, channels: 1, bytes: bytes), at: path)
    }

    private func made(_ path: String) throws -> URL {
        let file = folder.url.appendingPathComponent(path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        return file
    }

    // MARK: Commands

    func run(_ arguments: String...) throws -> Program.Outcome { try Program.run(arguments, in: folder.url) }

    /// Adapts the smallest model to a folder; what the command said.
    @discardableResult
    func adapt(_ good: String, to model: String = "m.safetensors") throws -> Program.Outcome {
        let outcome = try run(
            "adapt", "--model", "scratch:A", "--good", good, "--output", model, "--epochs", "1", "--threads", "1")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        return outcome
    }

    /// The rows of results.json, by image.
    func rows(_ output: String) throws -> [String: [String: Any]] {
        let data = try Data(contentsOf: folder.url.appendingPathComponent("\(output)/results.json"))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let images = try #require(object?["images"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: images.map { ($0["image"] as? String ?? "", $0) })
    }

    func score(_ row: [String: Any]?) throws -> Double { try #require(row?["score"] as? Double) }

    /// The files of a folder and of those in it.
    func files(_ path: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: folder.path(path))?.compactMap { $0 as? String } ?? []
        return all.filter { FileStatus(folder.url.appendingPathComponent("\(path)/\($0)"))?.isFolder == false }.sorted()
    }
}
