import MetaformerGraph

/// The programs of a model file that other runtimes can run.
public enum ExportedProgram: String, Sendable, CaseIterable {
    /// Image → reconstruction, map, and response where there is a prior.
    case inspect
    /// Image → response.
    case prior
}

extension TensorFile {
    /// A program of a model file as an ONNX model, for images [batch, C, H, W] with values in [0, 1].
    ///
    /// The file's settings travel as metadata. Throws where the file is no model, lacks the program, or the batch is not
    /// positive.
    public func onnx(_ program: ExportedProgram = .inspect, batch: Int = 1) throws -> ONNXModel {
        let description = try ModelDescription(settings: metadata)
        let model = Metaformer(description.architecture)
        guard batch >= 1 else { throw ModelError("a batch of \(batch) images is none; take 1 or more") }
        if program == .prior, description.architecture.mode == .autoencoder {
            throw ModelError("a model of the configuration A has no prior")
        }
        let graph =
            switch program {
            case .inspect: try model.inspectionGraph(map: description.map, batch: batch)
            case .prior: try model.priorGraph(batch: batch)
            }
        var values: [String: [Float]] = [:]
        for parameter in graph.parameters { values[parameter.name] = floats(parameter.name) }
        return try ONNXModel(
            name: program.rawValue, outputs: graph.outputs, parameters: values,
            documentation: [
                "image": "values in [0, 1]; channels: \(model.imageShape(1)[1] == 1 ? "grey" : "red, green, blue")"
            ],
            metadata: metadata.filter { $0.key != "description" })
    }
}
