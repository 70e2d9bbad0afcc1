import MetaformerGraph
import Testing

@Suite("The plan of memory for convolutions that are run as one")
struct BottlenecksTests {
    /// An inverted bottleneck over [1, 16, size, size], and the instructions of its program that ran by themselves.
    private func timings(size: Int, isResidual: Bool, isWatched: Bool = false) throws -> [String] {
        let graph = Graph()
        func normalized(_ x: Tensor, _ name: String) throws -> Tensor {
            let shape: Shape = [1, x.shape[1], 1, 1]
            return try x * graph.variable("\(name).scale", shape) + graph.variable("\(name).shift", shape)
        }
        func limited(_ x: Tensor) throws -> Tensor { try minimum(relu(x), graph.constant(6)) }
        let x = try relu(graph.input("x", [1, 16, size, size]))
        let expanded = try limited(normalized(conv2d(x, graph.variable("e", [48, 16, 1, 1])), "e"))
        let filtered = try limited(
            normalized(conv2d(expanded, graph.variable("d", [48, 1, 3, 3]), padding: Padding(1), groups: 48), "d"))
        var y = try normalized(conv2d(filtered, graph.variable("p", [16, 48, 1, 1])), "p")
        if isResidual { y = try y + x }
        var outputs = [("y", y)]
        if isWatched { outputs.append(("mean", try expanded.mean())) }
        let program = try Program(graph: graph, outputs: outputs)
        let runner = try Runner(program: program.data, threads: 1)
        try runner.bindRemaining()
        runner.setTiming(true)
        try runner.run()
        return runner.timings.map(\.operation)
    }

    @Test("what a large one reads stays until its end, a residual too", arguments: [false, true])
    func large(isResidual: Bool) throws {
        #expect(try timings(size: 128, isResidual: isResidual).filter { $0 == "convolution" }.count == 1)
    }

    @Test("one whose parts stay in the caches runs part by part") func small() throws {
        #expect(try timings(size: 32, isResidual: true).filter { $0 == "convolution" }.count == 3)
    }

    @Test("what something else reads is made") func watched() throws {
        #expect(try timings(size: 128, isResidual: true, isWatched: true).filter { $0 == "convolution" }.count == 2)
    }
}
