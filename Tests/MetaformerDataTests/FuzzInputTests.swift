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
}
