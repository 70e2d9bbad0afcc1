/// Algebraic identities: x · 1, x + 0, −(−x), and data that is moved to no effect.
///
/// As usual for such identities, x · 0 counts as 0 even where x is not finite.
struct Simplification: RewriteRule {
    func rewrite(_ operation: any Operation, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter) throws -> Tensor? {
        let shape = rewriter.source.nodes[id].shape
        switch operation {
        case let operation as Pointwise:
            return try pointwise(operation.function, inputs) ?? withoutBroadcasts(operation, inputs, shape)
                ?? scaledSoftmaxGradient(operation, inputs, at: id, in: rewriter)
        case let operation as Broadcast:
            if inputs[0].shape == shape { return inputs[0] }
            return try inputs[0].made(by: Broadcast.self)?.inputs[0].broadcast(to: operation.shape)
        case let operation as Reduce: return try reduce(operation, inputs[0], shape)
        case let operation as Reshape: return try reshape(operation, inputs[0])
        case let operation as Transpose: return try transpose(operation, inputs[0], shape)
        case let operation as MatrixProduct: return try matrixProduct(operation, inputs, rewriter.target)
        case is Slice: return inputs[0].shape == shape ? inputs[0] : nil
        case is Pad, is ReflectPadAdjoint: return inputs[0].shape == shape ? inputs[0] : nil
        case is Concatenate: return inputs.count == 1 ? inputs[0] : nil
        default: return nil
        }
    }

    private func pointwise(_ function: Function, _ x: [Tensor]) throws -> Tensor? {
        let values = x.map(\.uniformValue)
        switch function {
        case .add:
            if values[0] == 0 { return x[1] }
            if values[1] == 0 { return x[0] }
            if x[0].id == x[1].id { return try x[0] * 2 }
            // Constants stand on the right, one of them.
            if x[0].constantValues != nil, x[1].constantValues == nil { return try x[1] + x[0] }
            if x[1].constantValues != nil, let inner = x[0].made(by: .add), inner[1].constantValues != nil {
                return try inner[0] + (inner[1] + x[1])
            }
            if let inner = x[1].made(by: .negate) { return try x[0] - inner[0] }
            if let inner = x[0].made(by: .negate) { return try x[1] - inner[0] }
        case .subtract:
            if values[1] == 0 { return x[0] }
            if values[0] == 0 { return try -x[1] }
            if let inner = x[1].made(by: .negate) { return try x[0] + inner[0] }
        case .multiply:
            if let value = values[1] { return try scale(x[0], value) }
            if let value = values[0] { return try scale(x[1], value) ?? x[1] * value }
        case .divide:
            if values[1] == 1 { return x[0] }
        case .negate:
            if let inner = x[0].made(by: .negate) { return inner[0] }
            if let inner = x[0].made(by: .subtract) { return try inner[1] - inner[0] }
            if let inner = x[0].made(by: .multiply), let value = inner[1].uniformValue { return try inner[0] * -value }
        case .select:
            if let condition = values[0] { return condition != 0 ? x[1] : x[2] }
            if x[1].id == x[2].id { return x[1] }
        default: break
        }
        return nil
    }

    /// x · value, simpler than that; nil if it is not.
    private func scale(_ x: Tensor, _ value: Float) throws -> Tensor? {
        if value == 1 { return x }
        if value == -1 { return try -x }
        if let inner = x.made(by: .multiply), let factor = inner[1].uniformValue {
            return try inner[0] * (factor * value)
        }
        return nil
    }

    /// Pointwise operations broadcast their operands themselves.
    private func withoutBroadcasts(_ operation: Pointwise, _ inputs: [Tensor], _ shape: Shape) throws -> Tensor? {
        var result = inputs
        for index in inputs.indices {
            guard let operand = inputs[index].made(by: Broadcast.self)?.inputs[0] else { continue }
            var candidate = result
            candidate[index] = operand
            if try operation.outputShape(of: candidate.map(\.shape)) == shape { result = candidate }
        }
        return result.map(\.id) == inputs.map(\.id) ? nil : try inputs[0].graph.apply(operation, to: result)
    }

    /// A number goes through the gradient of softmax to where it can be an epilogue.
    private func scaledSoftmaxGradient(
        _ operation: Pointwise, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter
    ) throws -> Tensor? {
        guard operation.function == .multiply, let scale = inputs[1].uniformValue,
            rewriter.inner(rewriter.source.nodes[id].inputs[0], as: SoftmaxGradient.self) != nil,
            let (gradient, operands) = inputs[0].made(by: SoftmaxGradient.self)
        else { return nil }
        return try rewriter.target.apply(gradient, to: [operands[0], operands[1] * scale])
    }

    /// A sum over repeated elements is a product.
    private func reduce(_ operation: Reduce, _ x: Tensor, _ shape: Shape) throws -> Tensor? {
        if x.shape == shape { return x }
        guard let (broadcast, inputs) = x.made(by: Broadcast.self) else { return nil }
        let repeated = Set(inputs[0].shape.broadcastAxes(in: broadcast.shape))
        guard !repeated.isDisjoint(with: operation.axes) else { return nil }
        let terms = operation.axes.filter(repeated.contains).reduce(1) { $0 * broadcast.shape[$1] }
        let axes = operation.axes.filter { !repeated.contains($0) }
        let operand = try inputs[0].reshape(to: inputs[0].shape.padded(toRank: x.rank))
        switch operation.kind {
        case .sum: return try operand.sum(axes: axes, keepDims: true) * Float(terms)
        case .maximum: return try operand.max(axes: axes, keepDims: true)
        }
    }

    private func reshape(_ operation: Reshape, _ x: Tensor) throws -> Tensor? {
        if x.shape == operation.shape { return x }
        return try x.made(by: Reshape.self)?.inputs[0].reshape(to: operation.shape)
    }

    private func transpose(_ operation: Transpose, _ x: Tensor, _ shape: Shape) throws -> Tensor? {
        // Moving dimensions of 1 moves no element.
        let moved = operation.permutation.filter { x.shape[$0] != 1 }
        if moved == moved.sorted() { return try x.reshape(to: shape) }
        guard let (inner, inputs) = x.made(by: Transpose.self) else { return nil }
        return try inputs[0].transpose(operation.permutation.map { inner.permutation[$0] })
    }

    /// Matrix products read their operands transposed.
    private func matrixProduct(_ operation: MatrixProduct, _ inputs: [Tensor], _ graph: Graph) throws -> Tensor? {
        func transposed(_ x: Tensor) -> Tensor? {
            guard let (inner, inputs) = x.made(by: Transpose.self), x.rank >= 2 else { return nil }
            let swap = Array(0..<x.rank - 2) + [x.rank - 1, x.rank - 2]
            return inner.permutation == swap ? inputs[0] : nil
        }
        let (a, b) = (transposed(inputs[0]), transposed(inputs[1]))
        guard a != nil || b != nil else { return nil }
        let flipped = MatrixProduct(
            transposeA: operation.transposeA != (a != nil), transposeB: operation.transposeB != (b != nil))
        return try graph.apply(flipped, to: [a ?? inputs[0], b ?? inputs[1]])
    }
}
