import Foundation
import MetaformerData
import TestSupport
import Testing

/// The golden inputs of the fuzzing targets in Swift: what scripts/reliability/fuzz starts from, and what it found.
@Suite("Inputs of fuzzing") struct FuzzInputTests {
    private static func inputs(_ target: String) throws -> [Data] {
        let folder = Command.root.appending(path: "Tests/golden/fuzz/\(target)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        return try names.map { try Data(contentsOf: folder.appending(path: $0)) }
    }

    @Test("lists are read, or refused with their path") func lists() throws {
        let folder = try TemporaryFolder()
        let list = folder.url.appending(path: "list.csv")
        for name in ["a.png", "b.png"] { try Data().write(to: folder.url.appending(path: name)) }
        var readable = 0
        for input in try FuzzInputTests.inputs("lists") {
            try input.write(to: list)
            do {
                readable += try Dataset(directory: list).items.count
            } catch {
                #expect("\(error)".contains("list.csv"), "\(error)")
            }
        }
        #expect(readable > 0)
    }

    @Test("folders of any layout are read, or refused with their path") func folders() throws {
        var readable = 0
        for input in try FuzzInputTests.inputs("folders") {
            let folder = try TemporaryFolder()
            for line in String(decoding: input, as: UTF8.self).split(separator: "\n") {
                let fields = line.split(separator: "\t", maxSplits: 1).map(String.init)
                guard let name = fields.first else { continue }
                let content = fields.dropFirst().first ?? ""
                let place = folder.url.appending(path: name)
                if content.hasPrefix(">") {
                    try FileManager.default.createSymbolicLink(
                        at: place, withDestinationURL: folder.url.appending(path: content.dropFirst()))
                } else {
                    try folder.write(Array(content.replacing("\\n", with: "\n").utf8), to: name)
                }
            }
            do {
                readable += try Dataset(directory: folder.url).items.count
            } catch {
                #expect("\(error)".contains(folder.url.lastPathComponent), "\(error)")
            }
        }
        #expect(readable > 0)
    }
}
