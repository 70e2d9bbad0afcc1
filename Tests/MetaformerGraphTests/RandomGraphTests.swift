import Testing

@testable import MetaformerGraph

/// Random graphs: passes meet each other in ways that nobody thinks of.
@Suite("Random graphs")
struct RandomGraphTests {
    private struct Builder {
        let graph = Graph()
        var generator: SplitMix
        var tensors: [Tensor] = []

        init(seed: UInt64) throws {
            generator = SplitMix(state: seed)
            tensors = try [
                graph.input("x", [2, 3, 4]), graph.input("y", [3, 4]), graph.input("z", [2, 3, 4, 4]),
                graph.variable("w", [3, 3, 1, 1]), graph.variable("v", [4]), graph.variable("m", [4, 4]),
                graph.constant([0.5, -1, 2, 0.25], [4]), graph.full(2, [3, 4]), graph.constant(0),
            ]
        }

        mutating func pick(_ count: Int) -> Int { min(Int(generator.uniform(in: 0...Double(count))), count - 1) }
        mutating func pickTensor(where predicate: (Shape) -> Bool = { _ in true }) -> Tensor {
            let candidates = tensors.filter { predicate($0.shape) }
            return candidates.isEmpty ? tensors[0] : candidates[pick(candidates.count)]
        }

        /// One more tensor, with bounded values.
        mutating func grow() throws {
            let x = pickTensor()
            let other = pickTensor { $0.broadcast(with: x.shape) != nil }
            let axis = x.rank > 0 ? pick(x.rank) : 0
            let result: Tensor
            switch pick(18) {
            case 0: result = try tanh(x + other)
            case 1: result = try sigmoid(x) * other
            case 2: result = try x - other
            case 3: result = try maximum(x, other)
            case 4: result = try leakyReLU(x)
            case 5: result = try select(greater(x, other), -x, other * 0.5)
            case 6: result = try x.mean(axes: x.rank > 0 ? [axis] : [], keepDims: pick(2) == 0)
            case 7: result = try square(x).mean(axes: x.rank > 0 ? [axis] : [], keepDims: true)
            case 8: result = try x.rank > 0 ? softmax(x) : exp(-square(x))
            case 9: result = try x.reshape(to: [x.shape.count])
            case 10: result = try x.rank > 1 ? x.reshape(to: Shape([1] + x.shape.dims.reversed())) : x * 0.5
            case 11: result = try x.transpose(Array((0..<x.rank).reversed()))
            case 12:
                let a = pickTensor { $0.rank >= 2 && $0[$0.rank - 1] == 4 }
                result = try matmul(a, graph.variable("m", [4, 4]), transposeB: pick(2) == 0) * 0.5
            case 13:
                let image = pickTensor { $0.rank == 4 && $0[1] == 3 }
                result =
                    try image.rank == 4
                    ? conv2d(image, graph.variable("w", [3, 3, 1, 1])) * 0.5 : abs(image)
            case 14: result = try x.rank > 0 ? standardize(x, axes: 1, epsilon: 0.1) : x + 1
            case 15: result = try x.rank > 0 && x.shape[axis] > 1 ? x.slice(axis: axis, 1..<x.shape[axis]) : -x
            case 16: result = try x.rank > 0 ? concatenate([x, tanh(x)], axis: axis) : x * x
            default: result = try x.rank < 4 ? x.broadcast(to: Shape([2] + x.shape.dims)) : x * 1
            }
            // A bound on sizes and values.
            if result.shape.count <= 400 { tensors.append(try tanh(result)) }
        }
    }

    @Test("programs agree with graphs", arguments: 0..<60)
    func agreement(_ seed: Int) throws {
        var builder = try Builder(seed: UInt64(seed))
        for _ in 0..<25 { try builder.grow() }
        let graph = builder.graph
        let variables = [("w", [3, 3, 1, 1]), ("v", [4]), ("m", [4, 4])] as [(String, Shape)]
        let chosen = (0..<3).map { _ in builder.pickTensor() } + [builder.tensors[builder.tensors.count - 1]]
        let loss = try chosen.map { try square($0 + 0.3).sum() }.reduce(graph.constant(0)) { try $0 + $1 }
        let parameters = try variables.map { try graph.variable($0.0, $0.1) }
        let gradients = try gradient(of: loss, withRespectTo: parameters)
        var outputs = chosen.enumerated().map { (name: "out\($0)", tensor: $1) }
        outputs.append(("loss", loss))
        let updates = try zip(variables, zip(parameters, gradients)).map {
            (name: $0.0, tensor: try $1.0 - 0.1 * $1.1)
        }

        var values: Values = [:]
        for (name, count) in [("x", 24), ("y", 12), ("z", 96), ("w", 9), ("v", 4), ("m", 16)] {
            values[name] = builder.generator.values(count)
        }
        let expected = try graph.evaluate((outputs + updates).map(\.tensor), inputs: values, variables: values)
        for options in [Program.Options.all, [], .all.subtracting(.simplification), .all.subtracting(.scheduling)] {
            let program = try Program(graph: graph, outputs: outputs, updates: updates, options: options)
            let result = try ProgramInterpreter.run(program, of: graph, inputs: values, variables: values)
            let actual = outputs.map { result.outputs[$0.name] } + updates.map { result.variables[$0.name] }
            for (index, pair) in zip(actual, expected).enumerated() {
                #expect(relativeError(try #require(pair.0), pair.1) < 1e-5, "result \(index), \(options.rawValue)")
            }
            #expect(program.plan.arenaBytes >= program.plan.lowerBoundBytes)
        }
    }
}
