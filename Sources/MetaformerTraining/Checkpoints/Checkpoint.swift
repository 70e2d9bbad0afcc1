import Foundation
import MetaformerData
import MetaformerGraph

/// All that a training run needs to go on: after a kill it then gives, bit for bit, what it would have given.
public struct Checkpoint: Sendable, Equatable {
    /// Steps that are done.
    public var step: Int
    public var tensors: [String: [Float]]
    /// Numbers of the run that are no tensors, such as the best loss so far.
    public var numbers: [String: Double]

    public init(step: Int, tensors: [String: [Float]], numbers: [String: Double] = [:]) {
        self.step = step
        self.tensors = tensors
        self.numbers = numbers
    }

    /// The tensors whose names begin with a prefix, by the rest of their names.
    func tensors(under prefix: String) -> [String: [Float]] {
        let kept = tensors.filter { $0.key.hasPrefix(prefix) }
        return Dictionary(uniqueKeysWithValues: kept.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
    }
}

/// A folder of checkpoints, of which the last two are kept.
public struct CheckpointStore: Sendable {
    public let folder: URL
    /// How many are kept: with one spare, a file that the disk has damaged costs steps, not the run.
    static let kept = 2

    /// Makes the folder where it is missing.
    public init(folder: URL) throws {
        self.folder = folder
        do throws(AtomicFile.WriteError) {
            try Folder.make(folder)
        } catch {
            throw TrainingError("\(folder.relativePath): cannot be made: \(error.message)")
        }
    }

    /// Writes a checkpoint to a temporary file, syncs it, and renames it; then removes those before the last two.
    ///
    /// Throws where a tensor holds a NaN or an infinity: such a state is never stored.
    public func save(_ checkpoint: Checkpoint) throws {
        let sorted = checkpoint.tensors.sorted { $0.key < $1.key }
        if let broken = sorted.first(where: { !$0.value.allSatisfy(\.isFinite) }) {
            throw TrainingError(
                "\"\(broken.key)\" is not finite after step \(checkpoint.step); the last checkpoint is kept: go on from it "
                    + "with lower learning rates")
        }
        var metadata = checkpoint.numbers.mapValues { "\($0)" }
        metadata = Dictionary(uniqueKeysWithValues: metadata.map { ("number/" + $0.key, $0.value) })
        metadata["step"] = "\(checkpoint.step)"
        let entries = sorted.map { name, values in
            TensorFile.Entry(name: name, shape: [values.count], contents: .floats(values))
        }
        try TensorFile(entries: entries, metadata: metadata).write(path: url(checkpoint.step).path)
        for (index, url) in try files().enumerated() where index >= CheckpointStore.kept {
            try? FileManager.default.removeItem(at: url)
        }
    }

    /// The newest checkpoint that can be read, or nil where there is none. Throws where all are damaged.
    public func latest() throws -> Checkpoint? {
        let files = try files()
        var failure: (any Error)?
        for url in files {
            do { return try read(url) } catch { failure = failure ?? error }
        }
        if let failure {
            throw TrainingError(
                "\(folder.relativePath): no checkpoint can be read: \(failure); start anew without --resume")
        }
        return nil
    }

    /// The newest first.
    func files() throws -> [URL] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        return names.filter { $0.hasPrefix("checkpoint-") && $0.hasSuffix(".safetensors") }.sorted(by: >)
            .map(folder.appendingPathComponent)
    }

    private func url(_ step: Int) -> URL {
        let digits = "\(step)"
        let zeros = String(repeating: "0", count: max(0, 9 - digits.count))
        return folder.appendingPathComponent("checkpoint-\(zeros)\(digits).safetensors")
    }

    private func read(_ url: URL) throws -> Checkpoint {
        let file = try TensorFile(path: url.path)
        guard let step = file.metadata["step"].flatMap(Int.init) else {
            throw TrainingError("\(url.relativePath): is no checkpoint")
        }
        var tensors: [String: [Float]] = [:]
        for entry in file.entries { if case .floats(let values) = entry.contents { tensors[entry.name] = values } }
        var numbers: [String: Double] = [:]
        for (key, value) in file.metadata where key.hasPrefix("number/") {
            numbers[String(key.dropFirst("number/".count))] = Double(value)
        }
        return Checkpoint(step: step, tensors: tensors, numbers: numbers)
    }
}
