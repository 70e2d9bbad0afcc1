import Foundation
import MetaformerData
import TestSupport
import Testing

/// What the names of folders say.
extension CaseTests {
    @Test("date-folders: images in folders of dates are inspected with those beside them") func dateFolders() throws {
        try plates(
            "set/2026-11-01/000.png", "set/2026-11-01/001.png", "set/2026-11-02/002.png", "set/005.png", "g/1.png")
        try adapt("g")
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out", "--threshold", "1e6")
        #expect(
            outcome.exitCode == 0 && outcome.output.hasPrefix("4 images: 4 good, 0 defective\n"), "\(outcome.errors)")
        #expect(
            try rows("out").keys.sorted() == [
                "005.png", "2026-11-01/000.png", "2026-11-01/001.png", "2026-11-02/002.png",
            ])
        #expect(files("out").contains("2026-11-01/000.overlay.jpg"))
    }

    @Test("good-beside-unlabelled: what lies beside good/ is not adapted to, and is what is inspected")
    func goodBesideUnlabelled() throws {
        try plates("set/good/0.png", "set/good/1.png", "set/good/2.png", "set/3-hole.png", "set/4-hole.png")
        let adapted = try adapt("set")
        #expect(adapted.output.contains("adapted to 3 good images"))
        #expect(adapted.errors.contains("set: 3 taken, not taken: 2 unlabelled"))
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out")
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors.contains("set: 3 images are left out: the model was adapted to them"))
        #expect(try rows("out").keys.sorted() == ["3-hole.png", "4-hole.png"])
    }

    @Test("masks-as-defects: masks are no defects, and are not inspected") func masksAsDefects() throws {
        try plates("set/good/000.png", "set/good/001.png", "set/crack/000-hole.png", "set/crack/001-hole.png")
        for index in 0..<2 {
            try mask("set/mask/00\(index)-hole_mask.png")
            try mask("set/ground_truth/00\(index)-hole_mask.png")
        }
        #expect(try adapt("set").errors.contains("set: 2 taken, not taken: 2 crack"))
        let outcome = try run(
            "inspect", "--model", "m.safetensors", "set", "--output", "out", "--threshold", "-1", "--overlays", "none")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(try rows("out").keys.sorted() == ["crack/000-hole.png", "crack/001-hole.png"])
        #expect(outcome.output.contains(/crack +2 of 2\n/) && !outcome.output.contains("mask"))
    }

    @Test("normal-folder: normal/ is good, anomaly/ is a kind of defect") func normalFolder() throws {
        try plates("set/normal/0.png", "set/normal/1.png", "set/anomaly/hole.png")
        #expect(try adapt("set").output.contains("adapted to 2 good images"))
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out", "--threshold", "-1")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        // Verdicts of what was adapted to would count as right ones.
        #expect(try rows("out").keys.sorted() == ["anomaly/hole.png"])
        #expect(outcome.output.contains(/anomaly +1 of 1\n/) && !outcome.output.contains("\ngood "))
        // Where nothing else is there, they are inspected all the same.
        #expect(try run("inspect", "--model", "m.safetensors", "set/normal", "--output", "all").exitCode == 0)
        #expect(try rows("all").count == 2)
    }

    @Test("test-without-kinds: the part for testing is inspected, and no verdict is called right")
    func testWithoutKinds()
        throws
    {
        try plates("set/train/good/0.png", "set/train/good/1.png", "set/test/0-hole.png", "set/test/1.png")
        #expect(try adapt("set").output.contains("adapted to 2 good images"))
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out")
        #expect(outcome.exitCode == 0 && outcome.errors.contains("set: 2 taken, not taken: 2 to adapt to"))
        #expect(try rows("out").keys.sorted() == ["test/0-hole.png", "test/1.png"])
        #expect(!outcome.output.contains("reported"))
    }

    @Test("masks-0-1: masks of 0 and 1 mark what those of 0 and 255 do; what is changed is evaluated again")
    func masksOfOne() throws {
        try plates(
            "set/train/good/0.png", "set/train/good/1.png", "set/test/good/0.png", "set/test/scratch/0-hole.png",
            "set/test/scratch/1-hole.png")
        func figures(marked: UInt8) throws -> [String: String] {
            for index in 0..<2 { try mask("set/ground_truth/scratch/\(index)-hole_mask.png", marked: marked) }
            let outcome = try run(
                "evaluate", "--baselines", "l2-ae", "--dataset", "set", "--epochs", "1", "--output", "out", "--quiet",
                "--no-maps")
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            let text = try String(contentsOf: folder.url.appendingPathComponent("out/results.csv"), encoding: .utf8)
            let lines = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
            #expect(lines.count == 2)
            return Dictionary(uniqueKeysWithValues: zip(lines[0].map(String.init), lines[1].map(String.init)))
        }
        let ones = try figures(marked: 1)
        let unusable = try figures(marked: 0)
        let whole = try figures(marked: 255)
        for key in ["pixel_auroc", "pro"] {
            #expect(try #require(Double(ones[key] ?? "")) > 0 && ones[key] == whole[key], "\(ones) \(whole)")
            #expect(unusable[key] == "")
        }
        #expect(ones["regions"] == "2" && ones["without_mask"] == "0" && unusable["without_mask"] == "2")
        let check = try run("data", "check", "set")
        #expect(
            check.exitCode == 0 && check.output.contains("nothing is wrong")
                && check.output.contains("masks                2"))
    }
}
