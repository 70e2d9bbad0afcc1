/// Instructions over values, before values have places in memory: what the fusing passes work on.
struct Block {
    /// What a value is, and hence where it can be stored.
    enum Value: Hashable {
        case computed
        case input(name: String)
        case variable(name: String)
        case constant([Float])

        var isComputed: Bool { self == .computed }
    }

    /// A value seen with these dimensions.
    struct Operand: Hashable {
        var value: Int
        var shape: Shape
    }

    struct Instruction {
        var opcode: Opcode
        /// What the op itself reads.
        var fixed: [Operand] = []
        var attributes: [UInt32] = []
        /// What its expression reads besides: with an epilogue, value 0 of the expression is the op's own result.
        var epilogueOperands: [Operand] = []
        var expression: Expression?
        var output: Operand

        var operands: [Operand] { fixed + epilogueOperands }
    }

    var values: [Value] = []
    var instructions: [Instruction] = []
    var outputs: [(name: String, operand: Operand)] = []
    var updates: [(name: String, operand: Operand)] = []

    /// The values that are stored for the caller.
    var results: Set<Int> { Set((outputs + updates).map(\.operand.value)) }

    mutating func add(_ value: Value) -> Int {
        values.append(value)
        return values.count - 1
    }

    /// Appends a copy of an operand to a new value.
    mutating func copy(_ operand: Operand) -> Operand {
        let output = Operand(value: add(.computed), shape: operand.shape)
        instructions.append(
            Instruction(opcode: .pointwise, epilogueOperands: [operand], expression: .identity, output: output))
        return output
    }

    /// The number of a single-element constant.
    func scalarConstant(_ value: Int) -> Float? {
        if case .constant(let values) = values[value], values.count == 1 { return values[0] }
        return nil
    }

    /// Puts an operand into an expression, a number as a constant step.
    func place(_ operand: Operand, in builder: inout ExpressionBuilder<Operand>) -> ExpressionBuilder<Operand>.Value {
        scalarConstant(operand.value).map { builder.constant($0) } ?? builder.input(operand)
    }
}

extension Block {
    /// Lowers the nodes that the results need.
    init(outputs: [(name: String, tensor: Tensor)], updates: [(name: String, tensor: Tensor)]) throws {
        guard let graph = (outputs + updates).first?.tensor.graph else { return }
        var operands: [Int: Operand] = [:]
        for id in graph.live((outputs + updates).map(\.tensor.id)) {
            operands[id] = lower(graph.nodes[id], operands)
        }
        // What is stored for the caller is always computed: a source gets a copy.
        func result(_ tensor: Tensor) -> Operand? {
            guard let operand = operands[tensor.id] else { return nil }
            let placed = Operand(value: operand.value, shape: tensor.shape)
            return values[operand.value].isComputed ? placed : copy(placed)
        }
        for (name, tensor) in outputs { result(tensor).map { self.outputs.append((name, $0)) } }
        for (name, tensor) in updates { result(tensor).map { self.updates.append((name, $0)) } }
    }

    private mutating func lower(_ node: Graph.Node, _ operands: [Int: Operand]) -> Operand? {
        switch node.source {
        case .input(let name): return Operand(value: add(.input(name: name)), shape: node.shape)
        case .variable(let name): return Operand(value: add(.variable(name: name)), shape: node.shape)
        case .constant(let values): return Operand(value: add(.constant(values)), shape: node.shape)
        case .operation(let operation, let ids):
            let inputs = ids.compactMap { operands[$0] }
            var instruction: Instruction
            switch operation.encoding(inputs: inputs.map(\.shape), output: node.shape) {
            case .alias: return Operand(value: inputs[0].value, shape: node.shape)
            case .pointwise(let expression):
                instruction = pointwise(expression, inputs, node.shape)
            case .instruction(let opcode, let attributes):
                instruction = Instruction(
                    opcode: opcode, attributes: attributes, output: Operand(value: 0, shape: node.shape))
                // An expression that is not the op's own result's reads all there is.
                if opcode.hasExpression, !opcode.hasEpilogue {
                    instruction.epilogueOperands = inputs
                } else {
                    instruction.fixed = inputs
                }
                instruction.expression = opcode.hasExpression ? .identity : nil
            }
            instruction.output.value = add(.computed)
            instructions.append(instruction)
            return instruction.output
        }
    }

    private func pointwise(_ expression: Expression, _ inputs: [Operand], _ shape: Shape) -> Instruction {
        var instruction = Instruction(
            opcode: .pointwise, epilogueOperands: inputs, expression: expression,
            output: Operand(value: 0, shape: shape))
        var builder = ExpressionBuilder<Operand>()
        _ = builder.append(expression, inputs.map { place($0, in: &builder) })
        // An instruction has at least one operand: numbers alone stay operands.
        if !builder.inputs.isEmpty {
            instruction.epilogueOperands = builder.inputs
            instruction.expression = builder.expression()
        }
        return instruction
    }
}
