import TestSupport
import Testing

@testable import MetaformerGraph

@Suite("The engine computes what graphs compute")
struct EngineTests {
    /// A case's value, gradients and Hessian-vector products, compiled in a way, and their values in Double.
    private struct Compiled {
        let title: String
        let program: Program
        let variables: Values
        let expected: [(name: String, values: [Double])]
    }

    private func compile(_ test: OperationCase) throws -> [Compiled] {
        let (graph, variables, output, values) = try test.instance()
        let loss = try (square(output) * output).sum()
        let gradients = try gradient(of: loss, withRespectTo: variables)
        let products = try hessianVectorProduct(of: loss, withRespectTo: variables, vectors: variables)
        var outputs: [(name: String, tensor: Tensor)] = [("y", output), ("loss", loss)]
        for (index, tensor) in gradients.enumerated() { outputs.append(("g\(index)", tensor)) }
        for (index, tensor) in products.enumerated() { outputs.append(("h\(index)", tensor)) }
        let expected = try graph.evaluate(outputs.map(\.tensor), variables: values)
        return try [[], .all].map { (options: Program.Options) in
            Compiled(
                title: "\(test.testDescription), options \(options.rawValue)",
                program: try Program(graph: graph, outputs: outputs, options: options), variables: values,
                expected: Array(zip(outputs.map(\.name), expected)))
        }
    }

    private static let tolerance = 2e-5

    /// By every set of kernels, against the Double reference.
    @Test("value, gradient and Hessian", arguments: OperationCase.all)
    func engineMatchesGraph(_ test: OperationCase) throws {
        for compiled in try compile(test) {
            for set in InstructionSet.available {
                let runner = try Runner(program: compiled.program.data, threads: 2, instructionSet: set)
                for slot in runner.slots where slot.kind == .variable {
                    let value = try #require(compiled.variables[slot.name])
                    try runner.bind(slot.name, to: FloatBuffer(value.map(Float.init)))
                }
                try runner.bindRemaining()
                try runner.run()
                for (name, values) in compiled.expected {
                    let actual = try #require(runner.buffer(name)).values.map(Double.init)
                    #expect(
                        relativeError(actual, values) <= EngineTests.tolerance, "\(name) of \(compiled.title) on \(set)"
                    )
                }
            }
        }
    }

    /// For the replay on other processors.
    @Test("cases for other processors", .enabled(if: ReplayCases.folder != nil)) func writeCases() throws {
        var cases = ReplayCases()
        for compiled in try OperationCase.all.flatMap(compile) {
            let outputs = compiled.expected.map { name, values in
                let bound = EngineTests.tolerance * max(1e-3, values.map { Swift.abs($0) }.max() ?? 0)
                return ReplayCases.Output(name, values.map(Float.init), within: [Float(bound)])
            }
            cases.add(
                compiled.title, program: compiled.program.data,
                inputs: compiled.variables.mapValues { $0.map(Float.init) },
                outputs: outputs)
        }
        try cases.write("operations")
    }
}
