import ArgumentParser
import Foundation
import MetaformerGraph
import MetaformerModels

/// Where a model comes from: a file, or "scratch:" and a configuration, which has learned nothing yet; with "/paper" after it,
/// its prior has the published size.
enum ModelSource: ExpressibleByArgument, Equatable {
    case file(String)
    case scratch(Metaformer.Mode, prior: PriorSize = .compact)

    enum PriorSize: String {
        case compact, paper

        var configuration: InstancePrior.Configuration { self == .paper ? .paper : .compact }
    }

    static let scratchPrefix = "scratch:"

    init?(argument: String) {
        guard argument.hasPrefix(ModelSource.scratchPrefix) else {
            self = .file(argument)
            return
        }
        let parts = argument.dropFirst(ModelSource.scratchPrefix.count).split(separator: "/", maxSplits: 1)
        guard let mode = parts.first.flatMap({ Metaformer.Mode(rawValue: String($0)) }),
            let size = parts.count > 1 ? PriorSize(rawValue: String(parts[1])) : .compact
        else { return nil }
        self = .scratch(mode, prior: size)
    }

    /// The contents of the file; of one from scratch, with `channels` and parameters drawn from `seed`.
    func contents(channels: Int, seed: UInt64) throws -> TensorFile {
        switch self {
        case .file(let path): return try TensorFile(path: path)
        case .scratch(let mode, let size):
            return try ModelDescription(
                mode: mode, channels: channels, prior: size.configuration, origin: "scratch, seed \(seed)"
            ).file(seed: seed)
        }
    }

    /// Opens the model; see `contents`.
    func open(channels: Int, seed: UInt64) throws -> Model {
        if case .file(let path) = self { return try Model(path: path) }
        return try Model(contents(channels: channels, seed: seed))
    }

    /// The bytes of the file, which the engine has found sound; see `contents`.
    func bytes(channels: Int, seed: UInt64) throws -> [UInt8] {
        try withFile(channels: channels, seed: seed) { path in
            _ = try Model(path: path)
            return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        }
    }

    /// What the file is called, without its folder.
    var name: String {
        switch self {
        case .file(let path): URL(fileURLWithPath: path).lastPathComponent
        case .scratch(let mode, let size):
            ModelSource.scratchPrefix + mode.rawValue + (size == .paper ? "/paper" : "")
        }
    }

    private func withFile<Result>(channels: Int, seed: UInt64, _ body: (String) throws -> Result) throws -> Result {
        if case .file(let path) = self { return try body(path) }
        let temporary = FileManager.default.temporaryDirectory.appendingPathComponent("metaformer-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: temporary) }
        try contents(channels: channels, seed: seed).write(path: temporary.path)
        return try body(temporary.path)
    }
}
