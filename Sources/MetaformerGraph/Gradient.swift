extension Graph {
    /// Vector-Jacobian products: the gradients of Σ ⟨output, cotangent⟩ with respect to `sources`, nil where they do
    /// not depend on a source.
    public func vjp(of outputs: [Tensor], cotangents: [Tensor], withRespectTo sources: [Tensor]) throws -> [Tensor?] {
        guard (outputs + cotangents + sources).allSatisfy({ $0.graph === self }), outputs.count == cotangents.count
        else {
            throw GraphError(
                "vjp", outputs.map(\.shape), "takes a cotangent for each output, and all tensors of one graph")
        }
        var depends = [Bool](repeating: false, count: nodes.count)
        for source in sources { depends[source.id] = true }
        guard let first = sources.map(\.id).min(), let last = outputs.map(\.id).max() else {
            return sources.map { _ in nil }
        }
        for id in nodes.indices.dropFirst(first) where !depends[id] {
            depends[id] = nodes[id].inputs.contains { depends[$0] }
        }

        var gradients: [Int: Tensor] = [:]
        for (output, cotangent) in zip(outputs, cotangents) where depends[output.id] {
            guard cotangent.shape == output.shape else {
                throw GraphError("vjp", [output.shape, cotangent.shape], "a cotangent has the shape of its output")
            }
            gradients[output.id] = try gradients[output.id].map { try $0 + cotangent } ?? cotangent
        }
        guard first <= last else { return sources.map { _ in nil } }
        for id in (first...last).reversed() {
            guard let gradient = gradients[id], case .operation(let operation, let inputs) = nodes[id].source
            else { continue }
            let needed = inputs.map { depends[$0] }
            guard needed.contains(true) else { continue }
            let contributions = try operation.vjp(
                inputs: inputs.map(tensor), output: tensor(id), gradient: gradient, needed: needed)
            for (index, input) in inputs.enumerated() where needed[index] {
                guard let contribution = contributions[index] else { continue }
                gradients[input] = try gradients[input].map { try $0 + contribution } ?? contribution
            }
        }
        return sources.map { gradients[$0.id] }
    }

    /// The vector-Jacobian product of an operation through an equal composition of others.
    ///
    /// The composition is built on fresh aliases of the operands, so that operands that are one tensor, or depend on
    /// each other, keep their own partial derivatives.
    func vjp(
        through composition: ([Tensor]) throws -> Tensor, inputs: [Tensor], gradient: Tensor, needed: [Bool]
    ) throws -> [Tensor?] {
        let aliases = try inputs.map { try apply(Reshape(shape: $0.shape), to: [$0]) }
        let output = try composition(aliases)
        let wanted = zip(aliases, needed).filter(\.1).map(\.0)
        var gradients = try vjp(of: [output], cotangents: [gradient], withRespectTo: wanted)[...]
        return needed.map { $0 ? gradients.removeFirst() : nil }
    }
}

/// The gradients of a scalar; zeros where it does not depend on a source. Throws when `output` is not a scalar.
public func gradient(of output: Tensor, withRespectTo sources: [Tensor]) throws -> [Tensor] {
    guard output.shape.count == 1 else {
        throw GraphError("gradient", [output.shape], "only a scalar has a gradient; reduce it with sum() or mean()")
    }
    let graph = output.graph
    let one = try graph.full(1, output.shape)
    let gradients = try graph.vjp(of: [output], cotangents: [one], withRespectTo: sources)
    return try zip(gradients, sources).map { try $0 ?? graph.full(0, $1.shape) }
}

/// H v for the Hessian H of a scalar: the gradient of ⟨gradient, v⟩, the vectors held constant.
/// Throws when `output` is not a scalar or a vector's shape is not its source's.
public func hessianVectorProduct(
    of output: Tensor, withRespectTo sources: [Tensor], vectors: [Tensor]
) throws -> [Tensor] {
    guard vectors.map(\.shape) == sources.map(\.shape) else {
        throw GraphError(
            "Hessian-vector product", vectors.map(\.shape), "the vectors must be \(sources.map(\.shape))")
    }
    let gradients = try gradient(of: output, withRespectTo: sources)
    let products = try output.graph.vjp(of: gradients, cotangents: vectors, withRespectTo: sources)
    return try zip(products, sources).map { try $0 ?? output.graph.full(0, $1.shape) }
}
