/// Makes softmax(scale · q kᵀ) v one instruction where nothing else reads what lies between.
struct AttentionFusion: RewriteRule {
    func rewrite(_ operation: any Operation, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter) throws -> Tensor? {
        let operands = rewriter.source.nodes[id].inputs
        guard let product = operation as? MatrixProduct, !product.transposeA, !product.transposeB,
            let softmax = rewriter.inner(operands[0], as: Softmax.self),
            let (scores, scale) = unscaled(softmax.inputs[0], rewriter),
            let (inner, factors) = rewriter.inner(scores, as: MatrixProduct.self), !inner.transposeA, inner.transposeB,
            let q = rewriter.copies[factors[0]], let k = rewriter.copies[factors[1]]
        else { return nil }
        let v = inputs[1]
        let leading = q.shape[0..<q.rank - 2]
        guard k.shape[0..<k.rank - 2] == leading, v.shape[0..<v.rank - 2] == leading else { return nil }
        let flat = { (x: Tensor) in
            try x.reshape(to: [leading.count, x.shape[x.rank - 2], x.shape[x.rank - 1]])
        }
        let attention = try rewriter.target.apply(Attention(scale: scale), to: [flat(q), flat(k), flat(v)])
        return try attention.reshape(to: rewriter.source.nodes[id].shape)
    }

    /// Takes a multiplication by a number off the scores.
    private func unscaled(_ id: Int, _ rewriter: Rewriter) -> (scores: Int, scale: Float)? {
        guard let (operation, inputs) = rewriter.inner(id, as: Pointwise.self) else { return (id, 1) }
        guard operation.function == .multiply else { return nil }
        if let scale = rewriter.uniform(inputs[1]) { return (inputs[0], scale) }
        if let scale = rewriter.uniform(inputs[0]) { return (inputs[1], scale) }
        return nil
    }
}
