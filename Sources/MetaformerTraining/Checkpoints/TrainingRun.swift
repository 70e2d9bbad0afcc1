import Foundation
import MetaformerData

/// Something that is trained in steps, each a function of the state before it, its number, and a seed.
///
/// Random choices of a step come from a generator that is made from the seed and the step's number: the number is all
/// that a checkpoint has to keep of it.
public protocol SteppedTraining: AnyObject {
    /// What the steps after this one depend on.
    var tensors: [String: [Float]] { get }
    var numbers: [String: Double] { get }
    /// Goes back to a state; throws where it is that of another training.
    func restore(_ checkpoint: Checkpoint) throws
    /// Performs a step, numbered from 0, and gives what it measured, by name.
    func step(_ number: Int) throws -> [String: Double]
    /// Whether the training has stopped by itself.
    var isFinished: Bool { get }
}

/// A training run in a folder: `configuration.json`, `metrics.jsonl` with a line a step, and `checkpoints`.
public struct TrainingRun {
    public let folder: URL
    /// nil on all processes but the first, which alone writes files.
    private let store: CheckpointStore?
    private let start: Checkpoint?

    /// - Parameters:
    ///   - folder: of the run; made where it is not there.
    ///   - configuration: the text of all settings; a run is resumed with the same only.
    ///   - resumes: whether to go on from the folder's last checkpoint. Without it the folder must hold no run.
    ///   - group: the processes that train together; only the first looks into the folder.
    public init(folder: URL, configuration: String, resumes: Bool, group: ProcessGroup = .alone) throws {
        self.folder = folder
        guard group.isFirst else {
            store = nil
            start = try group.broadcast(nil)
            return
        }
        let settings = folder.appendingPathComponent("configuration.json")
        let known = try AtomicFile.contents(of: settings).map { String(decoding: $0, as: UTF8.self) }
        if known != nil && !resumes {
            throw TrainingError(
                "\(folder.relativePath): holds a training run; go on with --resume, or name a new folder")
        }
        if let known, known != configuration {
            throw TrainingError(
                "\(folder.relativePath): was begun with other settings or data (see its configuration.json); give the same, "
                    + "or name a new folder")
        }
        let store = try CheckpointStore(folder: folder.appendingPathComponent("checkpoints"))
        if known == nil { try AtomicFile.write(Data(configuration.utf8), to: settings) }
        self.store = store
        start = try group.broadcast(store.latest())
    }

    /// Steps that are done already.
    public var stepsDone: Int { start?.step ?? 0 }

    /// Trains up to a step, with checkpoints on the way and at the end.
    ///
    /// - Parameters:
    ///   - training: is brought to the folder's last checkpoint first.
    ///   - steps: of the whole run, those that are done already included.
    ///   - interval: steps between checkpoints.
    ///   - progress: called after each step with its number and what it measured; false stops the run, with a checkpoint.
    public func run(
        _ training: some SteppedTraining, steps: Int, interval: Int,
        progress: (Int, [String: Double]) throws -> Bool = { _, _ in true }
    ) throws {
        if let start { try training.restore(start) }
        let metrics = try store.map { _ in
            try MetricsLog(url: folder.appendingPathComponent("metrics.jsonl"), keeping: stepsDone)
        }
        var step = stepsDone
        while step < steps, !training.isFinished {
            let values = try training.step(step)
            try metrics?.append(step: step, values)
            step += 1
            let goesOn = try progress(step - 1, values)
            if step % max(interval, 1) == 0 || step == steps || training.isFinished || !goesOn {
                try metrics?.synchronize()
                try store?.save(Checkpoint(step: step, tensors: training.tensors, numbers: training.numbers))
            }
            guard goesOn else { return }
        }
    }
}

/// A file of measurements: a JSON object a line, one a step.
final class MetricsLog {
    private let handle: FileHandle
    private let url: URL

    /// Opens the file and drops the lines of steps from `count` on, which will be taken again.
    init(url: URL, keeping count: Int) throws {
        let old = try AtomicFile.contents(of: url) ?? Data()
        let kept = old.split(separator: UInt8(ascii: "\n")).filter { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
            return (object?["step"] as? Int).map { $0 < count } ?? false
        }
        try AtomicFile.write(Data(kept.map { $0 + [UInt8(ascii: "\n")] }.joined()), to: url)
        handle = try FileHandle(forWritingTo: url)
        self.url = url
        try handle.seekToEnd()
    }

    deinit { try? handle.close() }

    func append(step: Int, _ values: [String: Double]) throws {
        let fields = values.sorted { $0.key < $1.key }.filter { $0.value.isFinite }.map { "\"\($0.key)\":\($0.value)" }
        let line = "{" + (["\"step\":\(step)"] + fields).joined(separator: ",") + "}\n"
        try AtomicFile.append(Data(line.utf8), to: handle.fileDescriptor)
    }

    func synchronize() throws { try AtomicFile.synchronize(handle.fileDescriptor) }
}
