import ArgumentParser
import Foundation
import MetaformerModels

/// Where a model comes from: a file, or "scratch:" and a configuration, which has learned nothing yet.
enum ModelSource: ExpressibleByArgument, Equatable {
    case file(String)
    case scratch(Metaformer.Mode)

    static let scratchPrefix = "scratch:"

    init?(argument: String) {
        guard argument.hasPrefix(ModelSource.scratchPrefix) else {
            self = .file(argument)
            return
        }
        guard let mode = Metaformer.Mode(rawValue: String(argument.dropFirst(ModelSource.scratchPrefix.count))) else {
            return nil
        }
        self = .scratch(mode)
    }

    /// Opens the model; one from scratch takes `channels` and draws its parameters from `seed`.
    func open(channels: Int, seed: UInt64) throws -> Model {
        switch self {
        case .file(let path): return try Model(path: path)
        case .scratch(let mode):
            let temporary = FileManager.default.temporaryDirectory.appendingPathComponent(
                "metaformer-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: temporary) }
            let description = ModelDescription(mode: mode, channels: channels, origin: "scratch, seed \(seed)")
            try description.file(seed: seed).write(path: temporary.path)
            return try Model(path: temporary.path)
        }
    }
}
