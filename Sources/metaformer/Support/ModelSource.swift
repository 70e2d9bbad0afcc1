import ArgumentParser
import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

/// Where a model comes from: a file, a model that comes with the program ("universal" or "paper"), or "scratch:" and a
/// configuration, which has learned nothing yet; with "/paper" after it, its prior has the published size.
enum ModelSource: ExpressibleByArgument, Equatable {
    case shipped(UniversalModel)
    case file(String)
    case scratch(Metaformer.Mode, prior: PriorSize = .compact)

    enum PriorSize: String {
        case compact, paper

        var configuration: InstancePrior.Configuration { self == .paper ? .paper : .compact }
    }

    static let scratchPrefix = "scratch:"

    /// "scratch:A, scratch:A+P or scratch:A+P+T".
    static let scratchNames: String = {
        let names = Metaformer.Mode.allCases.map { scratchPrefix + $0.rawValue }
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }()

    init?(argument: String) {
        guard argument.hasPrefix(ModelSource.scratchPrefix) else {
            self = UniversalModel(rawValue: argument).map(Self.shipped) ?? .file(argument)
            return
        }
        let parts = argument.dropFirst(ModelSource.scratchPrefix.count).split(separator: "/", maxSplits: 1)
        guard let mode = parts.first.flatMap({ Metaformer.Mode(rawValue: String($0)) }),
            let size = parts.count > 1 ? PriorSize(rawValue: String(parts[1])) : .compact
        else { return nil }
        self = .scratch(mode, prior: size)
    }

    var defaultValueDescription: String { self == .shipped(.universal) ? "the universal model" : name }

    /// What the file is called, without its folder.
    var name: String {
        switch self {
        case .shipped(let model): model.rawValue
        case .file(let path): URL(fileURLWithPath: path).lastPathComponent
        case .scratch(let mode, let size):
            ModelSource.scratchPrefix + mode.rawValue + (size == .paper ? "/paper" : "")
        }
    }

    var isFile: Bool { if case .scratch = self { false } else { true } }

    /// Whether it starts from random parameters and has a prior, which can be one that has learned.
    var takesPrior: Bool {
        if case .scratch(let mode, _) = self { mode != .autoencoder } else { false }
    }

    /// The model before it is adapted, with a learned prior where it starts from random parameters.
    func origin(prior: FrozenPrior? = nil) throws -> ModelOrigin {
        switch self {
        case .shipped(let model): ModelOrigin(.file(try model.path()))
        case .file(let path): ModelOrigin(.file(path))
        case .scratch(let mode, let size):
            .scratch(mode, prior: size.configuration, trained: mode == .autoencoder ? nil : prior)
        }
    }

    /// The contents of the file; of one from scratch, with `channels` and parameters drawn from `seed`.
    func contents(channels: Int, seed: UInt64) throws -> TensorFile {
        try origin().file(channels: channels, seed: seed)
    }

    /// The bytes of the file, which the engine has found sound; see `contents`.
    func bytes(channels: Int, seed: UInt64) throws -> [UInt8] {
        try origin().checkedFile(channels: channels, seed: seed).bytes()
    }
}

/// The optimisers that a product can be adapted with.
enum OptimizerChoice: String, ExpressibleByArgument, CaseIterable {
    case adam, sgd

    var optimizer: Optimizer { self == .adam ? .adam(Adam()) : .gradientDescent }
}

/// The model that a command starts from, and what is made of it first.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model file, paper for the paper's reconstruction of pixels, or \(ModelSource.scratchNames) to start from random "
                + "parameters.",
            valueName: "file"))
    var model = ModelSource.shipped(.universal)

    @Option(help: "Take only these parts of the model: A, A+P or A+P+T.")
    var configuration: Metaformer.Mode?

    @Option(
        help: ArgumentHelp(
            "Give scratch:A+P or scratch:A+P+T the learned prior of this file: of prior train, or a model with one.",
            valueName: "file"), completion: .file())
    var prior: String?

    @Option(
        help: ArgumentHelp(
            "Rows and columns of the images that the universal model takes, a multiple of 32: more finds smaller defects, and takes "
                + "longer in proportion to the pixels; 384 where left out.", valueName: "n"))
    var size: Int?

    func validate() throws {
        if size != nil, !model.isFile {
            throw ValidationError("--size goes with the universal model, or files made of it.")
        }
        if prior != nil, !model.takesPrior {
            throw ValidationError("--prior goes with scratch:A+P and scratch:A+P+T only; \(model.name) takes none.")
        }
        if configuration != nil, !model.isFile {
            throw ValidationError(
                "--configuration takes parts of a model file; write \(ModelSource.scratchPrefix)A instead.")
        }
    }

    func origin(optimizer: OptimizerChoice?) throws -> ModelOrigin {
        var origin = try model.origin(prior: prior.map { try FrozenPrior(path: $0) })
        origin.mode = configuration
        origin.imageSize = size
        origin.optimizer = optimizer?.optimizer
        return origin
    }
}

extension Metaformer.Mode: ExpressibleByArgument {}
