import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels
import MetaformerTraining

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures how fast this machine runs a model.",
        discussion: """
            Times the programs of a model file as they lie there: inspection of one image, and a training step, which is the \
            gradients of --batch images accumulated and one update. Every time is the median of --runs after a warm-up.

            --profile shows them instruction by instruction beside the roofline: the least time that the arithmetic, or the bytes \
            read and written, would take at the best that this machine was measured to do. Over 100 % of it, operands were still in a \
            cache. --scaling shows instead how inspection takes longer: by size, threads, precision or batch, and tiled frames of up \
            to 20 megapixels.
            """
    )

    @Option(
        help: ArgumentHelp(
            "A model file, or \(ModelSource.scratchNames) for one of random parameters.", valueName: "file")
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

    @Option(
        help: ArgumentHelp("Time inspections in float or int8; as the model says where left out.", valueName: "how"))
    var precision: Precision?

    @Flag(help: "Show where the time goes, instruction by instruction, beside what this machine can do.")
    var profile = false

    @Flag(help: "Show instead how the time of an inspection grows with size, threads and more.")
    var scaling = false

    @OptionGroup var common: CommonOptions

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
        let programs: [BenchMeasurement]
    }

    private struct Scaling: Encodable {
        let instructionSet: String
        let threads: Int
        let inspection: [ScalingBench.Row]
    }

    private var threads: Int { Parallel.threadCount(common.threads) }

    func validate() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch is \(batch); give 1 to 4096.") }
        guard outputs == nil || !part.isEmpty else { throw ValidationError("--outputs needs a --part to write.") }
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs is \(runs); give 1 to 10000.") }
    }

    func run() throws {
        let contents = try model.contents(channels: 3, seed: common.seed)
        guard !scaling else { return try measureScaling(of: contents) }
        let machine = profile ? try Machine(threads: common.threads) : nil
        let bench = try ModelBench(
            contents, parts: part, threads: common.threads, precision: precision, profiledOn: machine)
        var programs = try part.map { try bench.measure($0, runs: runs) }
        if part.isEmpty {
            programs.append(try bench.measureInspection(runs: runs))
            if bench.canTrain { programs.append(try bench.measureTrainingStep(batch: batch, runs: runs)) }
        }
        if let outputs { try bench.outputs(of: part).write(path: outputs) }
        if metaStep {
            let architecture = try ModelDescription(settings: contents.metadata).requirePixels()
            let meta = try MetaStepBench(
                architecture, tasks: 2, shots: batch, threads: common.threads, seed: common.seed)
            programs.append(
                BenchMeasurement(
                    "meta-step, 2 tasks", seconds: try meta.seconds(runs: runs), arenaBytes: meta.workingBytes))
        }
        let result = Result(
            instructionSet: try BenchCommand.instructionSet, threads: threads, batch: batch,
            parameterMegabytes: bench.variableMegabytes,
            peak: machine.map {
                Peak(gigaflopsPerSecond: $0.flopsPerSecond * 1e-9, gigabytesPerSecond: $0.bytesPerSecond * 1e-9)
            }, programs: programs)
        if common.json { try common.printJSON(result) } else { StandardOutput.print(describe(result)) }
    }

    private static var instructionSet: String { get throws { "\(try InstructionSet.automatic)" } }

    private func measureScaling(of contents: TensorFile) throws {
        let rows = try ScalingBench(contents, runs: runs, threads: threads, seed: common.seed).measure()
        if common.json {
            let result = Scaling(instructionSet: try BenchCommand.instructionSet, threads: threads, inspection: rows)
            try common.printJSON(result)
        } else {
            StandardOutput.print("\(try BenchCommand.instructionSet), \(threads) threads\n" + ScalingBench.text(rows))
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
