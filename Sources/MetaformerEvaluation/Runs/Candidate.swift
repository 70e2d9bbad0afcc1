import Foundation
import MetaformerGraph
import MetaformerModels

/// A method that is evaluated: where its model comes from, and how it is taught.
public struct Candidate: Sendable {
    enum Source: Sendable {
        case file(String)
        case description(@Sendable (_ channels: Int) -> ModelDescription)
        case features(FeatureDetector.Kind, FeatureNetwork.Architecture, weights: String)
    }

    /// Its name in tables.
    public let name: String
    let source: Source
    /// What the model is, for digests and provenance.
    public let origin: String
    /// Overrides of the model's own settings.
    public var epochs: Int?
    public var batch: Int?
    public var learningRate: Float?
    public var framing: Framing?

    /// A model file, named as its configuration is unless told otherwise.
    public init(file path: String, name: String? = nil) throws {
        let model = try Model(path: path)
        self.name = name ?? model[setting: "configuration"] ?? URL(fileURLWithPath: path).lastPathComponent
        source = .file(path)
        origin = "\(path), checksum \(try TensorFile(path: path).metadata["checksum"] ?? "none")"
    }

    /// A model that has learned nothing before.
    private init(_ name: String, origin: String, _ description: @escaping @Sendable (Int) -> ModelDescription) {
        self.name = name
        self.origin = origin
        source = .description(description)
    }

    /// A configuration of the paper's Table 3 without its meta-training.
    public static func scratch(
        _ mode: Metaformer.Mode, prior: InstancePrior.Configuration = .compact
    ) -> Candidate {
        let name = mode.rawValue + (prior == .paper ? "/paper" : "")
        return Candidate("scratch:\(name)", origin: "\(name) from random parameters") {
            ModelDescription(mode: mode, channels: $0, prior: prior, origin: "scratch")
        }
    }

    /// The autoencoder with squared error as its loss and its map (Bergmann et al., CVPR 2019), from scratch.
    public static let squaredErrorAutoencoder = Candidate("l2-AE", origin: "ℓ2-AE from random parameters") {
        var description = ModelDescription(mode: .autoencoder, channels: $0, origin: "ℓ2-AE")
        description.architecture.loss.weight = 0
        description.map.kind = .squaredError
        description.map.isNormalized = false
        description.learningRate = 2e-4
        description.batch = 16
        return description
    }

    /// The autoencoder with structural similarity as its loss and its map (Bergmann et al. 2018), from scratch. The squared
    /// error that remains in the loss weighs a thousandth of it.
    public static let similarityAutoencoder = Candidate("SSIM-AE", origin: "SSIM-AE from random parameters") {
        var description = ModelDescription(mode: .autoencoder, channels: $0, origin: "SSIM-AE")
        description.architecture.loss.weight = 1000
        description.map.kind = .dissimilarity
        description.map.isNormalized = false
        description.learningRate = 2e-4
        description.batch = 16
        return description
    }

    /// A detector by the features of a frozen network, whose weights lie in a file.
    public static func features(_ kind: FeatureDetector.Kind, weights path: String) throws -> Candidate {
        let file = try TensorFile(path: path)
        guard let network = FeatureNetwork.Architecture(tensorNames: file.entries.map(\.name)) else {
            let known = FeatureNetwork.Architecture.allCases.map(\.rawValue).joined(separator: " or ")
            throw EvaluationError("\(path): no weights of \(known), as scripts/convert-weights.py writes them")
        }
        return Candidate(
            name: kind.rawValue, source: .features(kind, network, weights: path),
            origin: "\(kind.rawValue) on features of \(network.rawValue), \(path)")
    }

    private init(name: String, source: Source, origin: String) {
        self.name = name
        self.source = source
        self.origin = origin
    }

    /// Teaches a product from good frames of 1 or 3 channels. `progress` returns whether to go on.
    func taught(
        _ frames: [Frame], channels: Int, options: Model.AdaptationOptions, progress: (String, Int, Int) -> Bool
    ) throws -> Model {
        guard case .features(let kind, let network, let weights) = source else {
            let model = try open(channels: channels, seed: options.seed)
            return try model.adapted(to: frames, options: options) { progress($0.stage, $0.done, $0.total) }
        }
        let detector = FeatureDetector(kind, network: network, channels: channels)
        let teacher = try FeatureTeacher(detector, weights: weights, seed: options.seed, threads: options.threads)
        return try teacher.model(of: frames, falseAlarmRate: options.falseAlarmRate, progress: progress)
    }

    /// Opens the model for pictures of 1 or 3 channels; of one from scratch, with parameters drawn from a seed.
    private func open(channels: Int, seed: UInt64) throws -> Model {
        switch source {
        case .features: throw EvaluationError("\(name): is made from good pictures, not opened")
        case .file(let path): return try Model(path: path)
        case .description(let make): return try Model(make(channels).file(seed: seed))
        }
    }

    /// All that the result of teaching depends on, for a digest.
    var identity: String {
        "\(name)|\(origin)|\(epochs ?? 0)|\(batch ?? 0)|\(learningRate ?? 0)"
            + (framing.map { "|\($0.rawValue)" } ?? "")
    }
}
