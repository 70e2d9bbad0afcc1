import ArgumentParser
import Foundation
import MetaformerEvaluation
import MetaformerGraph
import MetaformerModels

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures how fast this machine runs a model.",
        discussion: """
            Times the programs of a model file as they lie there: inspection of one image, and a training step, which is the \
            gradients of --batch images accumulated and one update. Every time is the median of --runs after a warm-up.

            --profile shows them instruction by instruction beside the roofline: the least time that the arithmetic, or the bytes \
            read and written, would take at the best that this machine was measured to do. Over 100 % of it, operands were still in a \
            cache. --scaling compiles the inspection for other sizes, batches and threads instead, and inspects frames of up to 20 \
            megapixels in tiles.
            """
    )

    @Option(
        help: ArgumentHelp(
            "A model file, or scratch:A, scratch:A+P or scratch:A+P+T for one of random parameters.", valueName: "file")
    )
    var model = ModelSource.scratch(.full)

    @Option(help: ArgumentHelp("Images of a training step.", valueName: "n"))
    var batch = 8

    @Option(help: ArgumentHelp("Timed runs.", valueName: "n"))
    var runs = 10

    @Flag(help: "Time a second-order step of meta-training as well: 2 tasks of --batch and --batch images.")
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

    @Flag(help: "Show where the time goes, instruction by instruction, beside what this machine can do.")
    var profile = false

    @Flag(help: "Show instead how inspection scales: image size, batch, threads, the prior's width, tiled frames.")
    var scaling = false

    @OptionGroup var common: CommonOptions

    struct Measurement: Encodable {
        let name: String
        let milliseconds: Double
        let fastestMilliseconds: Double
        /// Of every timed run, in their order.
        let allMilliseconds: [Double]
        let arenaMegabytes: Double
        let scratchMegabytes: Double
        var profile: BenchProfile?
    }

    private struct Peak: Encodable {
        let gigaflopsPerSecond: Double
        let gigabytesPerSecond: Double
    }

    private struct Result: Encodable {
        let instructionSet: String
        let threads: Int
        let batch: Int
        let parameterMegabytes: Double
        let peak: Peak?
        let programs: [Measurement]
    }

    private struct Scaling: Encodable {
        let instructionSet: String
        let threads: Int
        let inspection: [ScalingBench.Row]
    }

    private var threads: Int {
        common.threads > 0 ? common.threads : ProcessInfo.processInfo.activeProcessorCount
    }

    func validate() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch is \(batch); give 1 to 4096.") }
        guard outputs == nil || !part.isEmpty else { throw ValidationError("--outputs needs a --part to write.") }
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs is \(runs); give 1 to 10000.") }
    }

    func run() throws {
        let contents = try model.contents(channels: 3, seed: common.seed)
        guard !scaling else { return try measureScaling(of: contents) }
        let machine = profile ? try Machine(threads: common.threads) : nil
        let bench = try ModelBench(contents, parts: part, threads: common.threads, profiledOn: machine)
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
            instructionSet: BenchCommand.instructionSet, threads: threads, batch: batch,
            parameterMegabytes: bench.variableMegabytes,
            peak: machine.map {
                Peak(gigaflopsPerSecond: $0.flopsPerSecond * 1e-9, gigabytesPerSecond: $0.bytesPerSecond * 1e-9)
            }, programs: programs)
        if common.json { try common.printJSON(result) } else { StandardOutput.print(describe(result)) }
    }

    private static var instructionSet: String { "\(InstructionSet.available.last ?? .reference)" }

    private func measureScaling(of contents: TensorFile) throws {
        let bench = ScalingBench(
            description: try ModelDescription(settings: contents.metadata), runs: runs, threads: threads,
            seed: common.seed)
        let rows = try bench.measure()
        if common.json {
            let result = Scaling(instructionSet: BenchCommand.instructionSet, threads: threads, inspection: rows)
            try common.printJSON(result)
        } else {
            StandardOutput.print("\(BenchCommand.instructionSet), \(threads) threads\n" + ScalingBench.text(rows))
        }
    }

    private func describe(_ result: Result) -> String {
        var lines = [
            "\(result.instructionSet), \(result.threads) threads; variables \(fixed(result.parameterMegabytes, 1)) MB"
        ]
        if let peak = result.peak {
            lines.append(
                "at best \(fixed(peak.gigaflopsPerSecond, 0)) GFLOP/s and \(fixed(peak.gigabytesPerSecond, 1)) GB/s")
        }
        var table = TextTable(names: 1, header: ["", "median ms", "fastest ms", "arena MB"])
        table.rows = result.programs.map {
            [$0.name, fixed($0.milliseconds, 2), fixed($0.fastestMilliseconds, 2), fixed($0.arenaMegabytes, 1)]
        }
        lines.append(table.text)
        for program in result.programs {
            if let profile = program.profile { lines += ["", program.name, "", profile.text] }
        }
        return lines.joined(separator: "\n")
    }
}

/// The programs of a model file, bound and ready to be timed.
struct ModelBench {
    private let runners: [String: Runner]
    private let batch: Int
    private let machine: Machine?
    let variableMegabytes: Double

    /// - Parameters:
    ///   - parts: compiled for `batch` images beside the file's own programs, which are left out where there are any.
    ///   - machine: what it is profiled on; nil for no profile.
    init(_ file: TensorFile, parts: [ExportedProgram], batch: Int = 1, threads: Int, profiledOn machine: Machine? = nil)
        throws
    {
        var buffers: [String: FloatBuffer] = [:]
        var runners: [String: Runner] = [:]
        for entry in file.entries {
            if case .floats(let values) = entry.contents { buffers[entry.name] = FloatBuffer(values) }
        }
        var programs = try parts.map { (name: $0.rawValue, bytes: try file.program($0, batch: batch).data) }
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
            if !parts.isEmpty || name == "program/inspect" { try runner.prepack() }
            runners[name] = runner
        }
        self.runners = runners
        self.batch = batch
        self.machine = machine
        variableMegabytes = Double(buffers.values.reduce(0) { $0 + $1.count }) * 4e-6
    }

    func measure(_ part: ExportedProgram, runs: Int) throws -> BenchCommand.Measurement {
        guard let runner = runners[part.rawValue] else { throw CommandError("the model has no \(part.rawValue)") }
        return try measure("\(part.rawValue), \(batch) image\(batch == 1 ? "" : "s")", [(runner, 1)], runs)
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
        return try measure("inspect, 1 image", [(inspect, 1)], runs)
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
            "training step, \(batch) images", [(gradient, (batch + micro - 1) / micro), (update, 1)], runs)
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
        return BenchCommand.Measurement(
            name: name, milliseconds: seconds[runs / 2] * 1000, fastestMilliseconds: seconds[0] * 1000,
            allMilliseconds: all.map { $0 * 1000 },
            arenaMegabytes: Double(work.reduce(0) { $0 + $1.runner.arenaBytes }) * 1e-6,
            scratchMegabytes: Double(work.reduce(0) { $0 + $1.runner.scratchBytes }) * 1e-6,
            profile: try machine.map { try BenchProfile(work, runs: runs, on: $0) })
    }
}
