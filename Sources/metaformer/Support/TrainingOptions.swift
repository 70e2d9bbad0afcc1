import ArgumentParser
import Foundation
import MetaformerData
import MetaformerTraining
import Synchronization

/// The options of every training run in a folder, and how it is run: with progress, checkpoints, and a clean stop.
struct TrainingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The folder of the run.", valueName: "dir"), completion: .directory)
    var output: String

    @Option(help: ArgumentHelp("Steps between checkpoints.", valueName: "n"))
    var checkpointInterval = 25

    @Flag(help: "Go on from the last checkpoint of the folder.")
    var resume = false

    func validate() throws {
        try CommonOptions.requirePath(output, named: "--output")
        if checkpointInterval < 1 { throw ValidationError("--checkpoint-interval: give at least 1.") }
    }

    var folder: URL { URL(fileURLWithPath: output) }

    struct Outcome {
        /// The last values of all that was measured.
        var metrics: [String: Double] = [:]
        var steps = 0
        /// Whether Ctrl-C, or a request to end, stopped the run before its last step.
        var isStopped = false
        var seconds = 0.0
    }

    /// Makes the folder's run; throws where it holds one of other settings, or one that was not to be resumed.
    func makeRun(_ settings: some Encodable, _ group: ProcessGroup = .alone) throws -> TrainingRun {
        do {
            if group.isFirst { try Folder.make(folder) }
        } catch {
            throw CommandError("\(output): cannot be made: \(error)")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(settings), as: UTF8.self)
        return try TrainingRun(folder: folder, configuration: text, resumes: resume, group: group)
    }

    /// Trains up to `steps`; `save` writes the result as it is, at every checkpoint and at the end, on the first process.
    func train(
        _ training: some SteppedTraining, _ run: TrainingRun, steps: Int, label: String, _ common: CommonOptions,
        _ group: ProcessGroup = .alone, save: () throws -> Void
    ) throws -> Outcome {
        let clock = ContinuousClock()
        let start = clock.now
        let interruption = Interruption()
        let progress = ProgressBar(
            total: steps - run.stepsDone, label: label, quiet: common.quiet || common.json || !group.isFirst)
        defer { progress.finish() }
        var outcome = Outcome(steps: run.stepsDone)
        try run.run(training, steps: steps, interval: checkpointInterval) { step, metrics in
            outcome.metrics.merge(metrics) { _, new in new }
            outcome.steps = step + 1
            progress.advance()
            if (step + 1) % checkpointInterval == 0, step + 1 < steps, group.isFirst { try save() }
            outcome.isStopped = group.any(interruption.isAsked) && step + 1 < steps
            return !outcome.isStopped
        }
        progress.finish()
        if group.isFirst { try save() }
        outcome.seconds = (clock.now - start) / .seconds(1)
        return outcome
    }

    /// Ends a command whose run was stopped, with the exit code that shells expect of Ctrl-C.
    func endIfStopped(_ outcome: Outcome, _ common: CommonOptions) throws {
        guard outcome.isStopped else { return }
        common.remark("stopped after \(outcome.steps) steps; --resume goes on from there")
        throw ExitCode(130)
    }
}

/// Notes the first Ctrl-C or request to end while it lives, so that work can stop where it loses nothing; a second one ends
/// the process as always.
final class Interruption {
    private final class Flag: Sendable { let isSet = Atomic(false) }

    private let flag = Flag()
    private let sources: [any DispatchSourceSignal]

    init() {
        let flag = flag
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                flag.isSet.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
            source.resume()
            return source
        }
    }

    deinit { for source in sources { source.cancel() } }

    var isAsked: Bool { flag.isSet.load(ordering: .relaxed) }
}
