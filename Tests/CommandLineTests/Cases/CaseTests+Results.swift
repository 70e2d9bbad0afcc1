import Foundation
import MetaformerData
import TestSupport
import Testing

/// What comes of images that differ from the others.
extension CaseTests {
    @Test("one-truncated-picture: one damaged image of any kind ends nothing") func truncated() throws {
        let long = String(repeating: "n", count: 251) + ".png"
        try plates("good/0.png", "good/1.png", "set/a.png", "set/z.png", "set/cut.png", "set/n.png")
        try FileManager.default.moveItem(atPath: folder.path("set/n.png"), toPath: folder.path("set/\(long)"))
        try adapt("good")
        let set = folder.url.appendingPathComponent("set")
        let cut = set.appendingPathComponent("cut.png")
        try Data(Data(contentsOf: cut).dropLast(200)).write(to: cut)
        try place([], at: "set/empty.png")
        try place(CaseTests.plate(width: 20, height: 20), at: "set/small.png")
        try FileManager.default.createSymbolicLink(
            atPath: set.appendingPathComponent("link.png").path, withDestinationPath: "nowhere.png")
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out", "--threshold", "1e6")
        #expect(outcome.exitCode == 1)
        #expect(outcome.output.hasPrefix("7 images: 3 good, 0 defective, 4 unreadable\n"))
        for name in ["cut.png", "empty.png", "small.png", "link.png"] {
            #expect(outcome.errors.contains("  \(name): "))
        }
        let rows = try rows("out")
        #expect(rows["link.png"]?["reason"] as? String == "a link to a file that is not there")
        #expect(
            rows["cut.png"]?["verdict"] as? String == "unreadable" && rows["a.png"]?["verdict"] as? String == "good")
        #expect(files("out").count { $0.hasSuffix(".overlay.jpg") } == 3)
        let csv = try String(contentsOf: folder.url.appendingPathComponent("out/results.csv"), encoding: .utf8)
        #expect(csv.contains("empty.png,unlabelled,,,unreadable,0,,,,,,,the file is empty"))
        // The other commands go on as well; adaptation loses nothing silently.
        let calibrated = try run(
            "calibrate", "--model", "m.safetensors", "--good", "set", "--keep-map", "--output", "new")
        #expect(calibrated.exitCode == 1 && calibrated.errors.contains("cut.png"))
        #expect(calibrated.output.contains("from 3 good images"))
        let adapted = try run("adapt", "--good", "set", "--output", "m")
        #expect(adapted.exitCode == 1 && adapted.errors.contains("adapted to all of its good images or to none"))
    }

    @Test("a pipe among images is named, and nothing waits for it") func pipe() throws {
        try plates("good/0.png", "good/1.png", "set/0.png")
        try #require(mkfifo(folder.path("set/pipe.png"), 0o600) == 0)
        try adapt("good")
        let check = try run("data", "check", "set")
        #expect(check.exitCode == 1 && check.output.contains("  pipe.png: cannot be read: not a regular file"))
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out", "--threshold", "1e6")
        #expect(outcome.exitCode == 1 && outcome.output.hasPrefix("2 images: 1 good, 0 defective, 1 unreadable"))
        #expect(outcome.errors.contains("1 file could not be used"))
        try FileManager.default.removeItem(atPath: folder.path("set/pipe.png"))
        let alone = try run("inspect", "--model", "m.safetensors", "set", "--output", "one", "--threshold", "1e6")
        #expect(alone.output.hasPrefix("1 image: 1 good, 0 defective\n"))
    }

    @Test("same-stem: images that differ in their ending alone have results of their own") func sameStem() throws {
        try plates("good/0.png", "good/1.png", "set/001.png", "set/002.png", "set/001.tif", "set/001.JPG")
        try adapt("good")
        let outcome = try run(
            "inspect", "--model", "m.safetensors", "set", "--output", "out", "--maps", "none", "--threshold", "1e6")
        #expect(outcome.exitCode == 0)
        #expect(
            files("out") == [
                "001.JPG.overlay.jpg", "001.png.overlay.jpg", "001.tif.overlay.jpg", "002.overlay.jpg",
                "inspection.jsonl", "report.html", "results.csv", "results.json",
            ])
        #expect(try rows("out").keys.sorted() == ["001.JPG", "001.png", "001.tif", "002.png"])
        for (name, row) in try rows("out") {
            let overlay = name == "002.png" ? "002.overlay.jpg" : "\(name).overlay.jpg"
            #expect(row["overlay"] as? String == overlay)
        }
    }

    /// The plate by a camera of so many bits, in the lower ones of 16.
    private func deepPlate(_ seed: Int, bits: Int) -> Image {
        let image = CaseTests.plate(seed)
        return Image(
            width: image.width, height: image.height, channels: 1,
            samples: image.bytes.map { UInt16(Int($0) * (1 << bits - 1) / 255) })
    }

    @Test("twelve-bits-in-sixteen: images of 12 bits in 16 are recognised, and a model keeps to its depth")
    func twelveBits() throws {
        for bits in [12, 16] {
            for index in 0..<4 { try place(deepPlate(index, bits: bits), at: "deep\(bits)/\(index).png") }
        }
        for index in 0..<4 { try place(CaseTests.plate(index), at: "plate/\(index).png") }
        #expect(try adapt("deep12").output.contains("12 of 16 bits are in use"))
        func inspect(_ images: String, _ more: [String] = []) throws -> Program.Outcome {
            try Program.run(
                ["inspect", "--model", "m.safetensors", images, "--output", "out-\(images)\(more.count)"] + more,
                in: folder.url)
        }
        #expect(try inspect("deep12").exitCode == 0)
        for (images, found) in [("deep16", "16 bits"), ("plate", "8 bits")] {
            let other = try inspect(images)
            #expect(other.exitCode == 1 && other.errors.contains("images of 12 bits"), "\(other.errors)")
            #expect(other.errors.contains(found) && other.errors.contains("--bits"))
        }
        // Forced, each is read as it is meant: 16 bits are as good as 12 then, and 12 read as 16 are dark.
        #expect(try inspect("deep16", ["--bits", "16"]).exitCode == 0)
        #expect(try inspect("deep12", ["--bits", "16"]).exitCode == 0)
        let (own, forced, dark) = (try rows("out-deep120"), try rows("out-deep162"), try rows("out-deep122"))
        for (name, row) in own {
            #expect(try abs(score(row) - score(forced[name])) < 0.02)
            #expect(row["verdict"] as? String != "unlike" && dark[name]?["verdict"] as? String == "unlike")
        }
        #expect(try run("inspect", "--model", "m", "x", "--output", "y", "--bits", "11").exitCode != 0)
        // Some of another depth are named, and how many there are.
        for index in 0..<3 { try place(deepPlate(index, bits: 12), at: "mixed/\(index).png") }
        try place(CaseTests.plate(1), at: "mixed/plain.png")
        let mixed = try inspect("mixed")
        #expect(
            mixed.exitCode == 1 && mixed.errors.contains("1 of 4 images, plain.png the first, has 8 bits"),
            "\(mixed.errors)")
        let note = try run("data", "check", "mixed").output
        #expect(note.contains("images of 8 and of 16 bits"), "\(note)")
    }
}
