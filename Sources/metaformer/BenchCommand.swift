import ArgumentParser
import Foundation
import MetaformerGraph
import MetaformerModels

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures how fast this machine runs a model.",
        discussion: """
            Times the programs of a model file as they lie there: inspection of one picture, and a training step, which is the \
            gradients of --batch pictures accumulated and one update. Every time is the median of --runs after a warm-up.
            """
    )

    @Option(
        help: ArgumentHelp(
            "A model file, or scratch:A, scratch:A+P or scratch:A+P+T for one of random parameters.", valueName: "file")
    )
    var model = ModelSource.scratch(.full)

    @Option(help: ArgumentHelp("Pictures of a training step.", valueName: "n"))
    var batch = 8

    @Option(help: ArgumentHelp("Timed runs.", valueName: "n"))
    var runs = 10

    @Flag(help: "Time a second-order step of meta-training as well: 2 tasks of --batch and --batch pictures.")
    var metaStep = false

    @Option(
        help: ArgumentHelp(
            "Time this alone instead: inspect, prior, autoencoder or transformer; may be given several times.",
            valueName: "program"))
    var part: [ExportedProgram] = []

    @Option(
        help: ArgumentHelp(
            "A .safetensors file to write with what the parts gave for the inputs of a benchmark.", valueName: "file"),
        completion: .file())
    var outputs: String?

    @Flag(help: "Show where the time goes, instruction by instruction.")
    var profile = false

    @OptionGroup var common: CommonOptions

    struct Measurement: Encodable {
        struct Instruction: Encodable {
            let operation: String
            let count: Int
            let milliseconds: Double
            let gigaflopsPerSecond: Double
        }
        let name: String
        let milliseconds: Double
        let fastestMilliseconds: Double
        /// Of every timed run, in their order.
        let allMilliseconds: [Double]
        let arenaMegabytes: Double
        let scratchMegabytes: Double
        let instructions: [Instruction]
    }

    private struct Result: Encodable {
        let instructionSet: String
        let threads: Int
        let batch: Int
        let parameterMegabytes: Double
        let programs: [Measurement]
    }

    func validate() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch is \(batch); give 1 to 4096.") }
        guard outputs == nil || !part.isEmpty else { throw ValidationError("--outputs needs a --part to write.") }
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs is \(runs); give 1 to 10000.") }
    }

    func run() throws {
        let contents = try model.contents(channels: 3, seed: common.seed)
        let bench = try ModelBench(contents, parts: part, threads: common.threads)
        var programs = try part.map { try bench.measure($0, runs: runs) }
        if part.isEmpty {
            programs.append(try bench.measureInspection(runs: runs))
            if bench.canTrain { programs.append(try bench.measureTrainingStep(batch: batch, runs: runs)) }
        }
        if let outputs { try bench.outputs(of: part).write(path: outputs) }
        if metaStep {
            let architecture = try ModelDescription(settings: contents.metadata).architecture
            let meta = try MetaStepBench(
                architecture, tasks: 2, shots: batch, threads: common.threads, seed: common.seed)
            programs.append(try meta.measure(runs: runs))
        }
        let result = Result(
            instructionSet: "\(InstructionSet.available.last ?? .reference)",
            threads: common.threads > 0 ? common.threads : ProcessInfo.processInfo.activeProcessorCount, batch: batch,
            parameterMegabytes: bench.variableMegabytes, programs: programs)
        if common.json { try common.printJSON(result) } else { print(describe(result)) }
    }

    private func describe(_ result: Result) -> String {
        func number(_ value: Double, _ digits: Int = 2) -> String {
            value.formatted(.number.precision(.fractionLength(digits)).grouping(.never))
        }
        func column(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        var lines = [
            "\(result.instructionSet), \(result.threads) threads; variables \(number(result.parameterMegabytes, 1)) MB"
        ]
        lines.append("                                median ms   fastest ms   arena MB")
        for program in result.programs {
            lines.append(
                program.name.padding(toLength: 28, withPad: " ", startingAt: 0)
                    + column(number(program.milliseconds), 13)
                    + column(number(program.fastestMilliseconds), 13) + column(number(program.arenaMegabytes, 1), 11))
            guard profile else { continue }
            for instruction in program.instructions.sorted(by: { $0.milliseconds > $1.milliseconds }) {
                lines.append(
                    "  \(instruction.operation) x \(instruction.count)".padding(
                        toLength: 36, withPad: " ", startingAt: 0)
                        + column(number(instruction.milliseconds), 10) + " ms"
                        + column(number(instruction.gigaflopsPerSecond, 1), 9) + " GFLOP/s")
            }
        }
        return lines.joined(separator: "\n")
    }
}

/// The programs of a model file, bound and ready to be timed.
private struct ModelBench {
    private let runners: [String: Runner]
    let variableMegabytes: Double

    /// - Parameter parts: compiled beside the file's own programs, which are left out where there are any.
    init(_ file: TensorFile, parts: [ExportedProgram], threads: Int) throws {
        var buffers: [String: FloatBuffer] = [:]
        var runners: [String: Runner] = [:]
        for entry in file.entries {
            if case .floats(let values) = entry.contents { buffers[entry.name] = FloatBuffer(values) }
        }
        var programs = try parts.map { (name: $0.rawValue, bytes: try file.program($0).data) }
        if parts.isEmpty {
            programs = file.entries.compactMap { entry in
                if case .bytes(let bytes) = entry.contents { (entry.name, bytes) } else { nil }
            }
        }
        for (name, bytes) in programs {
            let runner = try Runner(program: bytes, threads: threads)
            for slot in runner.slots where slot.kind == .variable {
                // Variables are shared between programs; those that no file holds are state.
                let buffer = buffers[slot.name] ?? FloatBuffer(count: slot.count)
                buffers[slot.name] = buffer
                try runner.bind(slot.name, to: buffer)
            }
            for slot in runner.slots where slot.kind == .input {
                let buffer = FloatBuffer(count: slot.count)
                for index in 0..<slot.count { buffer[index] = Float((index &* 2_654_435_761) & 0xffff) / 65_536 }
                try runner.bind(slot.name, to: buffer)
            }
            try runner.bindRemaining()
            // As contexts do: inspection changes no weights; the other programs are run between updates of them.
            if !parts.isEmpty || name == "program/inspect" { try runner.settle() }
            runners[name] = runner
        }
        self.runners = runners
        variableMegabytes = Double(buffers.values.reduce(0) { $0 + $1.count }) * 4e-6
    }

    func measure(_ part: ExportedProgram, runs: Int) throws -> BenchCommand.Measurement {
        guard let runner = runners[part.rawValue] else { throw CommandError("the model has no \(part.rawValue)") }
        return try measure("\(part.rawValue), 1 picture", [(runner, 1)], runs)
    }

    /// What the parts gave last, as "<part>/<output>".
    func outputs(of parts: [ExportedProgram]) -> TensorFile {
        let entries = parts.flatMap { part -> [TensorFile.Entry] in
            guard let runner = runners[part.rawValue] else { return [] }
            return runner.slots.filter { $0.kind == .output }.map { slot in
                TensorFile.Entry(
                    name: "\(part.rawValue)/\(slot.name)", shape: Shape(slot.dimensions),
                    contents: .floats(runner.buffer(slot.name)?.values ?? []))
            }
        }
        return TensorFile(entries: entries, metadata: [:])
    }

    var canTrain: Bool { runners["program/gradient"] != nil && runners["program/update"] != nil }

    func measureInspection(runs: Int) throws -> BenchCommand.Measurement {
        guard let inspect = runners["program/inspect"] else { throw CommandError("the model has no inspect program") }
        return try measure("inspect, 1 picture", [(inspect, 1)], runs)
    }

    func measureTrainingStep(batch: Int, runs: Int) throws -> BenchCommand.Measurement {
        guard let gradient = runners["program/gradient"], let update = runners["program/update"],
            let weights = gradient.buffer("weight"),
            let rate = update.buffer("learning_rate")
        else { throw CommandError("the model has no programs to train it") }
        weights.fill(1 / Float(batch))
        rate.fill(1e-4)
        let micro = weights.count
        return try measure(
            "training step, \(batch) pictures", [(gradient, (batch + micro - 1) / micro), (update, 1)], runs)
    }

    /// Times the programs one after the other, each so many times over.
    private func measure(_ name: String, _ work: [(runner: Runner, times: Int)], _ runs: Int) throws
        -> BenchCommand.Measurement
    {
        let clock = ContinuousClock()
        func once() throws { for (runner, times) in work { for _ in 0..<times { try runner.run() } } }
        try once()
        let all = try (0..<runs).map { _ in try clock.measure(once) / .seconds(1) }
        let seconds = all.sorted()
        for (runner, _) in work { runner.setTiming(true) }
        try once()
        for (runner, _) in work { runner.setTiming(false) }
        var totals: [String: (count: Int, seconds: Double, flops: Double)] = [:]
        for (runner, times) in work {
            for timing in runner.timings {
                var total = totals[timing.operation] ?? (0, 0, 0)
                total.count += times
                total.seconds += timing.seconds * Double(times)
                total.flops += timing.flops * Double(times)
                totals[timing.operation] = total
            }
        }
        return BenchCommand.Measurement(
            name: name, milliseconds: seconds[runs / 2] * 1000, fastestMilliseconds: seconds[0] * 1000,
            allMilliseconds: all.map { $0 * 1000 },
            arenaMegabytes: Double(work.reduce(0) { $0 + $1.runner.arenaBytes }) * 1e-6,
            scratchMegabytes: Double(work.reduce(0) { $0 + $1.runner.scratchBytes }) * 1e-6,
            instructions: totals.map {
                .init(
                    operation: $0.key, count: $0.value.count, milliseconds: $0.value.seconds * 1000,
                    gigaflopsPerSecond: $0.value.flops / $0.value.seconds * 1e-9)
            }.sorted { $0.operation < $1.operation })
    }
}
