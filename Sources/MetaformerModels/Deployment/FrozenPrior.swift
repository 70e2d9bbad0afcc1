import Foundation
import MetaformerGraph

/// The instance prior with learned parameters, which neither meta-training nor adaptation changes.
public struct FrozenPrior: Sendable {
    public let configuration: InstancePrior.Configuration
    /// By their names in a model, "prior.…".
    public let parameters: [String: [Float]]

    /// The setting of a file that holds the prior's configuration.
    private static let settingName = "prior.configuration"

    public init(configuration: InstancePrior.Configuration, parameters: [String: [Float]]) {
        self.configuration = configuration
        self.parameters = parameters
    }

    /// Reads a file of `prior train`, or a model file with a prior. Throws where a tensor is missing, and names it.
    public init(path: String) throws {
        let file = try TensorFile(path: path)
        if let json = file.metadata[FrozenPrior.settingName] {
            do {
                configuration = try JSONDecoder().decode(InstancePrior.Configuration.self, from: Data(json.utf8))
            } catch { throw ModelError("\(path): its prior is not of this version") }
        } else if let description = try? ModelDescription(settings: file.metadata) {
            configuration = description.prior
        } else {
            throw ModelError("\(path): holds no prior; name a file that `metaformer prior train` wrote")
        }
        var parameters: [String: [Float]] = [:]
        for specification in try FrozenPrior.specifications(configuration) {
            guard let values = file.floats(specification.name), values.count == specification.shape.count else {
                throw ModelError("\(path): has no tensor \"\(specification.name)\" of the prior")
            }
            parameters[specification.name] = values
        }
        self.parameters = parameters
    }

    /// The file that `init(path:)` reads.
    public func file() throws -> TensorFile {
        let entries = try FrozenPrior.specifications(configuration).map { specification in
            TensorFile.Entry(
                name: specification.name, shape: specification.shape,
                contents: .floats(parameters[specification.name] ?? []))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let json = String(decoding: try encoder.encode(configuration), as: UTF8.self)
        return TensorFile(entries: entries, metadata: [FrozenPrior.settingName: json])
    }

    /// The parameters of a prior, with the values that one starts with which has learned nothing.
    public static func specifications(_ configuration: InstancePrior.Configuration) throws -> [ParameterSpecification] {
        let graph = Graph()
        let scope = Scope(graph)
        let size = configuration.workingSize ?? 64
        let image = try graph.input("image", [1, configuration.channels, size, size])
        _ = try InstancePrior(configuration)(image, in: scope["prior"])
        return scope.parameters
    }
}
