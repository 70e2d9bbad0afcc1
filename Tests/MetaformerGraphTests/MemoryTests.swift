import Testing

@testable import MetaformerGraph

@Suite("Memory and results")
struct MemoryTests {
    /// A small network with branches, normalisation and attention, its loss and its gradients.
    private func network() throws -> (graph: Graph, outputs: [(name: String, tensor: Tensor)], values: Values) {
        let graph = Graph()
        let x = try graph.input("x", [2, 3, 8, 8])
        let w0 = try graph.variable("w0", [4, 3, 4, 4])
        let w1 = try graph.variable("w1", [4, 4, 3, 3])
        let w2 = try graph.variable("w2", [4, 3, 4, 4])
        let encoded = try leakyReLU(conv2d(x, w0, stride: 2, padding: Padding(1)))
        let residual = try relu(standardize(conv2d(encoded, w1, padding: Padding(1)), axes: 2) + encoded)
        let tokens = try residual.reshape(to: [2, 4, 16]).transpose([0, 2, 1])
        let mixed = try matmul(softmax(matmul(tokens, tokens, transposeB: true) * 0.5), tokens)
        let decoded = try sigmoid(
            convTranspose2d(
                mixed.transpose([0, 2, 1]).reshape(to: [2, 4, 4, 4]), w2, stride: 2, padding: Padding(1)))
        let loss = try square(decoded - x).mean()
        let gradients = try gradient(of: loss, withRespectTo: [w0, w1, w2])
        var generator = SplitMix(state: 5)
        let values: Values = [
            "w0": generator.values(192), "w1": generator.values(144), "w2": generator.values(192),
            "x": generator.values(384),
        ]
        let outputs = [("decoded", decoded), ("loss", loss)] + gradients.enumerated().map { ("g\($0)", $1) }
        return (graph, outputs, values)
    }

    @Test("a network and its gradients", arguments: ProgramTests.optionSets)
    func networkIsExact(_ options: Program.Options) throws {
        let (graph, outputs, values) = try network()
        let expected = try graph.evaluate(outputs.map(\.tensor), inputs: values, variables: values)
        let program = try Program(graph: graph, outputs: outputs, options: options)
        let result = try ProgramInterpreter.run(program, of: graph, inputs: values, variables: values)
        for ((name, _), values) in zip(outputs, expected) {
            #expect(relativeError(try #require(result.outputs[name]), values) < 1e-6, "\(name)")
        }
        #expect(program.plan.arenaBytes <= program.plan.sumBytes)
        #expect(program.plan.arenaBytes >= program.plan.lowerBoundBytes)
        #expect(program.plan.lowerBoundBytes > 0)
    }

    @Test("the passes save instructions and memory") func passesSave() throws {
        let (graph, outputs, _) = try network()
        let plain = try Program(graph: graph, outputs: outputs, options: []).plan
        let best = try Program(graph: graph, outputs: outputs).plan
        #expect(best.instructionCount * 5 < plain.instructionCount * 3)
        #expect(best.arenaBytes * 3 < plain.sumBytes)
        #expect(best.arenaBytes < plain.arenaBytes)
    }

    /// Values of the arena that are alive at once lie apart, except where an instruction works in place.
    @Test("live buffers lie apart", arguments: ProgramTests.optionSets)
    func liveBuffersLieApart(_ options: Program.Options) throws {
        let (graph, outputs, _) = try network()
        let program = try Program.Inspection(Program(graph: graph, outputs: outputs, options: options).data)
        func bytes(_ index: Int) -> Range<Int>? {
            let buffer = program.buffers[index]
            guard buffer.kind == .arena else { return nil }
            #expect(buffer.offset % 64 == 0)
            let end = buffer.offset + 4 * buffer.shape.count
            #expect(end <= program.arenaBytes)
            return buffer.offset..<end
        }
        // Each byte range that has been written and is still to be read, walking backwards.
        var live: [Range<Int>: Int] = [:]
        for instruction in program.instructions.reversed() {
            let output = bytes(instruction.output)
            if let output { live[output] = nil }
            for (position, operand) in instruction.inputs.enumerated() {
                guard let range = bytes(operand) else { continue }
                live[range] = operand
                guard let output, output.overlaps(range) else { continue }
                #expect(instruction.opcode.allowsInPlace(operand: position))
                #expect(output == range && operand == instruction.output)
            }
            for range in live.keys where output?.overlaps(range) == true {
                #expect(instruction.inputs.contains { bytes($0) == range }, "\(range) is overwritten while needed")
            }
        }
        #expect(live.isEmpty, "\(live) is read before it is written")
    }

    @Test("the arena layout is tight and never overlaps") func layout() {
        var generator = SplitMix(state: 11)
        for _ in 0..<20 {
            let allocations = (0..<30).map { _ in
                let start = Int(generator.uniform(in: 0...40))
                let end = start + Int(generator.uniform(in: 0...10))
                return (lifetime: start...end, count: 1 + Int(generator.uniform(in: 0...200)))
            }
            let layout = ArenaLayout(allocations)
            let sum = allocations.reduce(0) { $0 + ArenaLayout.aligned(4 * $1.count) }
            #expect(layout.byteCount <= sum)
            #expect(layout.byteCount >= layout.lowerBound)
            for (i, a) in allocations.enumerated() {
                #expect(layout.offsets[i] % 64 == 0)
                for (j, b) in allocations.enumerated().dropFirst(i + 1) where a.lifetime.overlaps(b.lifetime) {
                    let first = layout.offsets[i]..<layout.offsets[i] + 4 * a.count
                    #expect(!first.overlaps(layout.offsets[j]..<layout.offsets[j] + 4 * b.count))
                }
            }
        }
    }

    @Test("an operand of the op itself is not overwritten, even where its epilogue could") func operandTwice() throws {
        let graph = Graph()
        let x = try graph.input("x", [4, 4])
        let e = try exp(x)
        let product = try matmul(e, graph.variable("m", [4, 4]))
        let program = try Program(graph: graph, outputs: [("y", softmax(product + e))])
        #expect(try program.opcodes == [.pointwise, .matmul, .softmax])
        let values = (0..<16).map { Double($0) / 16 }
        _ = try ProgramInterpreter.run(program, of: graph, inputs: ["x": values], variables: ["m": values])
        #expect(program.plan.arenaBytes == 128)
    }

    // MARK: Updates

    @Test("Adam in place: three instructions, no arena") func adam() throws {
        let graph = Graph()
        let g = try graph.input("g", [3])
        let (p, m, v) = try (graph.variable("p", [3]), graph.variable("m", [3]), graph.variable("v", [3]))
        let newM = try 0.9 * m + 0.1 * g
        let newV = try 0.99 * v + 0.01 * square(g)
        let newP = try p - 0.1 * newM / (sqrt(newV) + 1e-8)
        let program = try Program(graph: graph, outputs: [], updates: [("p", newP), ("m", newM), ("v", newV)])
        #expect(program.plan.instructionCount == 3)
        #expect(program.plan.arenaBytes == 0)
        let values: Values = ["p": [1, 2, 3], "m": [0.1, 0, 0], "v": [0.5, 0.2, 0.1]]
        let result = try ProgramInterpreter.run(program, of: graph, inputs: ["g": [1, -1, 2]], variables: values)
        let expected = try graph.evaluate([newP, newM, newV], inputs: ["g": [1, -1, 2]], variables: values)
        for (name, values) in zip(["p", "m", "v"], expected) {
            #expect(relativeError(try #require(result.variables[name]), values) < 1e-9)
        }
    }

    @Test("a gradient is added in the convolution's epilogue") func accumulation() throws {
        let graph = Graph()
        let x = try graph.input("x", [1, 2, 4, 4])
        let w = try graph.variable("w", [2, 2, 3, 3])
        let sum = try graph.variable("sum", [2, 2, 3, 3])
        let loss = try square(conv2d(x, w)).sum()
        let update = try sum + gradient(of: loss, withRespectTo: [w])[0]
        let program = try Program(graph: graph, outputs: [], updates: [("sum", update)])
        let last = try #require(Program.Inspection(program.data).instructions.last)
        #expect(last.opcode == .convolutionWeightGradient)
        #expect(last.inputs.last == last.output)
    }

    @Test("updates read old values, whatever their order", arguments: [false, true])
    func swap(isReversed: Bool) throws {
        let graph = Graph()
        let (a, b) = try (graph.variable("a", [2]), graph.variable("b", [2]))
        var updates: [(name: String, tensor: Tensor)] = [("a", b), ("b", a)]
        if isReversed { updates.reverse() }
        let program = try Program(graph: graph, outputs: [("old", a), ("sum", a + b)], updates: updates)
        let result = try ProgramInterpreter.run(program, of: graph, variables: ["a": [1, 2], "b": [3, 4]])
        #expect(result.variables == ["a": [3, 4], "b": [1, 2]])
        #expect(result.outputs == ["old": [1, 2], "sum": [4, 6]])
    }

    @Test("an old value that is read later is not overwritten") func lateRead() throws {
        let graph = Graph()
        let a = try graph.variable("a", [2, 2])
        // The update is ready before the product reads the old value and the update.
        let update = try a + 1
        let product = try matmul(update, a)
        let program = try Program(graph: graph, outputs: [("y", product)], updates: [("a", update)])
        let result = try ProgramInterpreter.run(program, of: graph, variables: ["a": [1, 2, 3, 4]])
        #expect(result.outputs["y"] == [11, 16, 19, 28])
        #expect(result.variables["a"] == [2, 3, 4, 5])
    }

    @Test("one value for many results, and sources as results") func sharedResults() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 3])
        let a = try graph.variable("a", [2, 3])
        let y = try exp(x)
        let program = try Program(
            graph: graph,
            outputs: [
                ("y", y), ("again", y), ("flat", y.reshape(to: [6])), ("copy", x.reshape(to: [3, 2])),
                ("zero", graph.full(0, [2])), ("old", a),
            ], updates: [("a", y)])
        let values = [0, 1, -1, 2, 0.5, -0.5]
        let result = try ProgramInterpreter.run(
            program, of: graph, inputs: ["x": values], variables: ["a": [1, 2, 3, 4, 5, 6]])
        let expected = try graph.evaluate([y], inputs: ["x": values])[0]
        for name in ["y", "again", "flat"] { #expect(result.outputs[name] == expected) }
        #expect(result.outputs["copy"] == values)
        #expect(result.outputs["zero"] == [0, 0])
        #expect(result.outputs["old"] == [1, 2, 3, 4, 5, 6])
        #expect(result.variables["a"] == expected)
    }
}
