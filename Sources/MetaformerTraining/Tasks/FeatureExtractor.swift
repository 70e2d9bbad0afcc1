import Foundation
import MetaformerGraph
import MetaformerModels

/// Computes the features of images by a network with weights from a file.
public final class FeatureExtractor {
    public let network: FeatureNetwork
    private let runner: Runner
    private let image: FloatBuffer
    private let features: FloatBuffer

    /// Throws an error that names the tensor where the file is not of this network.
    public init(_ architecture: FeatureNetwork.Architecture, weights path: String, threads: Int = 0) throws {
        network = FeatureNetwork(architecture)
        let graph = Graph()
        let scope = Scope(graph)
        let size = FeatureNetwork.imageSize
        let output = try network(graph.input("image", [1, 3, size, size]), in: scope)
        runner = try Runner(program: Program(graph: graph, outputs: [("features", output)]).data, threads: threads)
        image = FloatBuffer(count: 3 * size * size)
        features = FloatBuffer(count: network.featureCount)
        try runner.bind("image", to: image)
        try runner.bind("features", to: features)
        for (name, values) in try architecture.weights(of: scope.parameters, path: path) {
            try runner.bind(name, to: FloatBuffer(values))
        }
    }

    /// The features of an image [3, 224, 224] in [0, 1], scaled to length 1.
    public func features(of planes: [Float]) throws -> [Float] {
        precondition(planes.count == image.count)
        image.assign(planes)
        try runner.run()
        let values = features.values
        let length = values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? values.map { Float(Double($0) / length) } : values
    }
}

extension FeatureNetwork.Architecture {
    /// The values of a network's parameters, by their names, from a file that has them under the published ones: without
    /// `prefix`. Throws an error that names the tensor where the file is not of this network.
    func weights(
        of parameters: [ParameterSpecification], under prefix: String = "", path: String
    ) throws -> [String: [Float]] {
        let entries = Dictionary(try TensorFile(path: path).entries.map { ($0.name, $0) }) { first, _ in first }
        var weights: [String: [Float]] = [:]
        for parameter in parameters {
            let published = String(parameter.name.dropFirst(prefix.count))
            guard let entry = entries[published], case .floats(let values) = entry.contents else {
                throw TrainingError(
                    "\(path): has no tensor \"\(published)\" of \(rawValue); name the weights of that network, converted by "
                        + "scripts/convert-weights.py")
            }
            guard entry.shape == parameter.shape else {
                throw TrainingError(
                    "\(path): \"\(published)\" is \(entry.shape), not \(parameter.shape) as in \(rawValue)")
            }
            weights[parameter.name] = values
        }
        return weights
    }
}
