import Testing

@testable import MetaformerGraph

@Suite("Programs compute what graphs compute")
struct ProgramTests {
    static let optionSets: [Program.Options] = [
        [], .all, [.simplification], [.attentionFusion], [.pointwiseFusion], [.reductionFusion], [.epilogueFusion],
        [.scheduling], [.inPlace], [.pointwiseFusion, .reductionFusion, .epilogueFusion],
    ]

    /// Value, gradients and Hessian-vector products of a case as one program, under every choice of passes.
    @Test("value, gradient and Hessian", arguments: OperationCase.all)
    func programMatchesGraph(_ test: OperationCase) throws {
        let (graph, variables, output, values) = try test.instance()
        let loss = try (square(output) * output).sum()
        let gradients = try gradient(of: loss, withRespectTo: variables)
        let products = try hessianVectorProduct(of: loss, withRespectTo: variables, vectors: variables)
        var outputs: [(name: String, tensor: Tensor)] = [("y", output), ("loss", loss)]
        for (index, tensor) in gradients.enumerated() { outputs.append(("g\(index)", tensor)) }
        for (index, tensor) in products.enumerated() { outputs.append(("h\(index)", tensor)) }
        let expected = try graph.evaluate(outputs.map(\.tensor), variables: values)
        for options in ProgramTests.optionSets {
            let program = try Program(graph: graph, outputs: outputs, options: options)
            let result = try ProgramInterpreter.run(program, of: graph, variables: values)
            for ((name, _), values) in zip(outputs, expected) {
                let actual = try #require(result.outputs[name])
                #expect(relativeError(actual, values) <= 1e-6, "\(name) with options \(options.rawValue)")
            }
        }
    }
}
