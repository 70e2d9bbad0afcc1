import Foundation
import MetaformerData
import TestSupport
import Testing

/// What `inspect` writes, keeps, refuses and deletes.
@Suite("Folders of results") struct InspectionFolderTests {
    let folder: TemporaryFolder
    let model: String

    init() throws {
        folder = try TemporaryFolder()
        for index in 0..<3 {
            try InspectionFolderTests.plate(index, to: folder.url.appendingPathComponent("good/\(index).png"))
        }
        model = folder.path("plate.safetensors")
        let outcome = try Program.run(
            "adapt", "--model", "scratch:A", "--good", folder.path("good"), "--output", model, "--epochs", "1",
            "--quiet")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
    }

    private static func plate(_ seed: Int, to url: URL, side: Int = 40) throws {
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        let bytes = (0..<side * side).map { UInt8(($0 % side / 6 % 2 == 0 ? 120 : 160) + ($0 &* (seed + 7)) % 9) }
        try Image(width: side, height: side, channels: 1, bytes: bytes).write(png: url)
    }

    private func write(_ paths: String...) throws {
        for (index, path) in paths.enumerated() {
            try InspectionFolderTests.plate(20 + index, to: folder.url.appendingPathComponent(path))
        }
    }

    private func inspect(_ arguments: String...) throws -> Program.Outcome {
        try Program.run(["inspect", "--model", model] + arguments, in: folder.url)
    }

    private func files(_ path: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: folder.path(path))?.compactMap { $0 as? String } ?? []
        return all.filter { FileStatus(folder.url.appendingPathComponent("\(path)/\($0)"))?.isFolder == false }.sorted()
    }

    private func rows(_ path: String) throws -> [String: [String: Any]] {
        let data = try Data(contentsOf: folder.url.appendingPathComponent("\(path)/results.json"))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let images = try #require(object?["images"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: images.map { ($0["image"] as? String ?? "", $0) })
    }

    private static let tables = ["inspection.jsonl", "report.html", "results.csv", "results.json"]

    @Test("Folders that are called alike, and files of all kinds, go into one output") func sameFolder() throws {
        try write("cam1/today/1.png", "cam2/today/1.png", "cam2/2.png", "1.png")
        let outcome = try inspect(
            "cam1/today", "cam2/today/", "cam2/2.png", "1.png", "./1.png", "--output", "out", "--overlays", "none")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(try rows("out").keys.sorted() == ["1.png", "2.png", "cam1/today/1.png", "cam2/today/1.png"])
        #expect(files("out").count { $0.hasSuffix(".map.tif") } == 4)
        let files = try inspect("cam1/today/1.png", "cam2/today/1.png", "--output", "both")
        #expect(files.exitCode == 0)
        #expect(try rows("both").keys.sorted() == ["cam1/today/1.png", "cam2/today/1.png"])
    }

    @Test("A folder of others, or of evaluate, is refused, and nothing that is not ours is deleted") func foreign()
        throws
    {
        try write("set/1.png", "set/deep/2.png", "out/notes.png")
        let refused = try inspect("set", "--output", "out")
        #expect(refused.exitCode == 1 && refused.errors.contains("inspect has not written (notes.png)"))
        #expect(files("out") == ["notes.png"])
        try FileManager.default.createDirectory(atPath: folder.path("run"), withIntermediateDirectories: true)
        for name in ["units.jsonl", "results.json", "results.csv"] {
            try Data("{}".utf8).write(to: folder.url.appendingPathComponent("run/\(name)"))
        }
        let evaluation = try inspect("set", "--output", "run")
        #expect(evaluation.exitCode == 1 && evaluation.errors.contains("is a folder of evaluate"))
        #expect(files("run").count == 3)
        // Ours is replaced, with what is stale in it; what was added to it keeps it.
        #expect(try inspect("set", "--output", "own").exitCode == 0)
        try FileManager.default.removeItem(atPath: folder.path("set/deep"))
        #expect(try inspect("set", "--output", "own", "--maps", "none").exitCode == 0)
        #expect(files("own") == ["1.overlay.jpg"] + InspectionFolderTests.tables)
        #expect(!FileManager.default.fileExists(atPath: folder.path("own/deep")))
        try Data("mine".utf8).write(to: folder.url.appendingPathComponent("own/notes.txt"))
        #expect(try inspect("set", "--output", "own").exitCode == 1)
        #expect(files("own").count == 6)
    }

    @Test("A link is kept, and a folder that cannot be written to is named in plain words") func places() throws {
        try write("set/1.png")
        try FileManager.default.createDirectory(atPath: folder.path("real"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: "real")
        #expect(try inspect("set", "--output", "link").exitCode == 0)
        #expect(files("real").count == 6)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("link")) == "real")
        for place in ["/proc/none/out", "/dev/null/out", "plate.safetensors"] {
            let outcome = try inspect("set", "--output", place)
            #expect(outcome.exitCode == 1 && outcome.errors.contains(place))
            for word in ["Cocoa", "NSError", "Domain", "couldn’t"] { #expect(!outcome.errors.contains(word)) }
        }
    }

    @Test("Two runs do not write to one folder") func lock() throws {
        try write("set/1.png")
        try FileManager.default.createDirectory(atPath: folder.path("out"), withIntermediateDirectories: true)
        let held = try FolderLock(folder.url.appendingPathComponent("out"))
        #expect(held != nil)
        let outcome = try inspect("set", "--output", "out")
        #expect(outcome.exitCode == 1 && outcome.errors.contains("another run is writing to it"))
        withExtendedLifetime(held) {}
    }

    @Test("A run goes on where it was stopped, and inspects again what has changed") func resume() throws {
        try write("set/1.png", "set/2.png", "set/3.png")
        #expect(try inspect("set", "--output", "out").exitCode == 0)
        // As after a run that was killed: two images done, a line cut short.
        let journal = folder.url.appendingPathComponent("out/inspection.jsonl")
        let lines = try String(contentsOf: journal, encoding: .utf8).split(separator: "\n")
        let done = lines.filter { $0.contains("\"image\":") }
        let others = lines.filter { !$0.contains("\"image\":") }
        try Data((others.joined(separator: "\n") + "\n" + done[0] + "\n" + done[1].prefix(20)).utf8).write(to: journal)
        for name in ["results.csv", "results.json"] {
            try FileManager.default.removeItem(atPath: folder.path("out/\(name)"))
        }
        let kept = done[0]
        let name = try #require(kept.firstMatch(of: /"image":"(.\.png)"/)).1
        let overlay = folder.url.appendingPathComponent("out/\(name.dropLast(4)).overlay.jpg")
        let before = try #require(FileStatus(overlay))
        #expect(try inspect("set", "--output", "out", "--resume").exitCode == 0)
        #expect(try rows("out").count == 3 && FileStatus(overlay) == before)
        try InspectionFolderTests.plate(77, to: folder.url.appendingPathComponent("set/\(name)"), side: 44)
        #expect(try inspect("set", "--output", "out", "--resume").exitCode == 0)
        #expect(FileStatus(overlay) != before)
        let other = try inspect("set", "--output", "out", "--resume", "--threshold", "-1")
        #expect(other.exitCode == 1 && other.errors.contains("leave --resume out"))
    }

    @Test("A request to end keeps what is done, says so, and leaves nothing hidden", arguments: [SIGTERM, SIGINT])
    func interrupted(signal: Int32) throws {
        try write("set/0.png")
        for index in 1..<400 {
            try FileManager.default.copyItem(
                atPath: folder.path("set/0.png"), toPath: folder.path("set/\(index).png"))
        }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "--default-signal", Program.url.path, "inspect", "--model", model, folder.path("set"), "--output",
            folder.path("out"), "--maps", "none",
        ]
        let errors = folder.url.appendingPathComponent("errors")
        try Data().write(to: errors)
        process.standardError = try FileHandle(forWritingTo: errors)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let overlays = { files("out").count { $0.hasSuffix(".overlay.jpg") } }
        let deadline = ContinuousClock.now + .seconds(60)
        while overlays() == 0, ContinuousClock.now < deadline { usleep(10_000) }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        let text = try String(contentsOf: errors, encoding: .utf8)
        #expect(text.contains("of 400 images; their results are in"))
        let done = try rows("out").count
        #expect(done > 0 && done < 400 && overlays() == done)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("out"))
        #expect(names.allSatisfy { !$0.hasPrefix(".") })
    }

    @Test("The exit status tells of defects where it is asked to; negative thresholds are numbers") func status() throws
    {
        try write("set/1.png")
        #expect(try inspect("set", "--output", "out", "--threshold", "-1").exitCode == 0)
        #expect(try inspect("set", "--output", "out", "--threshold", "-1", "--fail-on-defect").exitCode == 3)
        #expect(try inspect("set", "--output", "out", "--threshold", "1e6", "--fail-on-defect").exitCode == 0)
    }

    @Test(
        "Results that cannot be printed are a failure",
        .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDisk() throws {
        for arguments in [
            ["info", model], ["--help"], ["data", "check", folder.path("good"), "--json"], ["--version"],
        ] {
            let process = Process()
            process.executableURL = Program.url
            process.arguments = arguments
            process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 1, "\(arguments)")
        }
    }

    @Test("What a model was adapted to of many images is left out; a list of images is inspected") func shots() throws {
        let adapted = try Program.run(
            "adapt", "--model", "scratch:A", "--good", "good", "--output", "few", "--epochs", "1", "--shots", "2",
            in: folder.url)
        #expect(adapted.exitCode == 0, "\(adapted.errors)")
        let outcome = try Program.run("inspect", "--model", "few", "good", "--output", "out", in: folder.url)
        #expect(
            outcome.exitCode == 0 && outcome.errors.contains("2 images are left out: the model was adapted to them"))
        #expect(try rows("out").count == 1)
        try Data("path,label\ngood/0.png,good\ngood/1.png,\n".utf8).write(
            to: folder.url.appendingPathComponent("list.csv"))
        #expect(try inspect("list.csv", "--output", "out").exitCode == 0)
        #expect(try rows("out").keys.sorted() == ["good/0.png", "good/1.png"])
    }

    @Test("The report holds all it shows, the worst first") func report() throws {
        try write("set/1.png", "set/2 & 3.png")
        #expect(try inspect("set", "--output", "out", "--overlays", "defective", "--threshold", "1e6").exitCode == 0)
        let page = try String(contentsOf: folder.url.appendingPathComponent("out/report.html"), encoding: .utf8)
        #expect(page.contains("2 &amp; 3.png") && page.contains("src=\"data:image/jpeg;base64,"))
        #expect(!page.contains("http:") && !page.contains("https:"))
        #expect(files("out").allSatisfy { !$0.hasSuffix(".overlay.jpg") })
    }
}
