import MetaformerGraph
import MetaformerModels

/// One image to learn from.
public struct Sample: Sendable, Equatable {
    /// [C, H, W] in [0, 1].
    public var image: [Float]
    /// The response map R of the frozen prior, [1, H, W]; empty for the autoencoder alone.
    public var response: [Float]
    /// What the reconstruction of `image` is compared with; the image itself where nil.
    public var target: [Float]?

    public init(image: [Float], response: [Float] = [], target: [Float]? = nil) {
        self.image = image
        self.response = response
        self.target = target
    }
}

/// The loss of a model on samples, differentiated once and twice by the engine.
///
/// Any number of samples goes through micro-batches that are accumulated: memory depends on the model and the
/// micro-batch alone. Results are the same to the last bit for any number of threads.
public final class Objective {
    public let layout: ParameterLayout
    private let microBatch: Int
    private let gradient: Runner
    private let hessian: Runner
    private let loss = FloatBuffer(count: 1)
    private let weights: FloatBuffer
    private let image: FloatBuffer
    private let target: FloatBuffer
    private let response: FloatBuffer?

    /// - Parameters:
    ///   - model: A and T, whose loss it is.
    ///   - microBatch: samples that go through the programs at once.
    ///   - threads: worker threads, 0 for one a processor.
    public init(_ model: Metaformer, microBatch: Int = 2, threads: Int = 0) throws {
        let programs = try DerivativePrograms(model, microBatch: microBatch)
        layout = ParameterLayout(programs.parameters)
        self.microBatch = microBatch
        gradient = try Runner(program: programs.gradient.data, threads: threads)
        hessian = try Runner(program: programs.hessian.data, threads: threads)
        let count = model.imageShape(microBatch).count
        image = FloatBuffer(count: count)
        target = FloatBuffer(count: count)
        weights = FloatBuffer(count: microBatch)
        let planes = count / model.configuration.autoencoder.channels
        response = model.configuration.mode == .autoencoder ? nil : FloatBuffer(count: planes)
        for runner in [gradient, hessian] {
            try runner.bind("image", to: image)
            try runner.bind("target", to: target)
            try runner.bind("weight", to: weights)
            if let response { try runner.bind("response", to: response) }
        }
        try gradient.bind("loss", to: loss)
    }

    /// Bytes that the programs work in, whatever the number of samples.
    public var workingBytes: Int {
        gradient.arenaBytes + gradient.scratchBytes + hessian.arenaBytes + hessian.scratchBytes
    }

    /// Adds w ∇ Σ L(M_θ(I); I) over the samples to `sum`, and gives w Σ L. Throws where the loss is no number.
    @discardableResult
    public func addGradient(
        of samples: [Sample], weight: Float = 1, at parameters: ParameterVector, to sum: ParameterVector
    ) throws -> Double {
        try bind(gradient, parameters)
        try bind(gradient, sum, prefix: "gradient/")
        var total = 0.0
        try forEachMicroBatch(samples, weight) {
            try gradient.run()
            total += Double(loss[0])
        }
        guard total.isFinite else {
            throw TrainingError("the loss is not a number any more: take lower learning rates, inner and outer")
        }
        return total
    }

    /// Adds w H v to `sum`, where H is the Hessian of Σ L(M_θ(I); I) over the samples.
    public func addHessianProduct(
        of samples: [Sample], weight: Float = 1, at parameters: ParameterVector, with vector: ParameterVector,
        to sum: ParameterVector
    ) throws {
        try bind(hessian, parameters)
        try bind(hessian, vector, prefix: "vector/")
        try bind(hessian, sum, prefix: "product/")
        try forEachMicroBatch(samples, weight) { try hessian.run() }
    }

    private func bind(_ runner: Runner, _ vector: ParameterVector, prefix: String = "") throws {
        precondition(vector.layout == layout)
        for (parameter, part) in zip(layout.parameters, vector.parts) {
            try runner.bind(prefix + parameter.name, to: part)
        }
    }

    /// Samples beyond the last fill a micro-batch with a weight of 0.
    private func forEachMicroBatch(_ samples: [Sample], _ weight: Float, _ run: () throws -> Void) throws {
        for first in stride(from: 0, to: samples.count, by: microBatch) {
            for place in 0..<microBatch {
                let isUsed = first + place < samples.count
                weights[place] = isUsed ? weight : 0
                let sample = samples[isUsed ? first + place : first]
                try fill(image, place, sample.image)
                try fill(target, place, sample.target ?? sample.image)
                if let response { try fill(response, place, sample.response) }
            }
            try run()
        }
    }

    private func fill(_ buffer: FloatBuffer, _ place: Int, _ values: [Float]) throws {
        let count = buffer.count / microBatch
        guard values.count == count else {
            throw TrainingError("a sample has \(values.count) values where the model takes \(count)")
        }
        values.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            (buffer.pointer + place * count).update(from: start, count: count)
        }
    }
}

/// The programs behind an `Objective`.
///
/// Inputs "image", "target" [B, C, H, W], "response" [B, 1, H, W] and "weight" [B]. `gradient` gives "loss", Σ weight ·
/// loss, and adds its gradient to "gradient/<name>"; `hessian` adds the Hessian's product with "vector/<name>" to
/// "product/<name>".
struct DerivativePrograms: Sendable {
    let gradient: Program
    let hessian: Program
    let parameters: [ParameterSpecification]

    init(_ model: Metaformer, microBatch: Int) throws {
        let parameters = try model.trainableParameters()
        self.parameters = parameters
        let graph = Graph()
        let shape = model.imageShape(microBatch)
        let hasPrior = model.configuration.mode != .autoencoder
        let response = hasPrior ? try graph.input("response", [microBatch, 1, shape[2], shape[3]]) : nil
        let image = try graph.input("image", shape)
        let reconstruction = try model.reconstruct(image, response: response, in: Scope(graph)).image
        let loss = try model.configuration.loss(
            reconstruction, graph.input("target", shape), weights: graph.input("weight", [microBatch]))
        let variables = try parameters.map { try graph.variable($0.name, $0.shape) }

        func accumulated(_ prefix: String, _ terms: [Tensor]) throws -> [(name: String, tensor: Tensor)] {
            try zip(parameters, terms).map { parameter, term in
                let name = prefix + parameter.name
                return (name: name, tensor: try graph.variable(name, parameter.shape) + term)
            }
        }
        let gradients = try MetaformerGraph.gradient(of: loss, withRespectTo: variables)
        gradient = try Program(
            graph: graph, outputs: [("loss", loss)], updates: accumulated("gradient/", gradients))
        let vectors = try parameters.map { try graph.variable("vector/\($0.name)", $0.shape) }
        let products = try hessianVectorProduct(of: loss, withRespectTo: variables, vectors: vectors)
        hessian = try Program(graph: graph, outputs: [], updates: accumulated("product/", products))
    }
}
