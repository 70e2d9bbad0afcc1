/// Makes a convolution whose kernel is as large as the image, one output pixel an image, a matrix product: as a convolution
/// its input gradient would run over a kernel's width of zeros on every side.
struct WholeImageConvolution: RewriteRule {
    func rewrite(_ operation: any Operation, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter) throws -> Tensor? {
        let shape = rewriter.source.nodes[id].shape
        switch operation {
        case let forward as Convolution where covers(forward.geometry, x: inputs[0].shape, w: inputs[1].shape):
            return try matmul(rows(inputs[0]), rows(inputs[1]), transposeB: true).reshape(to: shape)
        case let gradient as ConvolutionInputGradient where covers(gradient.geometry, x: shape, w: inputs[1].shape):
            return try matmul(rows(inputs[0]), rows(inputs[1])).reshape(to: shape)
        case let gradient as ConvolutionWeightGradient where covers(gradient.geometry, x: inputs[0].shape, w: shape):
            return try matmul(rows(inputs[1]), rows(inputs[0]), transposeA: true).reshape(to: shape)
        default: return nil
        }
    }

    private func covers(_ geometry: ConvolutionGeometry, x: Shape, w: Shape) -> Bool {
        geometry.groups == 1 && geometry.padding == .none && x.dims.suffix(3) == w.dims.suffix(3)
    }

    /// The first axis as rows, all others as one.
    private func rows(_ tensor: Tensor) throws -> Tensor {
        try tensor.reshape(to: [tensor.shape[0], tensor.shape.count / tensor.shape[0]])
    }
}
