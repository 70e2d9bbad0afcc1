import MetaformerGraph
import Testing

@testable import MetaformerModels

@Suite("Programs of the whole model")
struct ProgramTests {
    @Test("inference fuses attention and every epilogue") func inference() throws {
        let instance = try Instance(Metaformer(), samples: 1)
        let program = try Program(graph: instance.graph, outputs: [("reconstruction", instance.reconstruction.image)])
        let opcodes = try Program.Inspection(program.data).instructions.map(\.opcode)
        #expect(opcodes.filter { $0 == .attention }.count == 9)
        #expect(!opcodes.contains(.softmax))
        // Two stand alone: the product with the gate, after a transposition, and the bias of the bottleneck's way back, of
        // which each number is for a part of a matrix row.
        #expect(opcodes.filter { $0 == .pointwise }.count == 2)
        #expect(program.plan.arenaBytes < 32 << 20)
    }

    /// Loss, reconstruction, gradients and Hessian-vector products by the C engine.
    @Test("the engine agrees with the Double reference", arguments: MetaformerTests.models)
    func engine(_ model: Metaformer) throws {
        let instance = try Instance(model, spread: 0.2)
        let parameters = try instance.parameters
        var inputs = instance.inputs
        var generator = SplitMix64(seed: 6)
        let vectors = try instance.scope.parameters.map { parameter in
            inputs["v.\(parameter.name)"] = (0..<parameter.shape.count).map { _ in 2 * generator.nextUnit() - 1 }
            return try instance.graph.input("v.\(parameter.name)", parameter.shape)
        }
        let gradients = try gradient(of: instance.loss, withRespectTo: parameters)
        let products = try hessianVectorProduct(of: instance.loss, withRespectTo: parameters, vectors: vectors)
        let outputs =
            [("loss", instance.loss), ("reconstruction", instance.reconstruction.image)]
            + zip(instance.scope.parameters, gradients).map { ("g.\($0.name)", $1) }
            + zip(instance.scope.parameters, products).map { ("h.\($0.name)", $1) }
        let expected = try instance.graph.evaluate(
            outputs.map(\.1), inputs: inputs, variables: instance.variables)

        let runner = try Runner(program: Program(graph: instance.graph, outputs: outputs).data, threads: 2)
        for slot in runner.slots where slot.kind != .output {
            let values = try #require(inputs[slot.name] ?? instance.variables[slot.name])
            try runner.bind(slot.name, to: FloatBuffer(values.map(Float.init)))
        }
        try runner.bindRemaining()
        try runner.run()
        for ((name, _), values) in zip(outputs, expected) {
            let actual = try #require(runner.buffer(name)).values.map(Double.init)
            let scale = max(1e-2, values.map { abs($0) }.max() ?? 0)
            #expect(zip(actual, values).allSatisfy { abs($0 - $1) <= 1e-3 * scale }, "\(name)")
        }
    }

    @Test("the gradient of the whole model fits the memory of an inspection PC") func memory() throws {
        let instance = try Instance(Metaformer(), samples: 2)
        let gradients = try gradient(of: instance.loss, withRespectTo: instance.parameters)
        let outputs = zip(instance.scope.parameters, gradients).map { (name: "gradient.\($0.name)", tensor: $1) }
        let plan = try Program(graph: instance.graph, outputs: outputs).plan
        #expect(plan.arenaBytes < 160 << 20)
        #expect(plan.arenaBytes * 2 < plan.sumBytes)
        // No more than a hundredth above what any layout of this order needs.
        #expect(plan.arenaBytes * 100 <= plan.lowerBoundBytes * 101)
    }

    @Test("gradient and Hessian programs of the small model can be made", arguments: Metaformer.Mode.allCases)
    func training(_ mode: Metaformer.Mode) throws {
        let instance = try Instance(Small.metaformer(mode))
        let parameters = try instance.parameters
        let gradients = try gradient(of: instance.loss, withRespectTo: parameters)
        let sums = try instance.scope.parameters.map { try instance.graph.variable("sum.\($0.name)", $0.shape) }
        let updates = try zip(instance.scope.parameters, zip(sums, gradients)).map {
            (name: "sum.\($0.name)", tensor: try $1.0 + $1.1)
        }
        let program = try Program(graph: instance.graph, outputs: [("loss", instance.loss)], updates: updates)
        #expect(program.plan.arenaBytes < program.plan.sumBytes)
        #expect(program.plan.arenaBytes >= program.plan.lowerBoundBytes)

        let vectors = try instance.scope.parameters.map { try instance.graph.variable("v.\($0.name)", $0.shape) }
        let products = try hessianVectorProduct(of: instance.loss, withRespectTo: parameters, vectors: vectors)
        let outputs = zip(instance.scope.parameters, products).map { (name: "gradient.\($0.name)", tensor: $1) }
        let hessian = try Program(graph: instance.graph, outputs: outputs)
        #expect(hessian.plan.instructionCount > program.plan.instructionCount)
        #expect(hessian.plan.arenaBytes < hessian.plan.sumBytes)
    }
}
