/// Applies a pointwise instruction to the result of a convolution, a matrix product or a standardization before that is
/// stored, where nothing else reads the result.
enum EpilogueFusion {
    static func run(on block: inout Block) {
        let results = block.results
        var readers: [Int: Set<Int>] = [:]
        var producers: [Int: Int] = [:]
        for (index, instruction) in block.instructions.enumerated() {
            producers[instruction.output.value] = index
            for operand in instruction.operands { readers[operand.value, default: []].insert(index) }
        }
        var removed: Set<Int> = []
        for index in block.instructions.indices where block.instructions[index].opcode == .pointwise {
            let pointwise = block.instructions[index]
            // The latest candidate: the others are then computed before it.
            let candidates = Set(pointwise.epilogueOperands.map(\.value)).filter {
                readers[$0] == [index] && !results.contains($0)
            }
            for producer in candidates.compactMap({ producers[$0] }).sorted(by: >) {
                guard let fused = fuse(pointwise, onto: block.instructions[producer], in: block) else { continue }
                // In the place of the pointwise instruction, where all that its expression reads has been computed.
                block.instructions[index] = fused
                removed.insert(producer)
                for operand in fused.operands { readers[operand.value, default: []].insert(index) }
                for operand in fused.operands { readers[operand.value]?.remove(producer) }
                break
            }
        }
        block.instructions = block.instructions.indices.filter { !removed.contains($0) }.map { block.instructions[$0] }
    }

    private static func fuse(
        _ pointwise: Block.Instruction, onto producer: Block.Instruction, in block: Block
    ) -> Block.Instruction? {
        guard producer.opcode.hasEpilogue, let inner = producer.expression, let outer = pointwise.expression
        else { return nil }
        let shape = producer.output.shape
        guard shape.count == pointwise.output.shape.count else { return nil }

        var builder = ExpressionBuilder<Block.Operand>()
        // Value 0 is the op's own result, for which its output stands in.
        let own = builder.input(producer.output)
        let result = builder.append(inner, [own] + producer.epilogueOperands.map { block.place($0, in: &builder) })
        var arguments: [ExpressionBuilder<Block.Operand>.Value] = []
        for extra in pointwise.epilogueOperands {
            if extra.value == producer.output.value {
                guard extra.shape.count == shape.count else { return nil }
                arguments.append(result)
            } else {
                guard let seen = extra.shape.seen(through: pointwise.output.shape, as: shape),
                    covers(seen, producer.opcode, producer.attributes, shape)
                else { return nil }
                arguments.append(block.place(Block.Operand(value: extra.value, shape: seen), in: &builder))
            }
        }
        let last = builder.append(outer, arguments)
        let expression = builder.expression()
        guard expression.inputCount <= Expression.maximumInputs, expression.valueCount <= Expression.maximumValues,
            builder.isLast(last)
        else { return nil }

        var fused = producer
        fused.epilogueOperands = Array(builder.inputs.dropFirst())
        fused.expression = expression
        fused.output = Block.Operand(value: pointwise.output.value, shape: shape)
        return fused
    }

    /// Whether an extra covers each of (batch, rows, columns) either wholly or with 1s.
    static func covers(_ extra: Shape, _ opcode: Opcode, _ attributes: [UInt32], _ output: Shape) -> Bool {
        guard extra.rank <= output.rank else { return false }
        let extra = extra.padded(toRank: output.rank)
        return opcode.epilogueParts(attributes: attributes, rank: output.rank).allSatisfy { part in
            extra[part] == output[part] || extra[part].count == 1
        }
    }
}
