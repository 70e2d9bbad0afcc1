import Foundation
import TestSupport
import Testing

@Suite("export") struct ExportTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("onnx writes a model whole, or says why not") func onnx() throws {
        let written = try Program.run("export", "onnx", "--model", "scratch:A", "--output", "a.onnx", in: folder.url)
        #expect(written.exitCode == 0 && written.errors.isEmpty)
        let data = try Data(contentsOf: folder.url.appending(path: "a.onnx"))
        #expect(written.output == "a.onnx: inspect, \(data.count.formatted()) bytes\n")
        #expect(data.range(of: Data("autoencoder.encoder.0.weight".utf8)) != nil)

        for (arguments, code, text) in [
            (["--model", "scratch:A", "--program", "prior"], 1, "a model of the configuration A has no prior"),
            (["--model", "missing"], 1, "missing"),
            (["--model", "scratch:A", "--batch", "0"], 2, "--batch is 0; give 1 to 4096."),
            (["--model", "scratch:A", "--program", "gradient"], 2, "inspect"),
        ] {
            let outcome = try Program.run(["export", "onnx", "--output", "b.onnx"] + arguments, in: folder.url)
            #expect(outcome.exitCode == code && outcome.errors.contains(text), "\(outcome.errors)")
        }
        let nowhere = try Program.run("export", "onnx", "--model", "scratch:A", "--output", "no/b.onnx", in: folder.url)
        #expect(nowhere.exitCode == 1 && nowhere.errors.contains("no folder no"))
        #expect(try folder.names == ["a.onnx"])
    }

    @Test("header is named after its file, or as is said") func header() throws {
        let model = ["--model", "scratch:A", "--quiet"]
        let written = try Program.run(["export", "header", "--output", "7-up.h"] + model, in: folder.url)
        #expect(written.exitCode == 0 && written.output.isEmpty && written.errors.isEmpty)
        let start = try String(
            decoding: Data(contentsOf: folder.url.appending(path: "7-up.h")).prefix(800), as: UTF8.self)
        #expect(start.contains("static const uint64_t model_7_up["))
        let named = try Program.run(
            ["export", "header", "--output", "b.h", "--name", "washer", "--json"] + model, in: folder.url)
        #expect(named.exitCode == 0 && named.output.contains("\"bytes\""))
        for name in ["7up", "int", "a b", ""] {
            let refused = try Program.run(
                ["export", "header", "--output", "c.h", "--name", name] + model, in: folder.url)
            #expect(refused.exitCode != 0 && refused.errors.contains("is no name for an array in C"), "\(name)")
        }
        try Data("no model".utf8).write(to: folder.url.appending(path: "text"))
        let damaged = try Program.run("export", "header", "--model", "text", "--output", "c.h", in: folder.url)
        #expect(damaged.exitCode == 1 && damaged.errors.contains("text"))
        #expect(try folder.names == ["7-up.h", "b.h", "text"])
    }
}
