import Testing

@testable import MetaformerGraph

@Suite("The engine computes what graphs compute")
struct EngineTests {
    /// Value, gradients and Hessian-vector products of a case, by every set of kernels, against the Double reference.
    @Test("value, gradient and Hessian", arguments: OperationCase.all)
    func engineMatchesGraph(_ test: OperationCase) throws {
        let (graph, variables, output, values) = try test.instance()
        let loss = try (square(output) * output).sum()
        let gradients = try gradient(of: loss, withRespectTo: variables)
        let products = try hessianVectorProduct(of: loss, withRespectTo: variables, vectors: variables)
        var outputs: [(name: String, tensor: Tensor)] = [("y", output), ("loss", loss)]
        for (index, tensor) in gradients.enumerated() { outputs.append(("g\(index)", tensor)) }
        for (index, tensor) in products.enumerated() { outputs.append(("h\(index)", tensor)) }
        let expected = try graph.evaluate(outputs.map(\.tensor), variables: values)
        for options in [[], .all] as [Program.Options] {
            let program = try Program(graph: graph, outputs: outputs, options: options)
            for set in InstructionSet.available {
                let runner = try Runner(program: program.data, threads: 2, instructionSet: set)
                for slot in runner.slots where slot.kind == .variable {
                    let value = try #require(values[slot.name])
                    try runner.bind(slot.name, to: FloatBuffer(value.map(Float.init)))
                }
                try runner.bindRemaining()
                try runner.run()
                for ((name, _), values) in zip(outputs, expected) {
                    let actual = try #require(runner.buffer(name)).values.map(Double.init)
                    #expect(relativeError(actual, values) <= 2e-5, "\(name) on \(set), options \(options.rawValue)")
                }
            }
        }
    }
}
