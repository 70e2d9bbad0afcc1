import MetaformerGraph
import MetaformerModels

/// A model's maps of all kinds at once, smoothed and not normalised: to choose among them.
public final class MapComparison {
    public static let kinds = AnomalyMap.Kind.allCases

    private let runner: Runner
    /// [1, C, H, W] of the images that the model takes.
    public let imageShape: Shape

    /// - Parameters:
    ///   - description: of a model over pixels.
    ///   - file: the parameters; throws where one is missing or has another count.
    ///   - threads: worker threads, 0 for one a processor.
    public init(_ description: ModelDescription, parameters file: TensorFile, threads: Int = 0) throws {
        let model = Metaformer(try description.requirePixels())
        imageShape = model.imageShape(1)
        let graph = Graph()
        let scope = Scope(graph)
        let image = try graph.input("image", imageShape)
        let response =
            description.mode == .autoencoder ? nil : try model.response(to: image, in: scope)
        let reconstruction = try model.reconstruct(image, response: response, in: scope).image
        let outputs = try MapComparison.kinds.map { kind in
            var map = description.map
            map.kind = kind
            return (name: kind.rawValue, tensor: try map(reconstruction, image))
        }
        runner = try Runner(program: Program(graph: graph, outputs: outputs).data, threads: threads)
        for parameter in scope.parameters {
            guard let values = file.floats(parameter.name), values.count == parameter.shape.count else {
                throw ModelError("the model file has no \"\(parameter.name)\" of \(parameter.shape)")
            }
            try runner.bind(parameter.name, to: FloatBuffer(values))
        }
        try runner.bindRemaining()
    }

    /// The maps [H, W] of an image [C, H, W] with values in [0, 1], in the order of `kinds`.
    public func maps(of image: [Float]) throws -> [[Float]] {
        guard image.count == imageShape.count else {
            throw ModelError("\(image.count) values are no image of \(imageShape)")
        }
        runner.buffer("image")?.assign(image)
        try runner.run()
        return MapComparison.kinds.map { runner.buffer($0.rawValue)?.values ?? [] }
    }
}
