import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels
import TestSupport
import Testing

/// Which model a command starts from: the universal one, its parts, a prior, another optimiser.
@Suite("The choice of a model") struct ModelChoiceTests {
    let folder: TemporaryFolder
    init() throws {
        folder = try TemporaryFolder()
        for (path, seed) in ["train/good/0", "train/good/1", "test/good/0", "test/good/1"].enumerated().map({ ($1, $0) }
        ) {
            try write("nut/\(path)", seed)
        }
        try write("nut/test/dent/0", 4, isDented: true)
    }

    private func write(_ name: String, _ seed: Int, isDented: Bool = false) throws {
        let file = folder.url.appendingPathComponent(name + ".png")
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        let bytes = (0..<48 * 40).map { index -> UInt8 in
            isDented && (10..<20).contains(index % 48) ? 255 : UInt8(90 + (index + seed) % 7)
        }
        try Image(width: 48, height: 40, channels: 1, bytes: bytes).write(png: file)
    }

    private func run(_ line: String) throws -> Program.Outcome {
        try Program.run(line.split(separator: " ").map(String.init), in: folder.url)
    }

    private func settings(_ name: String) throws -> [String: String] {
        let text = try run("info \(name) --json").output
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return try #require(object?["settings"] as? [String: String])
    }

    /// A model of 64 x 64 pixels.
    private func writeModel(_ name: String, _ mode: Metaformer.Mode) throws {
        let file = folder.url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        var description = ModelDescription(mode: mode, channels: 1, origin: "test")
        description.pixels = Metaformer.Configuration(mode: mode, imageSize: 64, channels: 1, latentSize: 8)
        try description.file(seed: 3).write(path: file.path)
    }

    @Test("the paper's model comes beside it, is tuned by epochs, and is larger than the network's") func paper() throws
    {
        let adapted = try run(
            "adapt --model paper --configuration A --good nut/train --shots 1 --epochs 1 --output m --quiet")
        #expect(adapted.exitCode == 0, "\(adapted.errors)")
        let settings = try settings("m")
        #expect(settings["configuration"] == "A" && settings["target"] == "pixels" && settings["input.width"] == "256")
        #expect(try run("info paper").exitCode == 1)
    }

    @Test("options that tune are refused where nothing is tuned") func refusesTuning() throws {
        for option in ["--epochs 1", "--batch 2", "--learning-rate 0.1", "--flips", "--shift 2"] {
            let refused = try run("adapt --good nut/train --output m \(option)")
            #expect(refused.exitCode == 1 && refused.errors.contains("adapted in closed form"), "\(refused.errors)")
        }
        let optimizer = try run("adapt --good nut/train --output m --optimizer sgd")
        #expect(optimizer.exitCode == 1 && optimizer.errors.contains("has no optimiser"), "\(optimizer.errors)")
    }

    @Test("where none is named it is the universal model, which info describes") func universal() throws {
        let info = try run("info")
        #expect(info.exitCode == 0 && info.output.contains("universal.safetensors: "))
        #expect(info.output.contains("in half precision"))
        let size = try FileManager.default.attributesOfItem(atPath: UniversalModel.universal.path())[.size] as? Int
        #expect(try #require(size) <= 24_000_000)
        let adapted = try run("adapt --good nut/train --shots 1 --output m --quiet")
        #expect(adapted.exitCode == 0, "\(adapted.errors)")
        #expect(try settings("m")["configuration"] == "A+P+T")
        let refused = try run("inspect nut/test --output out")
        #expect(refused.exitCode == 2 && refused.errors.contains("--model"))
    }

    @Test("adapt takes parts, an optimiser and a learned prior") func adapt() throws {
        try writeModel("whole.safetensors", .full)
        let line = "adapt --good nut/train --output m --epochs 1 --quiet"
        let parts = try run("\(line) --model whole.safetensors --configuration A --optimizer sgd --batch 2")
        #expect(parts.exitCode == 0, "\(parts.errors)")
        let adapted = try settings("m")
        #expect(adapted["configuration"] == "A" && adapted["adapt.loss"] == "sum" && adapted["threshold"] != nil)

        let missing = try run("\(line) --model m --configuration A+P")
        #expect(missing.exitCode == 1)
        #expect(missing.errors.contains("m: the model is of configuration A and has not all parts of A+P"))
        for wrong in [
            "--model m --prior whole.safetensors", "--model scratch:A --prior whole.safetensors", "--optimizer best",
            "--model scratch:A+P --configuration A", "--configuration B",
        ] {
            let outcome = try run("\(line) \(wrong)")
            #expect(outcome.exitCode == 2 && outcome.errors.hasPrefix("metaformer: error: "), "\(wrong)")
        }
        let lost = try run("\(line) --model scratch:A+P --prior lost")
        #expect(lost.exitCode == 1 && lost.errors.contains("lost"))
    }

    @Test("a model is adapted in the precision that is asked for, or that its file says") func precision() throws {
        #expect(try run("export model --precision int8 --size 64 --output fast").exitCode == 0)
        #expect(try settings("fast")["precision"] == "int8")
        let adapted = try run("adapt --model fast --good nut/train --output a --quiet")
        #expect(adapted.exitCode == 0 && adapted.errors.isEmpty)
        #expect(try run("adapt --size 64 --precision int8 --good nut/train --output b --quiet").exitCode == 0)
        let (a, b) = try (settings("a"), settings("b"))
        #expect(a["precision"] == "int8" && b["precision"] == "int8" && a["threshold"] == b["threshold"])
        #expect(try run("adapt --size 64 --good nut/train --output c --quiet").exitCode == 0)
        #expect(try settings("c")["precision"] == nil)
        #expect(try settings("c")["threshold"] != a["threshold"])
        for (line, text) in [
            ("export model --model a --precision float", "adapted in int8"),
            ("export model --model c --precision int8", "adapted in float"),
            ("adapt --model c --precision int8 --good nut/train", "adapted in float"),
            ("export model --model paper --precision int8", "run in floats"),
        ] {
            let refused = try run(line + " --output d")
            #expect(refused.exitCode == 1 && refused.errors.contains(text), "\(line): \(refused.errors)")
        }
        let bench = try run("bench --model a --runs 1")
        #expect(try bench.exitCode == 0 && run("bench --model a --precision float --runs 1").exitCode == 0)
    }

    @Test("export model writes half the size, fewer parts, and a learned prior") func export() throws {
        let whole = try run("export model --output whole")
        let half = try run("export model --output half --half")
        let scratch = try run("export model --model scratch:A+P --prior whole --output scratch --quiet")
        #expect(whole.exitCode == 0 && half.exitCode == 0 && scratch.exitCode == 0, "\(scratch.errors)")
        let names = ["whole", "half", "scratch"]
        let files = try names.map { try TensorFile(path: folder.path($0)) }
        let halves = files[1].entries.filter(\.isHalf)
        #expect(halves.count > 200)
        let prior = files[0].entries.filter { $0.name.hasPrefix("prior.") }
        #expect(!prior.isEmpty)
        for entry in prior { #expect(files[2].floats(entry.name) == files[0].floats(entry.name), "\(entry.name)") }
        #expect(
            files[2].floats("autoencoder.encoder.0.weight") != files[0].floats("autoencoder.encoder.0.weight"))
        #expect(files[2].metadata["configuration"] == "A+P")
    }

    @Test("the programs of the universal model are those that this version compiles") func recompile() throws {
        let outcomes = try [run("export model --output copy"), run("export model --recompile --output anew")]
        #expect(outcomes.allSatisfy { $0.exitCode == 0 })
        // A file from before there was one of its programs.
        var older = try TensorFile(path: folder.path("copy"))
        older.entries.removeAll { $0.name == "program/map" }
        try older.write(path: folder.path("older"))
        let refused = try run("export model --model older --output refused")
        #expect(refused.exitCode == 1 && refused.errors.contains("program/map is missing"), "\(refused.errors)")
        #expect(try run("export model --model older --recompile --output newer").exitCode == 0)
        let bytes = try ["copy", "anew", "newer"].map { try Data(contentsOf: URL(filePath: folder.path($0))) }
        #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])
    }

    @Test("evaluate measures each file in each configuration, and tells them apart") func evaluate() throws {
        try writeModel("one/model.safetensors", .full)
        try writeModel("two/model.safetensors", .prior)
        let line = "evaluate --dataset nut --epochs 1 --shots 2 --no-maps --quiet --model one/model.safetensors"
        let both = try run("\(line) --model two/model.safetensors --model scratch:A --configuration A,A+P --output out")
        #expect(both.exitCode == 0, "\(both.errors)")
        let csv = try String(contentsOf: folder.url.appendingPathComponent("out/results.csv"), encoding: .utf8)
        let methods = csv.split(separator: "\n").dropFirst().compactMap {
            $0.split(separator: ",").first.map(String.init)
        }
        #expect(methods == ["one/model A", "one/model A+P", "two/model A", "two/model A+P", "scratch:A"])
        let tables = try String(contentsOf: folder.url.appendingPathComponent("out/tables.md"), encoding: .utf8)
        #expect(tables.contains("Effect of each module"))

        let single = try run("\(line) --optimizer sgd --output sgd")
        #expect(single.exitCode == 0 && single.output.contains("model A+P+T"), "\(single.errors)")
        let lacking = try run("\(line) --model two/model.safetensors --configuration A+P+T --output none")
        #expect(
            lacking.exitCode == 1 && lacking.errors.contains("two/model.safetensors: the model is of configuration A+P")
        )
        let names = try folder.names
        #expect(!names.contains("none"))
    }
}
