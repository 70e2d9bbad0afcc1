import Foundation
import MetaformerGraph
import MetaformerModels
import TestSupport
import Testing

@testable import MetaformerTraining

@Suite("Checkpoints") struct CheckpointTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A training whose steps depend on all that came before.
    private final class Walk: SteppedTraining {
        var position: [Float] = [1, 2, 3]
        var best = 100.0
        var failsAt: Int?
        var tensors: [String: [Float]] { ["position": position] }
        var numbers: [String: Double] { ["best": best] }
        var isFinished: Bool { false }
        func restore(_ checkpoint: Checkpoint) throws {
            position = checkpoint.tensors["position"] ?? []
            best = checkpoint.numbers["best"] ?? 0
        }
        func step(_ number: Int) throws -> [String: Double] {
            if number == failsAt { throw TrainingError("interrupted") }
            var generator = SplitMix64(seed: UInt64(number))
            for index in position.indices {
                position[index] = position[index] * 0.9 + Float(generator.nextNormal()) * position[(index + 1) % 3]
            }
            best = min(best, Double(position[0]) / 3)
            return ["position": Double(position[0])]
        }
    }

    @Test("a stored state is read back to the last bit") func roundTrip() throws {
        let store = try CheckpointStore(folder: folder.url)
        #expect(try store.latest() == nil)
        let checkpoint = Checkpoint(
            step: 7, tensors: ["a": [0.1, -0.0, .leastNonzeroMagnitude], "b": [3]], numbers: ["best": 0.1 + 0.2])
        try store.save(checkpoint)
        let read = try #require(try store.latest())
        #expect(read == checkpoint && read.tensors["a"]?[1].sign == .minus)
    }

    @Test("the last two are kept, and a damaged one is passed over") func keeping() throws {
        let store = try CheckpointStore(folder: folder.url)
        for step in 1...4 { try store.save(Checkpoint(step: step, tensors: ["a": [Float(step)]])) }
        let files = try store.files()
        #expect(files.map(\.lastPathComponent) == [4, 3].map { "checkpoint-00000000\($0).safetensors" })
        var data = try Data(contentsOf: files[0])
        data[data.count - 2] ^= 1
        try data.write(to: files[0])
        #expect(try store.latest()?.step == 3)
        try Data("nothing".utf8).write(to: files[1])
        let error = try #require(throws: TrainingError.self) { try store.latest() }
        #expect(error.description.contains("no checkpoint can be read"))
    }

    @Test("a NaN never reaches a checkpoint") func notFinite() throws {
        let store = try CheckpointStore(folder: folder.url)
        try store.save(Checkpoint(step: 1, tensors: ["a": [1]]))
        for value in [Float.nan, .infinity] {
            let error = try #require(throws: TrainingError.self) {
                try store.save(Checkpoint(step: 2, tensors: ["a": [1], "weight": [0, value]]))
            }
            #expect(error.description.hasPrefix("\"weight\" is not finite after step 2"))
        }
        #expect(try store.files().count == 1 && store.latest()?.step == 1)
    }

    @Test("an interrupted run, resumed, gives what an uninterrupted one gives", arguments: [3, 10, 11, 29])
    func resumes(failure: Int) throws {
        let whole = folder.url.appendingPathComponent("whole")
        let parts = folder.url.appendingPathComponent("parts")
        let expected = Walk()
        try TrainingRun(folder: whole, configuration: "{}", resumes: false).run(expected, steps: 30, interval: 5)
        let first = Walk()
        first.failsAt = failure
        #expect(throws: TrainingError.self) {
            try TrainingRun(folder: parts, configuration: "{}", resumes: false).run(first, steps: 30, interval: 5)
        }
        let second = Walk()
        let run = try TrainingRun(folder: parts, configuration: "{}", resumes: true)
        #expect(run.stepsDone == failure / 5 * 5)
        try run.run(second, steps: 30, interval: 5)
        #expect(second.tensors == expected.tensors && second.numbers == expected.numbers)
        func metrics(_ folder: URL) throws -> String {
            try String(contentsOf: folder.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
        }
        #expect(try metrics(parts) == metrics(whole))
        #expect(try metrics(parts).split(separator: "\n").count == 30)
    }

    @Test("a run is resumed with the same settings only, and never overwritten") func settings() throws {
        _ = try TrainingRun(folder: folder.url, configuration: "{\"seed\":1}", resumes: false)
        let again = try #require(throws: TrainingError.self) {
            try TrainingRun(folder: folder.url, configuration: "{\"seed\":1}", resumes: false)
        }
        #expect(again.description.contains("holds a training run; go on with --resume"))
        let other = try #require(throws: TrainingError.self) {
            try TrainingRun(folder: folder.url, configuration: "{\"seed\":2}", resumes: true)
        }
        #expect(other.description.contains("was begun with other settings"))
    }
}
