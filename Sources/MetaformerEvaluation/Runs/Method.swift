import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

/// A method that is evaluated: where its model comes from.
public struct Method: Sendable {
    enum Source: Sendable {
        case model(ModelOrigin)
        case features(FeatureDetector.Kind, FeatureNetwork.Architecture, weights: String)
    }

    /// Its name in tables.
    public var name: String
    var source: Source
    /// What the model is, for digests and provenance.
    public private(set) var origin: String
    /// Whether it is a configuration of the paper's model, which Table 3 compares.
    public private(set) var isConfiguration = false

    /// A model file, or the model of fewer parts that it holds, named after file and configuration. Throws where the file
    /// lacks a part.
    public init(file path: String, mode: Metaformer.Mode? = nil) throws {
        _ = try Model(path: path)
        let settings = try TensorFile(path: path).metadata
        let own = settings["configuration"] ?? ""
        let label = mode?.rawValue ?? own
        name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent + (label.isEmpty ? "" : " \(label)")
        source = .model(ModelOrigin(.file(path), mode: mode))
        isConfiguration = !label.isEmpty && settings["target"] != ModelDescription.Target.features.rawValue
        origin = "\(path), checksum \(settings["checksum"] ?? "none")"
        if let mode, mode.rawValue != own {
            origin += ", its parts \(mode.rawValue)"
            _ = try ModelOrigin(.file(path), mode: mode).file(channels: 3, seed: 0)
        }
    }

    /// A model that has learned nothing before.
    private init(_ name: String, origin: String, _ description: @escaping @Sendable (Int) -> ModelDescription) {
        self.name = name
        self.origin = origin
        source = .model(ModelOrigin(.scratch(description)))
    }

    /// A configuration of the paper's Table 3 without its meta-training: random parameters, but for a learned prior where one
    /// is given. `priorOrigin` says where that is from.
    public static func scratch(
        _ mode: Metaformer.Mode, prior: InstancePrior.Configuration = .compact, trained: FrozenPrior? = nil,
        priorOrigin: String = ""
    ) -> Method {
        let name = mode.rawValue + (prior == .paper ? "/paper" : "")
        var method = Method(
            name: "scratch:\(name)", source: .model(.scratch(mode, prior: prior, trained: trained)),
            origin: "\(name) from random parameters" + (trained == nil ? "" : ", its prior from \(priorOrigin)"))
        method.isConfiguration = true
        return method
    }

    /// The same for images of another size. Throws where the method is no model over features.
    public func resized(to imageSize: Int) throws -> Method {
        guard case .model(var model) = source else { throw ModelError("\(name) has no size to set") }
        model.imageSize = imageSize
        _ = try model.file(channels: 3, seed: 0)
        var method = self
        method.source = .model(model)
        method.name += " \(imageSize) px"
        method.origin += ", for images of \(imageSize) x \(imageSize)"
        return method
    }

    /// The same, adapted by another optimiser. Only models have one.
    public func updated(by optimizer: Optimizer) -> Method {
        guard case .model(var model) = source else { return self }
        model.optimizer = optimizer
        var method = self
        method.source = .model(model)
        method.origin += optimizer == .gradientDescent ? ", gradient descent" : ", Adam"
        return method
    }

    /// The autoencoder with squared error as its loss and its map (Bergmann et al., CVPR 2019), from scratch.
    public static let squaredErrorAutoencoder = autoencoder(
        "l2-AE", "ℓ2-AE", similarityWeight: 0, map: .squaredError)

    /// The autoencoder with structural similarity as its loss and its map (Bergmann et al. 2018), from scratch. The squared
    /// error that remains in the loss weighs a thousandth of it.
    public static let similarityAutoencoder = autoencoder(
        "SSIM-AE", "SSIM-AE", similarityWeight: 1000, map: .dissimilarity)

    private static func autoencoder(
        _ name: String, _ origin: String, similarityWeight: Float, map: AnomalyMap.Kind
    ) -> Method {
        Method(name, origin: "\(origin) from random parameters") {
            var description = ModelDescription(mode: .autoencoder, channels: $0, origin: origin)
            description.pixels?.loss.weight = similarityWeight
            description.map.kind = map
            description.map.isNormalized = false
            description.learningRate = 2e-4
            description.batch = 16
            return description
        }
    }

    /// A detector by the features of a frozen network, whose weights lie in a file.
    public static func features(_ kind: FeatureDetector.Kind, weights path: String) throws -> Method {
        let names = try TensorFile(path: path).entries.map { $0.name.replacing(/^network\./, with: "") }
        guard let network = FeatureNetwork.Architecture(tensorNames: names) else {
            let known = FeatureNetwork.Architecture.allCases.map(\.rawValue).joined(separator: " or ")
            throw EvaluationError(
                "\(path): no weights of \(known), as scripts/convert-weights.py writes them, and no model over those")
        }
        return Method(
            name: kind.rawValue, source: .features(kind, network, weights: path),
            origin: "\(kind.rawValue) on features of \(network.rawValue), \(path)")
    }

    private init(name: String, source: Source, origin: String) {
        self.name = name
        self.source = source
        self.origin = origin
    }

    /// Adapts a model to a product, by good frames of it of 1 or 3 channels. `progress` returns whether to go on.
    public func adapted(
        to frames: FrameFiles, count: Int, channels: Int, options: Model.AdaptationOptions,
        progress: (String, Int, Int) -> Bool
    ) throws -> Model {
        switch source {
        case .model(let origin):
            let model = try origin.model(channels: channels, seed: options.seed)
            return try model.adapted(
                toFrames: count, options: options, progress: { progress($0.stage, $0.done, $0.total) },
                frame: frames.frame)
        case .features(let kind, let network, let weights):
            let detector = FeatureDetector(kind, network: network, channels: channels)
            let fitter = try FeatureFitter(detector, weights: weights, seed: options.seed, threads: options.threads)
            return try fitter.model(
                of: (0..<count).map(frames.frame), falseAlarmRate: options.falseAlarmRate, progress: progress)
        }
    }

    /// What a model is before it is adapted, for a digest.
    var identity: String { "\(name)|\(origin)" }
}
