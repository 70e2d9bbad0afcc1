import Foundation
import MetaformerData
import TestSupport
import Testing

/// Adaptation and inspecting, as a person would, with the smallest images and the shortest training that show it.
@Suite("adapt, inspect and info")
struct MainJobTests {
    let folder: TemporaryFolder
    let good: URL

    /// Six good images of a striped plate, 48 × 40 pixels.
    init() throws {
        folder = try TemporaryFolder()
        good = folder.url.appendingPathComponent("plate")
        try FileManager.default.createDirectory(at: good, withIntermediateDirectories: true)
        for index in 0..<6 { try plate(index).write(png: good.appendingPathComponent("\(index).png")) }
    }

    private func plate(_ seed: Int, width: Int = 48, height: Int = 40, hole: Bool = false) -> Image {
        let bytes = (0..<width * height).map { index -> UInt8 in
            let (x, y) = (index % width, index / width)
            if hole, (20..<28).contains(x), (16..<24).contains(y) { return 5 }
            return UInt8((x / 6 % 2 == 0 ? 120 : 160) + (index &* (seed + 7)) % 9)
        }
        return Image(width: width, height: height, channels: 1, bytes: bytes)
    }

    private func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

    /// A model adapted in one pass.
    private func adapted(_ name: String = "plate.safetensors") throws -> String {
        let outcome = try Program.run(
            "adapt", "--model", "scratch:A", "--good", good.path, "--output", path(name), "--epochs", "1", "--quiet")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.isEmpty && outcome.errors.isEmpty)
        return path(name)
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("from good images to verdicts") func mainJob() throws {
        let model = try adapted()
        try plate(9, hole: true).write(png: folder.url.appendingPathComponent("hole.png"))
        let outcome = try Program.run(
            "inspect", "--model", model, good.path, path("hole.png"), "--output", path("out"), "--threshold", "0.05",
            "--json")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let images = try #require(object(outcome.output)["images"] as? [[String: Any]])
        #expect(images.count == 7)
        #expect(images.last?["image"] as? String == "hole.png")

        let csv = try String(contentsOf: folder.url.appendingPathComponent("out/results.csv"), encoding: .utf8)
        let rows = csv.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        #expect(rows.count == 8 && rows.allSatisfy { $0.count == rows[0].count })
        #expect(rows[0].prefix(5) == ["image", "label", "score", "threshold", "verdict"])
        for row in rows.dropFirst() {
            let score = try #require(Float(row[2]))
            #expect((score > 0.05) == (row[4] == "defective") && Float(row[3]) == 0.05)
        }
        let map = try FloatMap(contentsOf: folder.url.appendingPathComponent("out/plate/3.map.tif"))
        #expect(map.width == 48 && map.height == 40)
        let overlay = try Image(contentsOf: folder.url.appendingPathComponent("out/hole.overlay.jpg"))
        #expect(overlay.width == 288 && overlay.height == 240 + 34 && overlay.channels == 3)
        // Again, over its own results; nothing is left beside them.
        #expect(
            try Program.run("inspect", "--model", model, good.path, "--output", path("out"), "--quiet").exitCode == 0)
        #expect(try folder.names == ["hole.png", "out", "plate", "plate.safetensors"])
    }

    @Test("an image that does not show the product is unlike, not good") func unlike() throws {
        let model = try adapted()
        let night = Image(width: 48, height: 40, channels: 1, bytes: [UInt8](repeating: 0, count: 48 * 40))
        try night.write(png: folder.url.appendingPathComponent("night.png"))
        let outcome = try Program.run(
            "inspect", "--model", model, path("night.png"), good.path, "--output", path("out"), "--threshold", "1e6")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.hasPrefix("7 images: 6 good, 0 defective, 1 unlike the good images\n"))
        let csv = try String(contentsOf: folder.url.appendingPathComponent("out/results.csv"), encoding: .utf8)
        let rows = csv.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        #expect(rows[0][11] == "unlike" && rows[1][4] == "unlike" && rows[1][11].hasPrefix("dark flat"))
        #expect(rows[2][4] == "good" && rows[2][11] == "")
        let json = try Data(contentsOf: folder.url.appendingPathComponent("out/results.json"))
        let images = try #require(object(String(decoding: json, as: UTF8.self))["images"] as? [[String: Any]])
        #expect((images[0]["unlike"] as? [String])?.first == "dark" && (images[1]["unlike"] as? [String]) == [])
    }

    @Test("calibrate sets map and threshold in place, and loses nothing where it cannot") func calibrate() throws {
        let model = try adapted()
        let outcome = try Program.run("calibrate", "--model", model, "--good", good.path)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("so far") && outcome.output.contains("chosen"))
        #expect(outcome.output.contains("from 6 good images, for 2.0 % false alarms (extrapolated"))
        let kept = try Program.run(
            "calibrate", "--model", model, "--good", good.path, "--keep-map", "--output", path("kept"), "--json",
            "--false-alarm-rate", "0.3")
        #expect(kept.exitCode == 0, "\(kept.errors)")
        let result = try object(kept.output)
        #expect(result["threshold_rule"] as? String == "conformal" && result["images"] as? Int == 6)
        #expect((result["compared"] as? [Any])?.isEmpty == true)
        let inspected = try Program.run(
            "inspect", "--model", path("kept"), good.path, "--output", path("out"), "--json")
        let images = try #require(object(inspected.output)["images"] as? [[String: Any]])
        #expect(images.count { $0["verdict"] as? String == "defective" } == 1)

        let bad = folder.url.appendingPathComponent("bad")
        try FileManager.default.createDirectory(at: bad, withIntermediateDirectories: true)
        for index in 0..<2 { try plate(30 + index, hole: true).write(png: bad.appendingPathComponent("\(index).png")) }
        let both = try Program.run(
            "calibrate", "--model", model, "--good", good.path, "--defective", bad.path, "--output", path("both"))
        #expect(both.exitCode == 0, "\(both.errors)")
        #expect(both.output.contains("from 6 good and 2 defective images: the best F1"))

        let few = folder.url.appendingPathComponent("few")
        try FileManager.default.createDirectory(at: few, withIntermediateDirectories: true)
        try plate(20).write(png: few.appendingPathComponent("a.png"))
        let before = try Data(contentsOf: URL(fileURLWithPath: model))
        let refused = try Program.run("calibrate", "--model", model, "--good", few.path)
        #expect(refused.exitCode == 1 && refused.errors.contains("too few good images (1)"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: model)) == before)
        let wrong = try Program.run("calibrate", "--model", model, "--good", few.path, "--false-alarm-rate", "2")
        #expect(wrong.exitCode == 2)
    }

    @Test("threshold gives a model another one, in place or elsewhere") func threshold() throws {
        let model = try adapted()
        let before = try #require(
            try Program.run("info", model, "--json").output.firstMatch(of: /"threshold" : "([^"]+)"/))
        let changed = try Program.run("threshold", "--model", model, "0.25", "--output", path("other"))
        #expect(changed.exitCode == 0 && changed.output == "\(path("other")): threshold 0.25, before \(before.1)\n")
        let negative = try Program.run("threshold", "--model", path("other"), "-1.5", "--output", path("negative"))
        #expect(negative.exitCode == 0 && negative.output.hasPrefix("\(path("negative")): threshold -1.5"))
        let again = try object(Program.run("threshold", "--model", path("other"), "1e3", "--json").output)
        #expect(again["before"] as? Double == 0.25 && again["threshold"] as? Double == 1000)
        let settings = try #require(
            object(Program.run("info", path("other"), "--json").output)["settings"] as? [String: Any])
        #expect(settings["threshold"] as? String == "1000" && settings["threshold.rule"] as? String == "given")
        #expect(settings["threshold.from"] as? String == "the host" && settings["threshold.scores"] == nil)
    }

    @Test("the same seed gives the same model, another another") func seeds() throws {
        func model(_ seed: String, threads: String) throws -> Data {
            let outcome = try Program.run(
                "adapt", "--model", "scratch:A", "--good", good.path, "--output", path("m"), "--epochs", "1", "--shots",
                "1",
                "--seed", seed, "--threads", threads, "--quiet")
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            return try Data(contentsOf: URL(fileURLWithPath: path("m")))
        }
        let first = try model("3", threads: "1")
        let second = try model("3", threads: "2")
        let other = try model("4", threads: "2")
        #expect(first == second && first != other)
    }

    @Test("info says what a file holds") func info() throws {
        let model = try adapted()
        let text = try Program.run("info", model).output
        for word in ["parameters", "program/inspect", "program/gradient", "input.width", "threshold"] {
            #expect(text.contains(word))
        }
        let json = try object(try Program.run("info", model, "--json").output)
        #expect(json["parameters"] as? Int ?? 0 > 2_000_000)
        #expect((json["settings"] as? [String: String])?["input.channels"] == "1")
    }

    @Test("one image is enough") func oneImage() throws {
        let one = folder.url.appendingPathComponent("one")
        try FileManager.default.createDirectory(at: one, withIntermediateDirectories: true)
        try plate(1).write(png: one.appendingPathComponent("a.png"))
        let outcome = try Program.run(
            "adapt", "--model", "scratch:A", "--good", one.path, "--output", path("m"), "--epochs", "1", "--json")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(try object(outcome.output)["threshold_from"] as? String == "shifted copies of one image")
    }

    @Test("mixed sizes and depths are taken") func mixedSizes() throws {
        let mixed = folder.url.appendingPathComponent("mixed")
        try FileManager.default.createDirectory(at: mixed, withIntermediateDirectories: true)
        try plate(1).write(png: mixed.appendingPathComponent("a.png"))
        try plate(2, width: 301, height: 97).write(png: mixed.appendingPathComponent("b.png"))
        let deep = Image(width: 64, height: 64, channels: 3, samples: (0..<64 * 64 * 3).map { UInt16($0 * 5 % 65_536) })
        try deep.write(png: mixed.appendingPathComponent("c.png"))
        let outcome = try Program.run(
            "adapt", "--model", "scratch:A", "--good", mixed.path, "--output", path("m"), "--epochs", "1", "--quiet")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(try object(Program.run("info", path("m"), "--json").output)["settings"] as? [String: String] != nil)
    }

    /// A command line, how it exits, and what it says.
    @Test("mistakes are named, with their cure") func mistakes() throws {
        let model = try adapted()
        let empty = folder.url.appendingPathComponent("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        let broken = folder.url.appendingPathComponent("broken")
        try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
        try plate(1).write(png: broken.appendingPathComponent("a.png"))
        try Data("no image".utf8).write(to: broken.appendingPathComponent("b.png"))
        try Data(Data(contentsOf: URL(fileURLWithPath: model)).dropLast(1000)).write(
            to: URL(fileURLWithPath: path("cut")))
        try Data("text".utf8).write(to: URL(fileURLWithPath: path("text")))
        try plate(1, width: 20).write(png: folder.url.appendingPathComponent("tiny.png"))
        let before = try folder.names
        let universal = Command.root.appending(path: "Sources/MetaformerModels/Resources/universal.safetensors").path
        let cases: [([String], Int32, [String])] = [
            (["adapt", "--model", "scratch:B", "--good", good.path, "--output", path("m")], 2, ["scratch:B"]),
            (["adapt", "--model", "scratch:A", "--good", good.path], 2, ["--output"]),
            (
                ["adapt", "--model", "scratch:A", "--good", good.path, "--output", path("m"), "--shots", "7"], 1,
                ["--shots is 7", "6"]
            ),
            (
                ["adapt", "--model", "scratch:A", "--good", good.path, "--output", path("m"), "--shots", "0"], 2,
                ["at least 1"]
            ),
            (
                ["adapt", "--model", "scratch:A", "--good", good.path, "--output", path("m"), "--option", "shift"], 2,
                ["shift", "--option"]
            ),
            (
                ["adapt", "--model", "scratch:A", "--good", good.path, "--output", path("m"), "--option", "shfit=3"], 1,
                ["no option 'shfit'", "cache_bytes"]
            ),
            (
                ["adapt", "--model", "scratch:A", "--good", good.path, "--output", path("m"), "--learning-rate", "2"],
                2, ["between 0 and 1"]
            ),
            (
                ["adapt", "--model", "scratch:A", "--good", path("nowhere"), "--output", path("m")], 1,
                [path("nowhere"), "no such folder"]
            ),
            (
                ["adapt", "--model", "scratch:A", "--good", empty.path, "--output", path("m")], 1,
                ["empty", "no images"]
            ),
            (["adapt", "--model", "scratch:A", "--good", broken.path, "--output", path("m")], 1, ["b.png"]),
            (
                ["adapt", "--model", "scratch:A", "--good", good.path, "--output", path("no/m")], 1,
                ["there is no folder"]
            ),
            (["adapt", "--model", "scratch:A", "--good", good.path, "--output", empty.path], 1, ["is a folder"]),
            (["adapt", "--model", path("missing"), "--good", good.path, "--output", path("m")], 1, [path("missing")]),
            (["inspect", "--model", path("cut"), good.path, "--output", path("o")], 1, [path("cut"), "cut off"]),
            (
                ["inspect", "--model", path("text"), good.path, "--output", path("o")], 1,
                [path("text"), "not a .safetensors file"]
            ),
            (
                ["inspect", "--model", model, path("nowhere"), "--output", path("o")], 1,
                [path("nowhere"), "no such file or folder"]
            ),
            (["inspect", "--model", universal, good.path, "--output", path("o")], 1, [universal, "knows no product"]),
            (["calibrate", "--model", universal, "--good", good.path], 1, [universal, "knows no product"]),
            (["threshold", "--model", universal, "1"], 1, [universal, "knows no product"]),
            (["threshold", "--model", model, "inf"], 2, ["finite"]),
            (
                ["inspect", "--model", model, good.path, "--output", good.path], 1,
                ["holds files that inspect has not written"]
            ),
            (["inspect", "--model", model, "--output", path("o")], 2, ["image-or-dir"]),
            (["inspect", "--model", model, good.path, "--output", path("o"), "--threshold", "nan"], 2, ["finite"]),
            (["info", path("text")], 1, [path("text")]),
            (["bench", "--batch", "0"], 2, ["--batch is 0"]),
        ]
        for (arguments, exitCode, words) in cases {
            let outcome = try Program.run(arguments)
            #expect(outcome.exitCode == exitCode, "\(arguments): \(outcome.errors)")
            #expect(
                outcome.errors.hasPrefix("metaformer: error: ") && outcome.output.isEmpty,
                "\(arguments): \(outcome.errors)")
            for word in words { #expect(outcome.errors.contains(word), "\(arguments): \(outcome.errors)") }
            #expect(try folder.names == before, "\(arguments) leaves something behind")
        }
    }

    @Test("bench measures") func bench() throws {
        let outcome = try Program.run("bench", "--model", "scratch:A", "--batch", "1", "--runs", "1", "--json")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let programs = try #require(object(outcome.output)["programs"] as? [[String: Any]])
        #expect(programs.count == 2 && programs.allSatisfy { $0["milliseconds"] as? Double ?? 0 > 0 })
    }

    @Test("how inspection scales: by size, threads and precision, and frames in tiles") func scaling() throws {
        let outcome = try Program.run("bench", "--model", "universal", "--scaling", "--runs", "1", "--json")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let rows = try #require(object(outcome.output)["inspection"] as? [[String: Any]])
        func milliseconds(_ axis: String) -> [Double] {
            rows.filter { $0["axis"] as? String == axis }.compactMap { $0["milliseconds"] as? Double }
        }
        #expect(milliseconds("size").count == 4 && milliseconds("precision").count == 2)
        #expect(milliseconds("threads").count >= 1 && milliseconds("batch").isEmpty)
        // 16 times the pixels, where other work may lie in between.
        let tiled = milliseconds("tiled frame")
        #expect(tiled.count == 3 && tiled[2] > 4 * tiled[0] && tiled[2] < 64 * tiled[0])
    }

    @Test("a profile has every instruction, and sums that agree with them") func profile() throws {
        let outcome = try Program.run(
            "bench", "--model", "scratch:A", "--part", "inspect", "--runs", "1", "--profile", "--json")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let result = try object(outcome.output)
        let peak = try #require(result["peak"] as? [String: Double])
        #expect(peak["gigaflops_per_second"] ?? 0 > 1 && peak["gigabytes_per_second"] ?? 0 > 0.1)
        let program = try #require((result["programs"] as? [[String: Any]])?.first)
        let profile = try #require(program["profile"] as? [String: [[String: Any]]])
        let instructions = try #require(profile["instructions"])
        let operations = try #require(profile["operations"])
        func sum(_ rows: [[String: Any]], _ key: String) -> Double { rows.reduce(0) { $0 + ($1[key] as? Double ?? 0) } }
        for key in ["milliseconds", "gigaflops", "gigabytes", "count"] {
            let (parts, whole) = (sum(instructions, key), sum(operations, key))
            #expect(parts > 0 && abs(parts - whole) < 1e-9 * whole, "\(key)")
        }
        // The first convolution of the autoencoder, 3 to 32 channels by 4 x 4 at stride 2 of 256 x 256.
        let first = try #require(instructions.first { $0["operation"] as? String == "convolution" })
        #expect(first["dimensions"] as? [Int] == [1, 32, 128, 128])
        let bytes = 4e-9 * Double(3 * 256 * 256 + 32 * 3 * 16 + 32 * 128 * 128)
        #expect(abs((first["gigabytes"] as? Double ?? 0) - bytes) < 1e-6)
        #expect(abs((first["gigaflops"] as? Double ?? 0) - 2e-9 * Double(32 * 128 * 128 * 3 * 16)) < 1e-9)
    }
}
