import Testing

@testable import MetaformerGraph

@Suite("Derivatives against central finite differences")
struct DerivativeTests {
    /// A scalar with a curved dependence on the output: Σ c sin-like, here Σ c (y + y²/2 + y³/6).
    private func objective(_ output: Tensor) throws -> Tensor {
        var generator = SplitMix(state: 7)
        let weights = try output.graph.constant(
            generator.values(output.shape.count).map(Float.init), output.shape)
        let curve = try output + 0.5 * square(output) + output * square(output) / 6
        return try (weights * curve).sum()
    }

    /// Derivatives along a direction by central differences of `function`.
    private func difference(_ values: Values, along direction: Values, _ function: (Values) throws -> [Double])
        throws -> [Double]
    {
        let step = 1e-5
        func moved(_ sign: Double) -> Values {
            values.merging(direction) { value, change in zip(value, change).map { $0 + sign * step * $1 } }
        }
        return try zip(function(moved(1)), function(moved(-1))).map { ($0 - $1) / (2 * step) }
    }

    @Test("gradient", arguments: OperationCase.all)
    func gradientMatchesDifferences(_ test: OperationCase) throws {
        let (graph, variables, output, values) = try test.instance()
        let loss = try objective(output)
        let gradients = try gradient(of: loss, withRespectTo: variables)
        #expect(gradients.map(\.shape) == test.shapes)
        let analytic = try graph.evaluate(gradients, variables: values)
        for (index, shape) in test.shapes.enumerated() {
            let numeric = try (0..<shape.count).map { element in
                var unit = [Double](repeating: 0, count: shape.count)
                unit[element] = 1
                return try difference(values, along: ["v\(index)": unit]) {
                    try graph.evaluate([loss], variables: $0)[0]
                }[0]
            }
            #expect(relativeError(analytic[index], numeric) <= 1e-4, "operand \(index)")
        }
    }

    @Test("Hessian-vector product", arguments: OperationCase.all)
    func hessianMatchesDifferences(_ test: OperationCase) throws {
        let (graph, variables, output, values) = try test.instance()
        let loss = try objective(output)
        let gradients = try gradient(of: loss, withRespectTo: variables)
        var generator = SplitMix(state: 3)
        var directions: Values = [:]
        let vectors = try test.shapes.enumerated().map { index, shape in
            let vector = generator.values(shape.count).map(Float.init)
            directions["v\(index)"] = vector.map(Double.init)
            return try graph.constant(vector, shape)
        }
        let products = try hessianVectorProduct(of: loss, withRespectTo: variables, vectors: vectors)
        let analytic = try graph.evaluate(products, variables: values)
        let numeric = try difference(values, along: directions) {
            try graph.evaluate(gradients, variables: $0).flatMap { $0 }
        }
        #expect(relativeError(analytic.flatMap { $0 }, numeric) <= 1e-3)
        #expect(numeric.contains { Swift.abs($0) > 1e-6 }, "the objective must be curved for this to be a test")
    }
}
