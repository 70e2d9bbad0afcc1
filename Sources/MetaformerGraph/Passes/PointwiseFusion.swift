/// Computes pointwise results where they are read: chains and trees of pointwise instructions become one expression,
/// and a reduction evaluates the expression that it reduces.
///
/// A value with several readers stays in memory, unless it is so cheap that each of them may compute it.
struct PointwiseFusion {
    var intoPointwise = true
    var intoReductions = true

    private var block: Block
    /// The instruction that computes each value.
    private var producers: [Int: Int] = [:]
    /// The instructions that read each value.
    private var consumers: [Int: Set<Int>] = [:]
    private var removed: Set<Int> = []
    private let results: Set<Int>

    static func run(on block: inout Block, intoPointwise: Bool, intoReductions: Bool) {
        var fusion = PointwiseFusion(block)
        fusion.intoPointwise = intoPointwise
        fusion.intoReductions = intoReductions
        for index in block.instructions.indices { while fusion.absorbOne(into: index) {} }
        fusion.block.instructions = fusion.block.instructions.indices
            .filter { !fusion.removed.contains($0) }.map { fusion.block.instructions[$0] }
        block = fusion.block
    }

    private init(_ block: Block) {
        self.block = block
        results = block.results
        for (index, instruction) in block.instructions.enumerated() {
            producers[instruction.output.value] = index
            for operand in instruction.operands { consumers[operand.value, default: []].insert(index) }
        }
    }

    /// Absorbs one operand of an instruction, if it can.
    private mutating func absorbOne(into index: Int) -> Bool {
        let consumer = block.instructions[index]
        guard absorbs(consumer) else { return false }
        for value in Set(consumer.epilogueOperands.map(\.value)).sorted() {
            guard let producerIndex = producers[value] else { continue }
            let producer = block.instructions[producerIndex]
            guard producer.opcode == .pointwise, isWorthwhile(producer, into: consumer),
                let fused = fuse(producer, into: consumer)
            else { continue }
            replace(index, by: fused)
            return true
        }
        return false
    }

    private func absorbs(_ instruction: Block.Instruction) -> Bool {
        switch instruction.opcode {
        case .pointwise: intoPointwise
        case .reduce: intoReductions
        default: false
        }
    }

    private func isWorthwhile(_ producer: Block.Instruction, into consumer: Block.Instruction) -> Bool {
        guard let expression = producer.expression else { return false }
        if expression.isIdentity { return true }
        let value = producer.output.value
        let repeats = producer.output.shape.count < fullShape(consumer).count
        guard !repeats, !results.contains(value), let readers = consumers[value] else { return false }
        if readers.count == 1 { return true }

        // Several readers: each computes a step or two for itself, if its operand is in memory for others anyway.
        let large = producer.epilogueOperands.filter { $0.shape.count == producer.output.shape.count }
        return expression.steps.count { $0.function != .constant } <= 2
            && expression.steps.allSatisfy(\.function.isCheap)
            && readers.allSatisfy { absorbs(block.instructions[$0]) }
            && large.count == 1 && large.allSatisfy { isKept($0.value) }
    }

    private func isKept(_ value: Int) -> Bool {
        !block.values[value].isComputed || results.contains(value) || (consumers[value]?.count ?? 0) > 1
    }

    /// The shape over which an instruction evaluates its expression: a reduction has only its operands to tell.
    private func fullShape(_ instruction: Block.Instruction) -> Shape {
        guard instruction.opcode == .reduce else { return instruction.output.shape }
        return instruction.epilogueOperands.reduce(Shape.scalar) { $0.broadcast(with: $1.shape) ?? $0 }
    }

    private func fuse(_ producer: Block.Instruction, into consumer: Block.Instruction) -> Block.Instruction? {
        guard let inner = producer.expression, let outer = consumer.expression else { return nil }
        var builder = ExpressionBuilder<Block.Operand>()
        var arguments: [ExpressionBuilder<Block.Operand>.Value] = []
        for extra in consumer.epilogueOperands {
            guard extra.value == producer.output.value else {
                arguments.append(block.place(extra, in: &builder))
                continue
            }
            var innerArguments: [ExpressionBuilder<Block.Operand>.Value] = []
            for operand in producer.epilogueOperands {
                guard let shape = operand.shape.seen(through: producer.output.shape, as: extra.shape)
                else { return nil }
                let seen = Block.Operand(value: operand.value, shape: shape)
                innerArguments.append(block.place(seen, in: &builder))
            }
            arguments.append(builder.append(inner, innerArguments))
        }
        let result = builder.append(outer, arguments)
        let expression = builder.expression()
        guard (1...Expression.maximumInputs).contains(expression.inputCount),
            expression.valueCount <= Expression.maximumValues, builder.isLast(result)
        else { return nil }
        var fused = consumer
        fused.epilogueOperands = builder.inputs
        fused.expression = expression
        guard fullShape(fused) == fullShape(consumer) else { return nil }
        return fused
    }

    private mutating func replace(_ index: Int, by fused: Block.Instruction) {
        let old = Set(block.instructions[index].operands.map(\.value))
        let new = Set(fused.operands.map(\.value))
        block.instructions[index] = fused
        for value in new { consumers[value, default: []].insert(index) }
        for value in old.subtracting(new) { release(value, by: index) }
    }

    /// Notes that an instruction no longer reads a value, and drops what computed it for nobody else.
    private mutating func release(_ value: Int, by index: Int) {
        consumers[value]?.remove(index)
        guard consumers[value]?.isEmpty == true, !results.contains(value), let producer = producers[value]
        else { return }
        removed.insert(producer)
        for value in Set(block.instructions[producer].operands.map(\.value)) { release(value, by: producer) }
    }
}
