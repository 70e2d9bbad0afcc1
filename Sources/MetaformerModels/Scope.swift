import MetaformerGraph

/// A place in the hierarchy of a model's parameters: `scope["encoder"][0]` names them "encoder.0.weight" and so on.
///
/// Scopes of one root share the list of parameters. Building a layer twice in one scope shares its parameters.
public struct Scope {
    public let graph: Graph
    public let path: String
    private let registry: Registry

    private final class Registry {
        var parameters: [ParameterSpecification] = []
        var names: Set<String> = []
    }

    /// The root of a graph's parameters, with a prefix for all names if there is one.
    public init(_ graph: Graph, path: String = "") {
        self.graph = graph
        self.path = path
        registry = Registry()
    }

    private init(_ graph: Graph, _ path: String, _ registry: Registry) {
        self.graph = graph
        self.path = path
        self.registry = registry
    }

    public subscript(name: String) -> Scope {
        Scope(graph, path.isEmpty ? name : "\(path).\(name)", registry)
    }

    public subscript(index: Int) -> Scope { self["\(index)"] }

    /// All parameters of the root so far, in the order in which they were made.
    public var parameters: [ParameterSpecification] { registry.parameters }

    /// The variable of a parameter; throws when the name already stands for another shape.
    public func parameter(_ name: String, _ shape: Shape, _ initializer: Initializer) throws -> Tensor {
        let full = self[name].path
        let tensor = try graph.variable(full, shape)
        if registry.names.insert(full).inserted {
            registry.parameters.append(ParameterSpecification(name: full, shape: shape, initializer: initializer))
        }
        return tensor
    }
}

// MARK: - Layers

extension Scope {
    /// A convolution with parameters weight [out, in, kernel, kernel] and bias [out]. Where the slope of the rectifier that
    /// follows is given, they start so that the output is as large as the input; else as in PyTorch.
    func convolution(
        _ x: Tensor, channels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, hasBias: Bool = true,
        slope: Float? = nil
    ) throws -> Tensor {
        let shape: Shape = [channels, x.shape[1], kernel, kernel]
        let fanIn = x.shape[1] * kernel * kernel
        let start = slope.map { Initializer.preservingVariance(fanIn: fanIn, slope: $0) }
        let weight = try parameter("weight", shape, start ?? .kaimingUniform(fanIn: fanIn))
        let bias =
            hasBias ? try parameter("bias", [channels], slope == nil ? .kaimingUniform(fanIn: fanIn) : .zeros) : nil
        return try conv2d(x, weight, bias: bias, stride: stride, padding: Padding(padding))
    }

    /// A transposed convolution with parameters weight [in, out, kernel, kernel] and bias [out], as PyTorch lays them out,
    /// which start so that the output is as large as the input where a rectifier of this slope follows.
    func transposedConvolution(
        _ x: Tensor, channels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, slope: Float
    ) throws -> Tensor {
        // An output pixel is the sum over so many places of the kernel; of an image of one pixel each reaches one place only.
        let places = x.shape[2] == 1 && x.shape[3] == 1 ? 1 : max(kernel / stride, 1) * max(kernel / stride, 1)
        let weight = try parameter(
            "weight", [x.shape[1], channels, kernel, kernel],
            .preservingVariance(fanIn: x.shape[1] * places, slope: slope))
        let bias = try parameter("bias", [channels], .zeros)
        return try convTranspose2d(x, weight, bias: bias, stride: stride, padding: Padding(padding))
    }

    /// A linear layer of the last axis with parameters weight [out, in] and bias [out].
    func linearLayer(_ x: Tensor, outputs: Int, startsAtZero: Bool = false) throws -> Tensor {
        let inputs = x.shape[x.rank - 1]
        let start = startsAtZero ? Initializer.zeros : .kaimingUniform(fanIn: inputs)
        let weight = try parameter("weight", [outputs, inputs], start)
        return try linear(x, weight, bias: parameter("bias", [outputs], start))
    }

    /// Layer normalisation of the last axis with parameters weight and bias.
    func layerNormalization(_ x: Tensor) throws -> Tensor {
        let width: Shape = [x.shape[x.rank - 1]]
        return try layerNorm(x, weight: parameter("weight", width, .ones), bias: parameter("bias", width, .zeros))
    }

    /// Instance normalisation of each channel with parameters weight and bias.
    func instanceNormalization(_ x: Tensor) throws -> Tensor {
        let width: Shape = [x.shape[1]]
        return try instanceNorm(x, weight: parameter("weight", width, .ones), bias: parameter("bias", width, .zeros))
    }
}
