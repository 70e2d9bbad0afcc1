import MetaformerGraph

/// Where a model comes from before it is adapted, and what is to be made of it.
public struct ModelOrigin: Sendable {
    public enum Source: Sendable {
        case file(String)
        /// Random parameters, for images of 1 or 3 channels.
        case scratch(@Sendable (_ channels: Int) -> ModelDescription)
    }

    public var source: Source
    /// Fewer parts than the file has; all of them where nil.
    public var mode: Metaformer.Mode?
    /// Height and width of the images that a model over features takes; its own where nil.
    public var imageSize: Int?
    /// A learned prior for a model from scratch.
    public var prior: FrozenPrior?
    /// Another optimiser for adaptation; the model's own where nil.
    public var optimizer: Optimizer?
    /// Whether the programs of a file are made anew, as this version compiles them.
    public var isRecompiled = false

    public init(
        _ source: Source, mode: Metaformer.Mode? = nil, imageSize: Int? = nil, prior: FrozenPrior? = nil,
        optimizer: Optimizer? = nil
    ) {
        self.source = source
        self.mode = mode
        self.imageSize = imageSize
        self.prior = prior
        self.optimizer = optimizer
    }

    /// A configuration of the paper's Table 3 that has learned nothing, but for its prior where one is given.
    public static func scratch(
        _ mode: Metaformer.Mode, prior: InstancePrior.Configuration = .compact, trained: FrozenPrior? = nil
    ) -> ModelOrigin {
        let source = Source.scratch {
            ModelDescription(
                mode: mode, channels: trained?.configuration.channels ?? $0, prior: trained?.configuration ?? prior,
                origin: "scratch" + (trained == nil ? "" : " with a learned prior"))
        }
        return ModelOrigin(source, prior: trained)
    }

    /// The file of the model; of one from scratch, for so many channels and with parameters drawn from a seed.
    ///
    /// Throws where the file cannot be read or lacks a part.
    public func file(channels: Int, seed: UInt64) throws -> TensorFile {
        var file: TensorFile
        switch source {
        case .file(let path):
            file = try TensorFile(path: path)
            do {
                if isRecompiled { file = try file.recompiled() }
                if let mode { file = try file.reduced(to: mode) }
                if let imageSize { file = try file.resized(to: imageSize) }
            } catch let error as ModelError { throw ModelError("\(path): \(error.description)") }
        case .scratch(let describe):
            var description = describe(channels)
            if let mode { description.mode = mode }
            file = try description.file(seed: seed, prior: prior)
        }
        return try optimizer.map { try file.updated(by: $0) } ?? file
    }
}

extension TensorFile {
    /// The model file of fewer parts: without T, or without P and T, and with what adaptation measured forgotten.
    ///
    /// Throws where the file is no model, or has not all of the parts.
    public func reduced(to mode: Metaformer.Mode) throws -> TensorFile {
        var description = try ModelDescription(settings: metadata)
        let own = description.mode
        guard own != mode else { return self }
        let parts = Metaformer.Mode.allCases
        guard let wanted = parts.firstIndex(of: mode), let there = parts.firstIndex(of: own), wanted < there else {
            throw ModelError("the model is of configuration \(own.rawValue) and has not all parts of \(mode.rawValue)")
        }
        description.mode = mode
        description.origin += ", its parts \(mode.rawValue)"
        return try remade(description)
    }

    /// The model file over features for images of `size` x `size` pixels, with what adaptation measured forgotten.
    ///
    /// Throws where the file is none, or the size is no multiple of 32 or out of `FeatureModel.imageSizes`.
    public func resized(to size: Int) throws -> TensorFile {
        var description = try ModelDescription(settings: metadata)
        guard let own = description.features?.imageSize else {
            throw ModelError("the model compares pixels: the size of its images is that of its parameters")
        }
        let sizes = FeatureModel.imageSizes
        guard sizes.contains(size), size % 32 == 0 else {
            throw ModelError(
                "takes images whose side is a multiple of 32 from \(sizes.lowerBound) to \(sizes.upperBound), "
                    + "not \(size)")
        }
        guard own != size else { return self }
        description.features?.imageSize = size
        description.origin += ", for images of \(size) x \(size)"
        return try remade(description)
    }

    /// The model file with its programs as this version compiles them, and all else as it is.
    ///
    /// Throws where the file is no model.
    public func recompiled() throws -> TensorFile {
        let programs = try ModelPrograms(ModelDescription(settings: metadata))
        let others = entries.filter { !$0.name.hasPrefix(ModelPrograms.prefix) }
        return TensorFile(entries: others + programs.entries, metadata: metadata)
    }

    /// The model file, to be run in a precision.
    ///
    /// Throws where the model knows a product, which it does in the precision that it was adapted in, or is adapted by gradient:
    /// such models are run in floats.
    public func withPrecision(_ precision: Precision) throws -> TensorFile {
        let own = metadata["precision"] ?? Precision.float.rawValue
        guard precision.rawValue != own else { return self }
        guard metadata["threshold"] == nil else {
            throw ModelError(
                "the model was adapted in \(own): adapt the model that it was made from, with --precision \(precision.rawValue)"
            )
        }
        guard precision == .float || entries.contains(where: { $0.name == "program/fit" }) else {
            throw ModelError("int8 is for models that take no epochs, such as universal; this one is run in floats")
        }
        var file = self
        file.metadata["precision"] = precision.rawValue
        return file
    }

    /// The file of another description, with what was learned, to be run as this one is.
    private func remade(_ description: ModelDescription) throws -> TensorFile {
        var file = try description.file(parameters: learnedParameters)
        file.metadata["precision"] = metadata["precision"]
        return file
    }

    /// The parameters that are the same for every product.
    private var learnedParameters: [String: [Float]] {
        var parameters: [String: [Float]] = [:]
        for entry in entries where !ModelDescription.isMeasured(entry.name) {
            if case .floats(let values) = entry.contents { parameters[entry.name] = values }
        }
        return parameters
    }

    /// The model file with another optimiser in its update program. Throws where the file is no model.
    public func updated(by optimizer: Optimizer) throws -> TensorFile {
        var description = try ModelDescription(settings: metadata)
        guard description.target == .pixels else {
            throw ModelError("the model is adapted in closed form: it has no optimiser")
        }
        description.optimizer = optimizer
        let update = try optimizer.program(updating: Metaformer(description.requirePixels()).trainableParameters())
        let name = "program/update"
        return TensorFile(
            entries: entries.map { $0.name == name ? Entry(name: name, bytes: update.data) : $0 },
            metadata: metadata.merging(try description.settings()) { _, new in new })
    }

    /// The model file with its parameters stored in half precision; what adaptation measured stays as it is.
    public var inHalfPrecision: TensorFile {
        var file = self
        for index in file.entries.indices {
            file.entries[index].isHalf = !ModelDescription.isMeasured(file.entries[index].name)
        }
        return file
    }
}
