import Foundation
import MetaformerData
import TestSupport
import Testing

@testable import metaformer

@Suite("The program as it is run") struct CommandLineTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("sample writes what data check finds sound")
    func sampleAndCheck() throws {
        let sample = try Program.run("sample", path("sample"), "--seed", "4", "--json", "--quiet")
        #expect(sample.exitCode == 0 && sample.errors.isEmpty)
        let counts = try json(sample.output)
        #expect(counts["train_good"] as? Int == 40 && counts["test_good"] as? Int == 12)
        #expect(counts["seed"] as? Int == 4)
        #expect((counts["test_defective"] as? [String: Int])?["scratch"] == 6)

        let check = try Program.run("data", "check", path("sample"))
        #expect(check.exitCode == 0 && check.errors.isEmpty)
        for text in ["MVTec AD", "missing_screw", "all 256 x 256", "all RGB 8 bit", "nothing is wrong"] {
            #expect(check.output.contains(text), "\(text)")
        }
        let report = try json(try Program.run("data", "check", path("sample"), "--json").output)
        #expect(report["image_count"] as? Int == 82 && report["layout"] as? String == "MVTec AD")
    }

    @Test("sample leaves the folders of others alone")
    func sampleRefuses() throws {
        try FileManager.default.createDirectory(atPath: path("mine"), withIntermediateDirectories: true)
        try Data("notes".utf8).write(to: URL(fileURLWithPath: path("mine/notes.txt")))
        let outcome = try Program.run("sample", "mine", in: folder.url)
        #expect(outcome.exitCode == 1 && outcome.output.isEmpty)
        #expect(
            outcome.errors == """
                metaformer: error: mine: holds files that are not of the sample (notes.txt); name a new or an empty folder

                """)
        #expect(try folder.names == ["mine"])
    }

    @Test("data check names what is damaged, and ends with 1")
    func damaged() throws {
        let image = Image(width: 32, height: 40, channels: 1, bytes: (0..<32 * 40).map { UInt8($0 % 251) })
        try image.write(png: folder.url.appendingPathComponent("a.png"))
        try Data("text".utf8).write(to: folder.url.appendingPathComponent("b.png"))
        let outcome = try Program.run("data", "check", ".", in: folder.url)
        #expect(outcome.exitCode == 1)
        #expect(outcome.output.contains("error: cannot be read: 1\n  b.png: not a PNG, JPEG, TIFF, BMP or PNM file"))
        #expect(outcome.errors == "metaformer: error: .: 1 error in the data; see the report\n")
    }

    @Test("data check refuses what is no folder of images")
    func noDataset() throws {
        let missing = try Program.run("data", "check", "missing", in: folder.url)
        #expect(missing.exitCode == 1 && missing.errors == "metaformer: error: missing: no such folder\n")
        let empty = try Program.run("data", "check", ".", in: folder.url)
        #expect(empty.exitCode == 1)
        #expect(empty.errors.hasPrefix("metaformer: error: .: no images are found here (the folder is empty); name"))
        try Data("text".utf8).write(to: folder.url.appendingPathComponent("file"))
        let file = try Program.run("data", "check", "file", in: folder.url)
        #expect(file.exitCode == 1 && file.errors.contains("file: is a file; name a folder of images"))
    }

    @Test("data check applies a training list, and says when it does not fit")
    func trainingList() throws {
        for name in ["MT_Free/Imgs/a", "MT_Free/Imgs/b", "MT_Crack/Imgs/c"] {
            let file = folder.url.appendingPathComponent(name + ".jpg")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            let bytes = (0..<32 * 32).map { UInt8(($0 + name.utf8.count) % 251) }
            try Image(width: 32, height: 32, channels: 1, bytes: bytes).write(png: file)
        }
        try Data("a.jpg\r\n\r\n".utf8).write(to: folder.url.appendingPathComponent("list.txt"))
        let outcome = try Program.run("data", "check", ".", "--train-list", "list.txt", "--json", in: folder.url)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let counts = try #require(try json(outcome.output)["counts"] as? [[String: Any]])
        #expect(
            counts.map { "\($0["split"] ?? "") \($0["label"] ?? "")" } == ["train good", "test good", "test crack"])
        try Data("c.jpg".utf8).write(to: folder.url.appendingPathComponent("list.txt"))
        let wrong = try Program.run("data", "check", ".", "--train-list", "list.txt", in: folder.url)
        #expect(wrong.exitCode == 1 && wrong.errors.contains("the training list names 1 that is no good image here"))
        let lost = try Program.run("data", "check", ".", "--train-list", "lost.txt", in: folder.url)
        #expect(lost.exitCode == 1 && lost.errors.contains("lost.txt: cannot be read"))
    }

    @Test(
        "A wrong command line ends with 2 and says so on standard error",
        arguments: [
            ["sample"], ["sample", "x", "--seed", "minus"], ["sample", "x", "y"], ["data", "check"], ["nonsense"],
            ["sample", "x", "--threads", "-1"], ["sample", "x", "--threads", "5000"], ["data", "check", "x", "--nope"],
            ["sample", ""], ["data", "check", ""],
        ])
    func usage(arguments: [String]) throws {
        let outcome = try Program.run(arguments, in: folder.url)
        #expect(outcome.exitCode == 2 && outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("metaformer: error: "))
        #expect(try folder.names.isEmpty)
    }

    @Test(
        "Help goes to standard output and ends with 0",
        arguments: [["--help"], ["sample", "--help"], ["help", "data"], []])
    func help(arguments: [String]) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.exitCode == 0 && outcome.errors.isEmpty)
        #expect(outcome.output.contains("USAGE: metaformer"))
    }

    @Test("The progress line tells how far, and the time left")
    func progressLine() {
        let half = ProgressBar.line(label: "drawing", done: 41, total: 82, elapsed: .seconds(65))
        #expect(half == "drawing [############............] 41/82  1:05 left")
        let start = ProgressBar.line(label: "drawing", done: 1, total: 7201, elapsed: .seconds(1))
        #expect(start == "drawing [........................] 1/7201  2:00:00 left")
        #expect(ProgressBar.line(label: "x", done: 9, total: 9, elapsed: .seconds(3)).hasSuffix("9/9  0:00 left"))
    }
}
