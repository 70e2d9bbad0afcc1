import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels
import MetaformerTraining
import TestSupport
import Testing

@Suite("Training as it is run", .serialized) struct TrainingTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

    /// Stripes whose period is the group's and whose phase is the image's.
    private func image(_ group: Int, _ number: Int) -> Image {
        var bytes: [UInt8] = []
        for place in 0..<40 * 36 * 3 {
            let shade: Int = (place / 3 % 40) * (group + 2) + number * 9 + (place % 3) * 50
            bytes.append(UInt8(shade % 256))
        }
        return Image(width: 40, height: 36, channels: 3, bytes: bytes)
    }

    /// Three groups of four coloured images, and their file of tasks.
    private func makeTasks() throws {
        var groups: [TaskSet.Group] = []
        for group in 0..<3 {
            let names = (0..<4).map { "\(group)-\($0).png" }
            for (number, name) in names.enumerated() {
                try image(group, number).write(png: folder.url.appendingPathComponent(name))
            }
            groups.append(TaskSet.Group(centre: names[0], images: names, similarities: [1, 1, 1, 1]))
        }
        try TaskSet(directory: folder.url.path, network: .resNet18, seed: 0, groups: groups)
            .write(to: URL(fileURLWithPath: path("tasks.json")))
    }

    /// Runs a command again and again, killing it at random points, until it ends by itself.
    private func runWithKills(_ arguments: [String], metrics: String, seed: UInt64) throws -> Int {
        var generator = RandomGenerator(seed: seed)
        var kills = 0
        while true {
            let process = Process()
            process.executableURL = Program.url
            process.arguments = arguments + ["--resume"]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            func lines() -> Int { (try? Data(contentsOf: URL(fileURLWithPath: metrics)))?.count { $0 == 10 } ?? 0 }
            // The third run and later ones may end by themselves: the test does not hang on an unlucky draw.
            if kills < 2 {
                let before = lines()
                while process.isRunning, lines() <= before { usleep(2_000) }
                usleep(UInt32(generator.uniform(0...400_000)))
                if process.isRunning {
                    kill(process.processIdentifier, SIGKILL)
                    kills += 1
                }
            }
            process.waitUntilExit()
            if process.terminationReason == .exit {
                #expect(process.terminationStatus == 0)
                return kills
            }
        }
    }

    private func contents(_ names: [String], in run: String) throws -> [Data] {
        try names.map { try Data(contentsOf: URL(fileURLWithPath: path(run)).appendingPathComponent($0)) }
    }

    @Test("meta-train, killed at random points and resumed, gives the same files to the last bit")
    func metaTrainKilled() throws {
        try makeTasks()
        func arguments(_ output: String) -> [String] {
            [
                "meta-train", "--tasks", path("tasks.json"), "--output", path(output), "--configuration", "A", "--size",
                "32", "--epochs", "12", "--first-order-epochs", "3", "--support", "2", "--query", "2", "--learn-rates",
                "--tasks-per-step", "1", "--checkpoint-interval", "3", "--seed", "5", "--quiet",
            ]
        }
        let whole = try Program.run(arguments("whole"))
        #expect(whole.exitCode == 0, "\(whole.errors)")
        #expect(try runWithKills(arguments("parts"), metrics: path("parts/metrics.jsonl"), seed: 1) > 0)
        let names = ["model.safetensors", "metrics.jsonl", "configuration.json"]
        #expect(try contents(names, in: "parts") == contents(names, in: "whole"))

        // The model is one that adapt takes.
        let adapted = try Program.run(
            "adapt", "--model", path("whole/model.safetensors"), "--good", folder.url.path, "--shots", "2", "--epochs",
            "1", "--output", path("adapted.safetensors"), "--quiet")
        #expect(adapted.exitCode == 0, "\(adapted.errors)")
        // Other settings do not go on from it.
        let other = try Program.run(arguments("whole") + ["--resume", "--mode", "joint"])
        #expect(other.exitCode == 1 && other.errors.contains("was begun with other settings"))
        let again = try Program.run(arguments("whole"))
        #expect(again.exitCode == 1 && again.errors.contains("go on with --resume"))
    }

    @Test("meta-train makes T of the shape that is asked for, trains it, and adapt takes it")
    func transformerShape() throws {
        try makeTasks()
        let prior = try Program.run(
            "export", "model", "--model", "scratch:A+P", "--output", path("prior.safetensors"), "--quiet")
        #expect(prior.exitCode == 0, "\(prior.errors)")
        let trained = try Program.run(
            "meta-train", "--tasks", path("tasks.json"), "--prior", path("prior.safetensors"), "--output", path("run"),
            "--size", "32", "--patch", "8", "--width", "16", "--layers", "1", "--direction", "reverse",
            "--smooth-patches", "--epochs", "2", "--first-order-epochs", "1", "--support", "2", "--query", "2",
            "--tasks-per-step", "1", "--quiet")
        #expect(trained.exitCode == 0, "\(trained.errors)")
        let file = try TensorFile(path: path("run/model.safetensors"))
        let shape = try ModelDescription(settings: file.metadata).requirePixels().transformer
        #expect(shape.direction == .reconstructionToResponse && shape.smoothsPatches)
        #expect(shape.patchSize == 8 && shape.width == 16 && shape.encoderLayers == 1 && shape.decoderLayers == 1)
        // The head begins at zero: whatever is in it was learnt.
        let heads = file.entries.filter { $0.name.hasPrefix("transformer.head") }
        let isTrained = heads.contains { entry in
            guard case .floats(let values) = entry.contents else { return false }
            return values.contains { $0 != 0 }
        }
        #expect(isTrained)
        let adapted = try Program.run(
            "adapt", "--model", path("run/model.safetensors"), "--good", folder.url.path, "--shots", "2", "--epochs",
            "1", "--output", path("adapted.safetensors"), "--quiet")
        #expect(adapted.exitCode == 0, "\(adapted.errors)")
    }

    @Test("prior train, killed at random points and resumed, gives the same files to the last bit")
    func priorKilled() throws {
        try makeTasks()
        func arguments(_ output: String) -> [String] {
            [
                "prior", "train", "--images", folder.url.path, "--output", path(output), "--steps", "4", "--batch", "1",
                "--critic-steps", "1", "--checkpoint-interval", "1", "--seed", "5", "--quiet",
            ]
        }
        let whole = try Program.run(arguments("whole"))
        #expect(whole.exitCode == 0, "\(whole.errors)")
        #expect(try runWithKills(arguments("parts"), metrics: path("parts/metrics.jsonl"), seed: 2) > 0)
        let names = ["prior.safetensors", "metrics.jsonl", "configuration.json"]
        #expect(try contents(names, in: "parts") == contents(names, in: "whole"))

        // Ctrl-C lets the step end, and leaves a prior and a checkpoint.
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["--default-signal", Program.url.path] + arguments("stopped").map { $0 == "4" ? "4000" : $0 }
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let metrics = path("stopped/metrics.jsonl")
        while process.isRunning, (try? Data(contentsOf: URL(fileURLWithPath: metrics)))?.isEmpty != false {
            usleep(2_000)
        }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(process.terminationReason == .exit && process.terminationStatus == 130, "\(said)")
        #expect(FileManager.default.fileExists(atPath: path("stopped/prior.safetensors")))

        // A run may be made longer.
        let longer = try Program.run(arguments("parts").map { $0 == "4" ? "5" : $0 } + ["--resume"])
        #expect(longer.exitCode == 0, "\(longer.errors)")
        #expect(try contents(["metrics.jsonl"], in: "parts") != contents(["metrics.jsonl"], in: "whole"))

        let sheet = try Program.run(
            "prior", "render", "--prior", path("whole/prior.safetensors"), "--images", folder.url.path, "--count", "2",
            "--output", path("sheet.png"))
        #expect(sheet.exitCode == 0, "\(sheet.errors)")
        #expect(try Image(contentsOf: URL(fileURLWithPath: path("sheet.png"))).width == 3 * 130 - 2)
    }

    @Test("mistakes are named") func mistakes() throws {
        let usage = try Program.run("meta-train", "--tasks", "x", "--output", path("run"))
        #expect(usage.exitCode == 2 && usage.errors.contains("A+P+T needs --prior"))
        let none = try Program.run(
            "meta-train", "--tasks", path("none.json"), "--output", path("run"), "--configuration", "A")
        #expect(none.exitCode == 1 && none.errors.contains("none.json: cannot be read"))
        try makeTasks()
        let weights = try Program.run(
            "tasks", "build", "--images", folder.url.path, "--weights", path("none"), "--output", path("t.json"))
        #expect(weights.exitCode == 1 && weights.errors.contains("none"))
        try FileManager.default.removeItem(atPath: path("1-2.png"))
        let moved = try Program.run(
            "meta-train", "--tasks", path("tasks.json"), "--output", path("run"), "--configuration", "A")
        #expect(moved.exitCode == 1 && moved.errors.contains("there is no image 1-2.png"))

        for (options, text) in [
            (["--heuristic", "dominant-hue", "--masks", "m"], "--heuristic is for photos alone"),
            (["--heuristic", "dominant-hue", "--effect-images", "e"], "--heuristic is for photos alone"),
            (["--effect-images", "e", "--paired-weight", "1"], "which --effect-images do not have"),
            (["--hold-out", "2"], "give --masks"),
        ] {
            let prior = try Program.run(
                ["prior", "train", "--images", folder.url.path, "--output", path("p")] + options)
            #expect(prior.exitCode == 2 && prior.errors.contains(text), "\(prior.errors)")
        }
    }
}
