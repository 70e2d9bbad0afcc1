import Foundation
import MetaformerGraph

/// What a model file holds beside parameters and programs, as far as it is the same for every product.
public struct ModelDescription: Hashable, Sendable, Codable {
    /// What is compared with what is known of good images.
    public enum Target: String, Sendable, Codable, CaseIterable {
        /// The pixels of the image, with their reconstruction: the paper. Adapted by gradient.
        case pixels
        /// What a frozen network makes of the image. Adapted in closed form.
        case features
    }

    /// What is known of the scores of good frames before a product's are: the logarithm of their level by a model of n frames is
    /// `level` + `excess` / n, which is worth `weight` scores.
    public struct ScorePrior: Hashable, Sendable, Codable {
        public var level: Float
        public var excess: Float
        public var weight: Float

        public init(level: Float, excess: Float, weight: Float) {
            self.level = level
            self.excess = excess
            self.weight = weight
        }

        /// Measured over the products that detection was developed on, for the universal model: EXPERIMENTS.md, "Threshold".
        public static let ofOtherProducts = ScorePrior(level: 0.27, excess: 1.5, weight: 2)
    }

    /// The model of a target.
    public enum Architecture: Hashable, Sendable {
        case pixels(Metaformer.Configuration)
        case features(FeatureModel.Configuration)
    }

    public var architecture: Architecture
    public var scorePrior: ScorePrior?
    public var map: AnomalyMap
    public var optimizer: Optimizer
    /// Images that the gradient program takes at once.
    public var microBatch: Int
    /// Passes over the good images of an adaptation; the paper's 30.
    public var epochs: Int
    /// Images a step; the paper's 64.
    public var batch: Int
    /// The paper's 1e-4.
    public var learningRate: Float
    /// Free text: where the parameters come from.
    public var origin: String

    public init(
        architecture: Architecture = .pixels(Metaformer.Configuration()), map: AnomalyMap = AnomalyMap(),
        optimizer: Optimizer = .adam(Adam()), microBatch: Int = 1, epochs: Int = 30, batch: Int = 64,
        learningRate: Float = 1e-4, origin: String = ""
    ) {
        self.architecture = architecture
        self.map = map
        self.optimizer = optimizer
        self.microBatch = microBatch
        self.epochs = epochs
        self.batch = batch
        self.learningRate = learningRate
        self.origin = origin
    }

    /// A configuration of Table 3 as it is made from scratch, for images of 1 or 3 channels.
    public init(
        mode: Metaformer.Mode, channels: Int, prior: InstancePrior.Configuration = .compact, origin: String
    ) {
        var pixels = Metaformer.Configuration()
        pixels.mode = mode
        pixels.autoencoder.channels = channels
        pixels.transformer.channels = channels
        pixels.prior = prior
        pixels.prior.channels = channels
        self.init(architecture: .pixels(pixels), origin: origin)
    }

    /// The model over pixels; nil for one over features. Nil is not taken.
    public var pixels: Metaformer.Configuration? {
        get { if case .pixels(let configuration) = architecture { configuration } else { nil } }
        set { if let newValue { architecture = .pixels(newValue) } }
    }

    /// The model over features; nil for one over pixels. Nil is not taken.
    public var features: FeatureModel.Configuration? {
        get { if case .features(let configuration) = architecture { configuration } else { nil } }
        set { if let newValue { architecture = .features(newValue) } }
    }

    public var target: Target { features == nil ? .pixels : .features }

    /// The parts that the model has.
    public var mode: Metaformer.Mode {
        get {
            switch architecture {
            case .pixels(let configuration): configuration.mode
            case .features(let configuration): configuration.mode
            }
        }
        set {
            pixels?.mode = newValue
            features?.mode = newValue
        }
    }

    /// The prior P that is a part of the model, or would be.
    public var prior: InstancePrior.Configuration {
        switch architecture {
        case .pixels(let configuration): configuration.prior
        case .features(let configuration): configuration.prior
        }
    }

    /// The model over pixels; throws where it is one over features.
    public func requirePixels() throws -> Metaformer.Configuration {
        guard let pixels else { throw ModelError("the model is one over features, where one over pixels is needed") }
        return pixels
    }

    /// [batch, C, H, W] of the images that the model takes.
    public func imageShape(_ batch: Int = 1) -> Shape {
        switch architecture {
        case .pixels(let configuration): Metaformer(configuration).imageShape(batch)
        case .features(let configuration): Shape([batch] + FeatureModel(configuration).imageShape.dims.dropFirst())
        }
    }

    /// Whether adaptation makes a parameter of good images: it is no part of a model that knows no product.
    static func isMeasured(_ name: String) -> Bool {
        [FeatureModel.sums, FeatureModel.normal].contains { name.hasPrefix($0 + ".") }
    }

    /// Whether a parameter is a sum over good images, from which adaptation goes on.
    public static func isSum(_ name: String) -> Bool { name.hasPrefix(FeatureModel.sums + ".") }

    /// The model over features that the universal one is.
    public init(features: FeatureModel.Configuration, scorePrior: ScorePrior? = nil, origin: String) {
        self.init(architecture: .features(features), origin: origin)
        self.scorePrior = scorePrior
        map.score = .highestHundredth
    }

    /// The settings of a file: those that the engine reads, one each, and all of it as JSON for who builds graphs again.
    public func settings() throws -> [String: String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(self), as: UTF8.self)
        let shape = imageShape()
        var settings = [
            "configuration": mode.rawValue,
            "target": target.rawValue,
            "input.channels": "\(shape[1])",
            "input.height": "\(shape[2])",
            "input.width": "\(shape[3])",
            "score.share": "\(map.score.share)",
            "description": json,
        ]
        if let scorePrior {
            settings["threshold.prior_level"] = "\(scorePrior.level)"
            settings["threshold.prior_excess"] = "\(scorePrior.excess)"
            settings["threshold.prior_weight"] = "\(scorePrior.weight)"
        }
        guard target == .pixels else { return settings }
        settings["adapt.epochs"] = "\(epochs)"
        settings["adapt.batch"] = "\(batch)"
        settings["adapt.learning_rate"] = "\(learningRate)"
        settings["adapt.loss"] = optimizer == .gradientDescent ? "sum" : "mean"
        return settings
    }

    /// The description that a file's settings hold; throws where there is none, or one of another version.
    public init(settings: [String: String]) throws {
        guard let json = settings["description"] else { throw ModelError("the model file has no description") }
        do {
            self = try JSONDecoder().decode(ModelDescription.self, from: Data(json.utf8))
        } catch {
            throw ModelError("the model file's description is not of this version: \(error)")
        }
    }

    /// The file of a model with these parameters, by name. Throws where one is missing or has another count. What adaptation
    /// makes may be missing: it is then that of a model that knows no product.
    public func file(parameters: [String: [Float]]) throws -> TensorFile {
        let programs = try ModelPrograms(self)
        var entries = try programs.parameters.map { specification in
            let isMeasured = ModelDescription.isMeasured(specification.name)
            let values = parameters[specification.name] ?? (isMeasured ? specification.initialValues(seed: 0) : nil)
            guard let values, values.count == specification.shape.count else {
                throw ModelError(
                    "parameter \"\(specification.name)\" must have the shape \(specification.shape)"
                        + (parameters[specification.name] == nil ? "; there is none" : ""))
            }
            return TensorFile.Entry(name: specification.name, shape: specification.shape, contents: .floats(values))
        }
        entries += programs.entries
        return TensorFile(entries: entries, metadata: try settings())
    }

    /// The file of a model that has learned nothing, with parameters drawn from a seed, but for those of a prior.
    ///
    /// Throws where the prior is not of the architecture's own size and channels.
    public func file(seed: UInt64, prior: FrozenPrior? = nil) throws -> TensorFile {
        let parameters = try ModelPrograms(self).parameters.map {
            ($0.name, prior?.parameters[$0.name] ?? $0.initialValues(seed: seed))
        }
        return try file(parameters: Dictionary(uniqueKeysWithValues: parameters))
    }
}

extension ModelDescription {
    private enum CodingKeys: CodingKey {
        case architecture, features, scorePrior, map, optimizer, microBatch, epochs, batch, learningRate, origin
    }

    /// Files of models over features may name an architecture of pixels as well, which means nothing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let features = try container.decodeIfPresent(FeatureModel.Configuration.self, forKey: .features) {
            architecture = .features(features)
        } else {
            architecture = .pixels(try container.decode(Metaformer.Configuration.self, forKey: .architecture))
        }
        scorePrior = try container.decodeIfPresent(ScorePrior.self, forKey: .scorePrior)
        map = try container.decode(AnomalyMap.self, forKey: .map)
        optimizer = try container.decode(Optimizer.self, forKey: .optimizer)
        microBatch = try container.decode(Int.self, forKey: .microBatch)
        epochs = try container.decode(Int.self, forKey: .epochs)
        batch = try container.decode(Int.self, forKey: .batch)
        learningRate = try container.decode(Float.self, forKey: .learningRate)
        origin = try container.decode(String.self, forKey: .origin)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(pixels, forKey: .architecture)
        try container.encodeIfPresent(features, forKey: .features)
        try container.encodeIfPresent(scorePrior, forKey: .scorePrior)
        try container.encode(map, forKey: .map)
        try container.encode(optimizer, forKey: .optimizer)
        try container.encode(microBatch, forKey: .microBatch)
        try container.encode(epochs, forKey: .epochs)
        try container.encode(batch, forKey: .batch)
        try container.encode(learningRate, forKey: .learningRate)
        try container.encode(origin, forKey: .origin)
    }
}

/// Why a model cannot be used.
public struct ModelError: Error, CustomStringConvertible, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
}
