import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("Evaluation as it is run") struct EvaluationCommandTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func write(_ path: String, _ level: (Int, Int) -> UInt8) throws {
        let file = folder.url.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        let bytes = (0..<40 * 36).map { level($0 % 40, $0 / 40) }
        try Image(width: 40, height: 36, channels: 1, bytes: bytes).write(png: file)
    }

    private func writeDataset() throws {
        let isInside = { (x: Int, y: Int) in x < 9 && y < 7 }
        for i in 0..<2 { try write("nut/train/good/\(i).png") { x, _ in UInt8(90 + (x + i) % 4) } }
        for i in 0..<2 { try write("nut/test/good/\(i).png") { x, _ in UInt8(92 + (x + i) % 4) } }
        try write("nut/test/dent/0.png") { x, y in isInside(x, y) ? 255 : 90 }
        try write("nut/ground_truth/dent/0_mask.png") { x, y in isInside(x, y) ? 255 : 0 }
    }

    private func writeMap(_ path: String, _ value: (Int) -> Float) throws {
        let file = folder.url.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FloatMap(width: 40, height: 36, values: (0..<40 * 36).map(value)).write(tiff: file)
    }

    @Test("metrics measures anyone's maps")
    func metrics() throws {
        try writeDataset()
        for i in 0..<2 { try writeMap("maps/nut/test/good/\(i).tiff") { _ in 0.25 } }
        try writeMap("maps/nut/test/dent/0.tif") { $0 % 40 < 9 && $0 / 40 < 7 ? 1 : 0.25 }
        let outcome = try Program.run("metrics", "--maps", "maps", "--dataset", "nut", in: folder.url)
        #expect(outcome.exitCode == 0 && outcome.errors.isEmpty)
        #expect(
            outcome.output == """
                category  images   AUROC      AP      F1  pixels     PRO  regions
                nut            3  1.0000  1.0000  1.0000  1.0000  1.0000        1

                """)
        let json = try Program.run("metrics", "--maps", "maps", "--dataset", "nut", "--json", in: folder.url)
        #expect(json.output.contains("\"region_count\" : 1"))

        try FileManager.default.removeItem(at: folder.url.appendingPathComponent("maps/nut/test/good/1.tiff"))
        let missing = try Program.run("metrics", "--maps", "maps", "--dataset", "nut", in: folder.url)
        #expect(missing.exitCode == 1 && missing.output.isEmpty)
        #expect(missing.errors.hasPrefix("metaformer: error: maps: there is no map nut/test/good/1.tiff"))
        try writeMap("maps/nut/test/good/1.tiff") { $0 == 5 ? .nan : 0 }
        let broken = try Program.run("metrics", "--maps", "maps", "--dataset", "nut", in: folder.url)
        #expect(broken.errors.hasSuffix("1.tiff: the map holds NaN or infinite scores\n"))
    }

    @Test("evaluate writes tables, a report and maps that metrics measures alike; again, it only reads")
    func evaluate() throws {
        try writeDataset()
        let command = [
            "evaluate", "--baselines", "l2-ae", "--dataset", "nut", "--epochs", "1", "--output", "out", "--shots",
            "2,1",
        ]
        let outcome = try Program.run(command, in: folder.url)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n")
        #expect(
            lines.count == 4 && lines[1].hasPrefix("nut       l2-AE   1 ") && lines[2].hasPrefix("          l2-AE   2"))
        #expect(lines[3] == "out: report.html, tables.md, results.csv, scores.csv, results.json")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.appendingPathComponent("out").path).sorted()
                == [
                    "files.json", "gallery", "maps", "report.html", "results.csv", "results.json", "scores.csv",
                    "tables.md",
                    "units.jsonl",
                ])
        let measured = try Program.run(
            "metrics", "--maps", "out/maps/l2-AE-nut-2-0", "--dataset", "nut", in: folder.url)
        #expect(measured.exitCode == 0 && measured.errors.isEmpty)

        let start = ContinuousClock.now
        let again = try Program.run(command + ["--json"], in: folder.url)
        #expect(again.exitCode == 0 && again.output.contains("\"methods\""))
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test(
        "A wrong command line of evaluate or metrics ends with 2",
        arguments: [
            "evaluate --dataset x --output y --configuration B",
            "evaluate --model scratch:A --baselines l2-ae --dataset x --output y --configuration A+P",
            "evaluate --model scratch:A --dataset x --output y --prior p",
            "evaluate --model m --dataset x --output y --shots 0",
            "evaluate --model m --dataset x --output y --shots few",
            "evaluate --model m --dataset x --output y --seeds 0",
            "evaluate --baselines best --dataset x --output y", "evaluate --model m --dataset x --output y --epochs 0",
            "evaluate --model m --dataset x --output y --train-list a --groups b", "metrics --maps m",
            "metrics --maps m --dataset x --pro-limit 0", "metrics --maps m --dataset x --pro-limit 1.5",
        ])
    func usage(line: String) throws {
        let outcome = try Program.run(line.split(separator: " ").map(String.init), in: folder.url)
        #expect(outcome.exitCode == 2 && outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("metaformer: error: "))
    }

    @Test("What cannot be evaluated is said before any work")
    func refusals() throws {
        try writeDataset()
        func errors(_ line: String) throws -> String {
            let outcome = try Program.run(line.split(separator: " ").map(String.init), in: folder.url)
            #expect(outcome.exitCode == 1 && outcome.output.isEmpty)
            return outcome.errors
        }
        let base = "evaluate --baselines l2-ae --dataset nut --output"
        #expect(try errors("\(base) out --shots 9").contains("nut: 9 shots, but only 2 good images"))
        #expect(try errors("\(base) out --category cap").contains("cap is none of the data set's categories (nut)"))
        #expect(try errors("\(base) nut").contains("nut: holds other files; name a new or an empty folder"))
        #expect(try errors("\(base) out --groups lost.csv").contains("lost.csv: line 1: cannot be read"))
        #expect(try folder.names == ["nut"])
    }
}
