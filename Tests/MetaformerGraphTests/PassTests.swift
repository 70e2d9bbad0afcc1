import Testing

@testable import MetaformerGraph

extension Program {
    /// The opcodes of the instructions, in order.
    var opcodes: [Opcode] {
        get throws { try Inspection(data).instructions.map(\.opcode) }
    }
}

@Suite("Passes do what they say")
struct PassTests {
    private func program(_ output: Tensor, _ options: Program.Options = .all) throws -> Program {
        try Program(graph: output.graph, outputs: [("y", output)], options: options)
    }

    /// Compiles with and without the passes, compares the results, and returns the optimised program.
    private func checked(_ outputs: Tensor..., inputs: Values, variables: Values = [:]) throws -> Program {
        let named = outputs.enumerated().map { (name: "y\($0)", tensor: $1) }
        let graph = outputs[0].graph
        let program = try Program(graph: graph, outputs: named)
        let result = try ProgramInterpreter.run(program, of: graph, inputs: inputs, variables: variables)
        let expected = try graph.evaluate(outputs, inputs: inputs, variables: variables)
        for (index, values) in expected.enumerated() {
            let actual = try #require(result.outputs["y\(index)"])
            #expect(relativeError(actual, values) < 1e-6)
        }
        return program
    }

    private func numbers(_ count: Int, seed: UInt64 = 1) -> [Double] {
        var generator = SplitMix(state: seed)
        return generator.values(count)
    }

    // MARK: Graph

    @Test("dead code is left out") func deadCode() throws {
        let graph = Graph()
        let x = try graph.input("x", [2])
        _ = try softmax(graph.input("unused", [3]))
        let inspection = try Program.Inspection(program(exp(x)).data)
        #expect(inspection.instructions.count == 1)
        #expect(inspection.buffers.compactMap(\.name) == ["x", "y"])
    }

    @Test("equal operations are computed once") func commonSubexpressions() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 4])
        let y = try concatenate([softmax(x), softmax(x)], axis: 0)
        #expect(try program(y).opcodes == [.softmax, .concatenate])
        #expect(try program(y, []).opcodes == [.softmax, .softmax, .concatenate])
    }

    @Test("constants are folded, and large ones are not made") func constantFolding() throws {
        let graph = Graph()
        let x = try graph.input("x", [2])
        let c = try matmul(graph.constant([1, 2, 3, 4], [2, 2]), graph.constant([1, 1], [2, 1])).reshape(to: [2])
        let folded = try Program.Inspection(checked(x + c, inputs: ["x": [1, 2]]).data)
        #expect(folded.instructions.map(\.opcode) == [.pointwise])
        #expect(folded.constants == [3, 7])

        let large = try softmax(x + graph.full(2, [100_000, 2]))
        #expect(try Program.Inspection(program(large).data).constants.count <= 1)
    }

    @Test(
        "identities",
        arguments: [
            { try $0 * 1 }, { try $0 + 0 }, { try $0 - 0 }, { try $0 / 1 }, { try -(-$0) }, { try 0 - (0 - $0) },
            { try $0 + $0.graph.full(0, [2, 3]) }, { try $0 * $0.graph.full(1, [3]) }, { try $0 * 2 * 0.5 },
            { try $0.transpose([1, 0]).transpose([1, 0]) }, { try $0.reshape(to: [6]).reshape(to: [2, 3]) },
            { try $0.slice(from: [0, 0], shape: [2, 3]) }, { try $0.pad(before: [0, 0], after: [0, 0]) },
            { try concatenate([$0], axis: 0) }, { try $0.sum(axes: []) }, { try $0 - (-$0) - $0 * 0 },
            { try select($0.graph.constant(1), $0, exp($0)) },
        ] as [@Sendable (Tensor) throws -> Tensor])
    func identities(_ make: @Sendable (Tensor) throws -> Tensor) throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 3])
        // All that is left is the product that keeps the tensor apart from its input.
        let program = try checked(make(x) * 3, inputs: ["x": [1, -2, 3, 4, -5, 6]])
        let instruction = try #require(Program.Inspection(program.data).instructions.first)
        #expect(program.plan.instructionCount == 1)
        let functions = instruction.expression?.steps.map(\.function) ?? []
        #expect(functions.allSatisfy { $0 == .constant || $0 == .multiply || $0 == .add || $0 == .subtract })
        #expect(functions.count <= 4)
    }

    @Test("a sum over repeated elements is a product") func sumOfBroadcast() throws {
        let graph = Graph()
        let x = try graph.input("x", [3, 1])
        let y = try x.broadcast(to: [2, 3, 4]).sum(axes: [0, 2])
        let program = try checked(y, inputs: ["x": [1, 2, 3]])
        #expect(try program.opcodes == [.pointwise])
        #expect(program.plan.arenaBytes == 0)
    }

    @Test("transposition goes into the matrix product") func transposedProduct() throws {
        let graph = Graph()
        let a = try graph.input("a", [3, 2])
        let b = try graph.input("b", [4, 3])
        let y = try matmul(a.transpose([1, 0]), b.transpose([1, 0]))
        let program = try checked(y, inputs: ["a": numbers(6), "b": numbers(12)])
        let instruction = try #require(Program.Inspection(program.data).instructions.first)
        #expect(program.plan.instructionCount == 1)
        #expect(instruction.attributes == [1, 1])
    }

    @Test("frozen batch norm goes into the kernel", arguments: [false, true])
    func normalizationFolding(isTransposed: Bool) throws {
        let graph = Graph()
        let x = try graph.input("x", [1, 2, 4, 4])
        let kernel = try graph.constant(
            numbers(2 * 3 * 3 * 3).map(Float.init), isTransposed ? [2, 3, 3, 3] : [3, 2, 3, 3])
        let bias = try graph.constant([0.1, 0.2, 0.3], [3])
        let y = isTransposed ? try convTranspose2d(x, kernel, bias: bias) : try conv2d(x, kernel, bias: bias)
        let z = try batchNorm(
            y, mean: graph.constant([1, 2, 3], [3]), variance: graph.constant([1, 4, 9], [3]),
            weight: graph.constant([1, -1, 2], [3]), bias: graph.constant([0, 1, 2], [3]))
        let program = try checked(z, inputs: ["x": numbers(32)])
        let instruction = try #require(Program.Inspection(program.data).instructions.first)
        #expect(program.plan.instructionCount == 1)
        #expect(instruction.inputs.count == 3)
        #expect(instruction.expression?.steps.map(\.function) == [.add])
    }

    @Test("attention where nothing reads its inside") func attentionFusion() throws {
        let graph = Graph()
        let q = try graph.input("q", [2, 2, 3, 4])
        let k = try graph.input("k", [2, 2, 5, 4])
        let v = try graph.input("v", [2, 2, 5, 6])
        let weights = try softmax(matmul(q, k, transposeB: true) * 0.5)
        let y = try matmul(weights, v)
        let inputs: Values = ["q": numbers(48), "k": numbers(80, seed: 2), "v": numbers(120, seed: 3)]
        #expect(try checked(y, inputs: inputs).opcodes == [.attention])
        // The gradient needs the softmax.
        let derivative = try gradient(of: square(y).sum(), withRespectTo: [q])[0]
        #expect(try !checked(y, derivative, inputs: inputs).opcodes.contains(.attention))
        #expect(try !program(y, [.all.subtracting(.attentionFusion)]).opcodes.contains(.attention))
    }

    // MARK: Fusion

    @Test("a tree of pointwise operations is one instruction") func pointwiseTree() throws {
        let graph = Graph()
        let a = try graph.input("a", [2, 3, 4])
        let b = try graph.input("b", [3, 1])
        let y = try exp(a * b) + tanh(a - b) * (1 - b.broadcast(to: [2, 3, 4]))
        let program = try checked(y, inputs: ["a": numbers(24), "b": numbers(3)])
        let instruction = try #require(Program.Inspection(program.data).instructions.first)
        #expect(program.plan.instructionCount == 1)
        #expect(instruction.inputs.count == 2)
        #expect(try self.program(y, [.simplification]).plan.instructionCount == 8)
    }

    @Test("pointwise fusion goes through reshapes") func fusionThroughReshape() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 6])
        let c = try graph.input("c", [2, 1])
        let y = try exp(x + c).reshape(to: [2, 2, 3]) * 2
        let program = try checked(y, inputs: ["x": numbers(12), "c": numbers(2)])
        #expect(program.plan.instructionCount == 1)
    }

    @Test("a value with several readers stays in memory") func severalReaders() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 4])
        let e = try exp(x)
        let program = try checked(softmax(e), e + 1, inputs: ["x": numbers(8)])
        #expect(try program.opcodes.filter { $0 == .pointwise }.count == 2)
    }

    @Test("expressions keep to their limits") func limits() throws {
        let graph = Graph()
        let inputs = try (0..<40).map { try graph.input("x\($0)", [2]) }
        var sum = inputs[0]
        for input in inputs.dropFirst() { sum = try sum + input }
        for _ in 0..<150 { sum = try tanh(sum) }
        let values = Dictionary(uniqueKeysWithValues: (0..<40).map { ("x\($0)", numbers(2, seed: UInt64($0))) })
        let program = try checked(sum, inputs: values)
        #expect(program.plan.instructionCount > 2)
        for instruction in try Program.Inspection(program.data).instructions {
            #expect(instruction.inputs.count <= 16)
            #expect(try #require(instruction.expression).valueCount <= 128)
        }
    }

    @Test("a reduction evaluates what it reduces") func reductionPrologue() throws {
        let graph = Graph()
        let a = try graph.input("a", [2, 3, 4])
        let b = try graph.input("b", [4])
        let program = try checked(square(a - b).sum(axes: [1]), inputs: ["a": numbers(24), "b": numbers(4)])
        #expect(try program.opcodes == [.reduce])
        // The operands alone would not show how far to repeat.
        let y = try exp(b).broadcast(to: [3, 4]).sum(axes: [1])
        _ = try checked(y, inputs: ["b": numbers(4)])
    }

    @Test("epilogue of a convolution: bias, residual, activation, gate") func convolutionEpilogue() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 3, 4, 4])
        let w = try graph.variable("w", [3, 3, 3, 3])
        let b = try graph.variable("b", [3])
        let gate = try graph.input("gate", [2, 1, 4, 4])
        let y = try leakyReLU(conv2d(x, w, bias: b, padding: Padding(1)) + x) * gate
        let program = try checked(
            y, inputs: ["x": numbers(96), "gate": numbers(32)], variables: ["w": numbers(81), "b": numbers(3)])
        #expect(try program.opcodes == [.convolution])
    }

    @Test("an epilogue leaves alone what it cannot cover") func uncoveredEpilogue() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 3, 4, 4])
        let w = try graph.variable("w", [3, 3, 1, 1])
        let rows = try graph.input("rows", [4, 1])
        let program = try checked(
            conv2d(x, w) * rows, inputs: ["x": numbers(96), "rows": numbers(4)], variables: ["w": numbers(9)])
        #expect(try program.opcodes == [.convolution, .pointwise])
    }

    @Test("epilogues of products and normalisations") func otherEpilogues() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 3, 4])
        let w = try graph.variable("w", [4, 4])
        let b = try graph.variable("b", [4])
        let y = try layerNorm(relu(linear(x, w, bias: b)) + x, weight: b, bias: b)
        let program = try checked(y, inputs: ["x": numbers(24)], variables: ["w": numbers(16), "b": numbers(4)])
        #expect(try program.opcodes == [.matmul, .standardize])
    }

    @Test("of two convolutions that are added, the later takes the earlier") func addedConvolutions() throws {
        let graph = Graph()
        let x = try graph.input("x", [1, 2, 3, 3])
        let w = try graph.variable("w", [2, 2, 1, 1])
        let y = try conv2d(x, w) + conv2d(exp(x), w)
        let program = try checked(y, inputs: ["x": numbers(18)], variables: ["w": numbers(4)])
        #expect(try program.opcodes.filter { $0 == .convolution }.count == 2)
        #expect(program.plan.instructionCount == 3)
    }
}
