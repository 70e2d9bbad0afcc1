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

    /// Of the target pixels.
    public var architecture: Metaformer.Configuration
    /// Of the target features; nil for pixels.
    public var features: FeatureModel.Configuration?
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
        architecture: Metaformer.Configuration = Metaformer.Configuration(), map: AnomalyMap = AnomalyMap(),
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
        self.init(origin: origin)
        architecture.mode = mode
        architecture.autoencoder.channels = channels
        architecture.transformer.channels = channels
        architecture.prior = prior
        architecture.prior.channels = channels
    }

    public var target: Target { features == nil ? .pixels : .features }

    /// The parts that the model has.
    public var mode: Metaformer.Mode {
        get { features?.mode ?? architecture.mode }
        set {
            architecture.mode = newValue
            features?.mode = newValue
        }
    }

    /// [batch, C, H, W] of the images that the model takes.
    public func imageShape(_ batch: Int = 1) -> Shape {
        guard let features else { return Metaformer(architecture).imageShape(batch) }
        return Shape([batch] + FeatureModel(features).imageShape.dims.dropFirst())
    }

    /// Whether adaptation makes a parameter of good images: it is no part of a model that knows no product.
    static func isMeasured(_ name: String) -> Bool {
        [FeatureModel.sums, FeatureModel.normal].contains { name.hasPrefix($0 + ".") }
    }

    /// Whether a parameter is a sum over good images, from which adaptation goes on.
    public static func isSum(_ name: String) -> Bool { name.hasPrefix(FeatureModel.sums + ".") }

    /// The model over features that the universal one is.
    public init(features: FeatureModel.Configuration, scorePrior: ScorePrior? = nil, origin: String) {
        self.init(origin: origin)
        self.features = features
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
        entries += programs.named.map { TensorFile.Entry(name: "program/\($0.name)", bytes: $0.program.data) }
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

/// Why a model cannot be used.
public struct ModelError: Error, CustomStringConvertible, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
}
