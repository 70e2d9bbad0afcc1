import MetaformerGraph

/// What of a model other runtimes can run: the whole inspection, or a part of it.
public enum ExportedProgram: String, Sendable, CaseIterable {
    /// Image → reconstruction, map, and response where there is a prior.
    case inspect
    /// Image → response.
    case prior
    /// Image → reconstruction, by A alone.
    case autoencoder
    /// Response and A's reconstruction, as "image" → gate.
    case transformer
}

extension TensorFile {
    /// A program of a model file as an ONNX model, for images [batch, C, H, W] with values in [0, 1].
    ///
    /// The file's settings travel as metadata. Throws where the file is no model, lacks the program, or the batch is not
    /// positive.
    public func onnx(_ program: ExportedProgram = .inspect, batch: Int = 1) throws -> ONNXModel {
        let graph = try self.graph(program, batch: batch)
        let channels = try ModelDescription(settings: metadata).imageShape()[1]
        var values: [String: [Float]] = [:]
        for parameter in graph.parameters { values[parameter.name] = floats(parameter.name) }
        return try ONNXModel(
            name: program.rawValue, outputs: graph.outputs, parameters: values,
            documentation: [
                "image": "values in [0, 1]; channels: \(channels == 1 ? "grey" : "red, green, blue")"
            ],
            metadata: metadata.filter { $0.key != "description" })
    }

    /// The same, compiled for the engine; see `onnx`.
    public func program(_ program: ExportedProgram, batch: Int = 1) throws -> Program {
        try graph(program, batch: batch).program()
    }

    private func graph(_ program: ExportedProgram, batch: Int) throws -> ModelGraph {
        let description = try ModelDescription(settings: metadata)
        if let features = description.features {
            guard program == .inspect, batch == 1 else {
                throw ModelError("a model over features has its inspection to export, an image at a time")
            }
            return try FeatureModel(features).inspectionGraph()
        }
        let model = Metaformer(try description.requirePixels())
        guard batch >= 1 else { throw ModelError("a batch of \(batch) images is none; take 1 or more") }
        let mode = description.mode
        if program == .prior, mode == .autoencoder { throw ModelError("a model of the configuration A has no prior") }
        if program == .transformer, mode != .full {
            throw ModelError("a model of the configuration \(mode.rawValue) has no transformer")
        }
        switch program {
        case .inspect: return try model.inspectionGraph(map: description.map, batch: batch)
        case .prior: return try model.priorGraph(batch: batch)
        case .autoencoder: return try model.autoencoderGraph(batch: batch)
        case .transformer: return try model.transformerGraph(batch: batch)
        }
    }
}
