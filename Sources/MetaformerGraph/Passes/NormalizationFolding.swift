/// Moves the constant scale of each channel (frozen batch normalisation) into the constant kernel of the convolution
/// before it, which must have no other reader.
struct NormalizationFolding: RewriteRule {
    func rewrite(_ operation: any Operation, _ inputs: [Tensor], at id: Int, in rewriter: Rewriter) throws -> Tensor? {
        guard (operation as? Pointwise)?.function == .multiply else { return nil }
        let operands = rewriter.source.nodes[id].inputs
        for (x, scale) in [(0, 1), (1, 0)] where inputs[scale].constantValues != nil {
            if let result = try scaled(operands[x], by: inputs[scale], rewriter) { return result }
        }
        return nil
    }

    /// (convolution [+ constant]) · scale with the scale in the kernel.
    private func scaled(_ id: Int, by scale: Tensor, _ rewriter: Rewriter) throws -> Tensor? {
        if let (operation, inputs) = rewriter.inner(id, as: Pointwise.self), operation.function == .add {
            guard let offset = rewriter.copies[inputs[1]], offset.constantValues != nil,
                let product = try scaled(inputs[0], by: scale, rewriter)
            else { return nil }
            return try product + offset * scale
        }
        if let (convolution, inputs) = rewriter.inner(id, as: Convolution.self) {
            return try fold(convolution, inputs, scale, channelAxis: 0, id, rewriter)
        }
        if let (convolution, inputs) = rewriter.inner(id, as: ConvolutionInputGradient.self),
            convolution.geometry.groups == 1
        {
            return try fold(convolution, inputs, scale, channelAxis: 1, id, rewriter)
        }
        return nil
    }

    private func fold(
        _ convolution: some Operation, _ inputs: [Int], _ scale: Tensor, channelAxis: Int, _ id: Int,
        _ rewriter: Rewriter
    ) throws -> Tensor? {
        guard let x = rewriter.copies[inputs[0]], let kernel = rewriter.copies[inputs[1]], kernel.constantValues != nil
        else { return nil }
        let channels = rewriter.source.nodes[id].shape[1]
        let perChannel = scale.shape.padded(toRank: 4)
        guard perChannel == [1, channels, 1, 1] || scale.shape.count == 1 else { return nil }
        var dims = [1, 1, 1, 1]
        dims[channelAxis] = scale.shape.count
        return try rewriter.target.apply(convolution, to: [x, kernel * scale.reshape(to: Shape(dims))])
    }
}
