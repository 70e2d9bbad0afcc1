import Foundation
import MetaformerGraph

/// What a model file holds beside parameters and programs, as far as it is the same for every product.
public struct ModelDescription: Hashable, Sendable, Codable {
    public var architecture: Metaformer.Configuration
    public var map: AnomalyMap
    public var optimizer: Optimizer
    /// Images that the gradient program takes at once.
    public var microBatch: Int
    /// Passes over the good images when a product is taught; the paper's 30.
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

    /// What the names of parameters begin with that teaching measures.
    static let measuredPrefix = "normal."

    /// The settings of a file: those that the engine reads, one each, and all of it as JSON for who builds graphs again.
    public func settings() throws -> [String: String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(self), as: UTF8.self)
        let size = architecture.autoencoder.imageSize
        return [
            "configuration": architecture.mode.rawValue,
            "input.channels": "\(architecture.autoencoder.channels)",
            "input.height": "\(size)",
            "input.width": "\(size)",
            "score.share": "\(map.score.share)",
            "adapt.epochs": "\(epochs)",
            "adapt.batch": "\(batch)",
            "adapt.learning_rate": "\(learningRate)",
            "adapt.loss": optimizer == .gradientDescent ? "sum" : "mean",
            "description": json,
        ]
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

    /// The file of a model with these parameters, by name. Throws where one is missing or has another count. What teaching
    /// measures ("normal.…") may be missing: it is then that of an untaught model.
    public func file(parameters: [String: [Float]]) throws -> TensorFile {
        let programs = try ModelPrograms(architecture, map: map, optimizer: optimizer, microBatch: microBatch)
        var entries = try programs.parameters.map { specification in
            let isMeasured = specification.name.hasPrefix(ModelDescription.measuredPrefix)
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
        let graph = try Metaformer(architecture).inspectionGraph(map: map)
        let parameters = graph.parameters.map { ($0.name, prior?.parameters[$0.name] ?? $0.initialValues(seed: seed)) }
        return try file(parameters: Dictionary(uniqueKeysWithValues: parameters))
    }
}

/// Why a model cannot be used.
public struct ModelError: Error, CustomStringConvertible, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
}
