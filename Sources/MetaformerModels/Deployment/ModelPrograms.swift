import MetaformerGraph

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).
public struct Adam: Hashable, Sendable, Codable {
    public var beta1: Float = 0.9
    public var beta2: Float = 0.999
    public var epsilon: Float = 1e-8

    public init() {}
}

/// How accumulated gradients change parameters.
public enum Optimizer: Hashable, Sendable, Codable {
    case adam(Adam)
    /// θ − rate · gradient of the summed loss: the step of Eq. 6.
    case gradientDescent
}

/// The programs of a model file: all that the engine needs to inspect with a model and to adapt it.
///
/// Variables are the parameters by their own names; the state of training has names of its own: the accumulated gradient
/// of a parameter is "gradient/<name>", Adam's moments are "adam.mean/<name>" and "adam.square/<name>". State is not
/// stored in files: it starts at zero. What the engine makes of good images are parameters "normal.…", and "sums.…" where it goes
/// on from them.
public struct ModelPrograms: Sendable {
    /// By their names in the file.
    public let named: [(name: String, program: Program)]
    /// Every parameter of the model, those that stay frozen included.
    public let parameters: [ParameterSpecification]

    public init(_ description: ModelDescription) throws {
        switch description.architecture {
        case .features(let configuration): try self.init(FeatureModel(configuration))
        case .pixels(let configuration):
            try self.init(
                configuration, map: description.map, optimizer: description.optimizer,
                microBatch: description.microBatch)
        }
    }

    /// Those of the target pixels.
    ///
    /// - Parameters:
    ///   - configuration: of A, P and T.
    ///   - map: how an image and its reconstruction are compared.
    ///   - optimizer: what the update program follows the gradient by.
    ///   - microBatch: images that the gradient program takes at once; memory grows with it.
    public init(
        _ configuration: Metaformer.Configuration, map: AnomalyMap = AnomalyMap(), optimizer: Optimizer = .adam(Adam()),
        microBatch: Int = 1
    ) throws {
        let model = Metaformer(configuration)
        let trainable = try model.trainableParameters()
        let inspection = try model.inspectionGraph(map: map)
        parameters = inspection.parameters
        var named = [
            (name: "inspect", program: try inspection.program()),
            (name: "gradient", program: try ModelPrograms.gradient(model, trainable, microBatch)),
            (name: "update", program: try optimizer.program(updating: trainable)),
        ]
        // Image → response map.
        if configuration.mode != .autoencoder { named.append(("prior", try model.priorGraph().program())) }
        self.named = named
    }

    /// Those of the target features: image → map; and, of which adaptation is made, image → features, features of a good image →
    /// added to sums, sums → what is normal, features → map.
    public init(_ model: FeatureModel) throws {
        let features = try model.featuresGraph()
        let graphs = [
            ("inspect", try model.inspectionGraph()), ("features", features),
            ("observe", try model.observeGraph(of: features)), ("fit", try model.fitGraph(of: features)),
            ("map", try model.mapGraph(of: features)),
        ]
        named = try graphs.map { (name: $0.0, program: try $0.1.program()) }
        var names: Set<String> = []
        // The whole model holds P though T may need none of it: A+P is a part of it.
        let prior = model.configuration.mode == .full ? try FrozenPrior.specifications(model.configuration.prior) : []
        parameters = (graphs.flatMap(\.1.parameters) + prior).filter { names.insert($0.name).inserted }
    }

    /// What programs are called in a file, before their names.
    static let prefix = "program/"

    /// The programs as a file holds them.
    var entries: [TensorFile.Entry] {
        named.map { TensorFile.Entry(name: ModelPrograms.prefix + $0.name, bytes: $0.program.data) }
    }

    /// The program of a name; nil where the model has none.
    public subscript(name: String) -> Program? { named.first { $0.name == name }?.program }

    // MARK: Programs

    /// Images [B, C, H, W], their response maps, masks [B, 1, H, W] and weights [B] → Σ weight · loss; its gradient is added
    /// to what stands in "gradient/<name>". Where a mask is 0 the reconstruction counts as perfect, so that neither the loss
    /// nor its gradient knows of it; 1 leaves it as it is.
    private static func gradient(_ model: Metaformer, _ trainable: [ParameterSpecification], _ batch: Int) throws
        -> Program
    {
        let graph = Graph()
        let image = try graph.input("image", model.imageShape(batch))
        let shape = model.imageShape(batch)
        let hasPrior = model.configuration.mode != .autoencoder
        let response = hasPrior ? try graph.input("response", [batch, 1, shape[2], shape[3]]) : nil
        let mask = try graph.input("mask", [batch, 1, shape[2], shape[3]])
        let weights = try graph.input("weight", [batch])
        let reconstruction = try model.reconstruct(image, response: response, in: Scope(graph)).image
        let target = try mask * reconstruction + (1 - mask) * image
        let loss = try model.configuration.loss(target, image, weights: weights)
        let variables = try trainable.map { try graph.variable($0.name, $0.shape) }
        let gradients = try MetaformerGraph.gradient(of: loss, withRespectTo: variables)
        let updates = try zip(trainable, gradients).map { parameter, gradient in
            let name = "gradient/\(parameter.name)"
            return (name: name, tensor: try graph.variable(name, parameter.shape) + gradient)
        }
        return try Program(graph: graph, outputs: [("loss", loss)], updates: updates)
    }
}

/// What a model computes, before it is compiled.
public struct ModelGraph {
    public let outputs: [(name: String, tensor: Tensor)]
    /// New values of variables.
    public var updates: [(name: String, tensor: Tensor)] = []
    /// Every parameter that the outputs need, in the order in which they were made.
    public let parameters: [ParameterSpecification]

    public func program() throws -> Program {
        guard let graph = (outputs + updates).first?.tensor.graph else {
            throw GraphError("program", [], "there is nothing to compute")
        }
        return try Program(graph: graph, outputs: outputs, updates: updates)
    }
}

extension Metaformer {
    /// Image [N, C, H, W] → reconstruction, anomaly map [N, 1, H, W], and the response map where there is a prior.
    func inspectionGraph(map: AnomalyMap, batch: Int = 1) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let image = try graph.input("image", imageShape(batch))
        let response = configuration.mode == .autoencoder ? nil : try self.response(to: image, in: scope)
        let reconstruction = try reconstruct(image, response: response, in: scope).image
        let anomaly = try map.normalized(map(reconstruction, image), in: scope["normal"])
        var outputs = [(name: "reconstruction", tensor: reconstruction), (name: "map", tensor: anomaly)]
        if let response { outputs.append((name: "response", tensor: response)) }
        return ModelGraph(outputs: outputs, parameters: scope.parameters)
    }

    /// Image [N, C, H, W] → response map [N, 1, H, W].
    func priorGraph(batch: Int = 1) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let response = try response(to: graph.input("image", imageShape(batch)), in: scope)
        return ModelGraph(outputs: [(name: "response", tensor: response)], parameters: scope.parameters)
    }

    /// Image [N, C, H, W] → Ĩ, the reconstruction by A alone.
    func autoencoderGraph(batch: Int = 1) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let image = try graph.input("image", imageShape(batch))
        let plain = try reconstructPlainly(image, in: scope)
        return ModelGraph(outputs: [(name: "reconstruction", tensor: plain)], parameters: scope.parameters)
    }

    /// Response map [N, 1, H, W] and Ĩ [N, C, H, W], the input "image" → R', the gate.
    func transformerGraph(batch: Int = 1) throws -> ModelGraph {
        let graph = Graph()
        let scope = Scope(graph)
        let shape = imageShape(batch)
        let gate = try Transformer(configuration.transformer)(
            response: graph.input("response", [batch, 1, shape[2], shape[3]]),
            reconstruction: graph.input("image", shape), in: scope["transformer"])
        return ModelGraph(outputs: [(name: "gate", tensor: gate)], parameters: scope.parameters)
    }

    /// [batch, C, H, W] of the images that the model takes.
    public func imageShape(_ batch: Int) -> Shape {
        let size = configuration.autoencoder.imageSize
        return [batch, configuration.autoencoder.channels, size, size]
    }
}

extension Optimizer {
    /// One step of the parameters at the input "learning_rate" along the gradients in "gradient/<name>", which are then
    /// zero again. The optimiser's own state starts at zero.
    public func program(updating parameters: [ParameterSpecification]) throws -> Program {
        let graph = Graph()
        let rate = try graph.input("learning_rate", .scalar)
        var updates: [(name: String, tensor: Tensor)] = []
        let step = try makeStep(graph, &updates)
        for parameter in parameters {
            let gradientName = "gradient/\(parameter.name)"
            let value = try graph.variable(parameter.name, parameter.shape)
            let direction = try step(parameter, graph.variable(gradientName, parameter.shape), &updates)
            updates.append((parameter.name, try value - rate * direction))
            updates.append((gradientName, try graph.full(0, parameter.shape)))
        }
        return try Program(graph: graph, outputs: [], updates: updates)
    }

    typealias Updates = [(name: String, tensor: Tensor)]
    typealias Step = (ParameterSpecification, Tensor, inout Updates) throws -> Tensor

    /// What turns a parameter's gradient into the direction of its step, and the updates of the optimiser's own state.
    func makeStep(_ graph: Graph, _ updates: inout Updates) throws -> Step {
        guard case .adam(let adam) = self else { return { _, gradient, _ in gradient } }
        // 1 − βᵗ, the bias corrections, as averages of ones: state like any other, that starts at zero.
        func average(_ name: String, _ beta: Float, _ value: Tensor, _ updates: inout Updates) throws -> Tensor {
            let next = try beta * graph.variable(name, value.shape) + (1 - beta) * value
            updates.append((name, next))
            return next
        }
        let one = graph.constant(1)
        let weight1 = try average("adam.weight1", adam.beta1, one, &updates)
        let weight2 = try average("adam.weight2", adam.beta2, one, &updates)
        return { parameter, gradient, updates in
            let mean = try average("adam.mean/\(parameter.name)", adam.beta1, gradient, &updates)
            let square = try average("adam.square/\(parameter.name)", adam.beta2, gradient * gradient, &updates)
            return try (mean / weight1) / (sqrt(square / weight2) + adam.epsilon)
        }
    }
}
