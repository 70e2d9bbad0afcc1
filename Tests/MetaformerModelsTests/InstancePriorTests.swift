import MetaformerGraph
import Testing

@testable import MetaformerModels

@Suite("Instance prior")
struct InstancePriorTests {
    private func operationCount(_ configuration: InstancePrior.Configuration) throws -> Double {
        let graph = Graph()
        let image = try graph.input("image", [1, 3, 256, 256])
        let response = try InstancePrior(configuration)(image, in: Scope(graph))
        #expect(response.shape == [1, 1, 256, 256])
        return Double(graph.operationCount(of: [response])) * 1e-9
    }

    @Test("the paper's size is near 90 GFLOP, the compact one under 4") func cost() throws {
        #expect(try (80...130).contains(operationCount(.paper)))
        #expect(try (0.1...4).contains(operationCount(.compact)))
    }

    @Test("responses are within [0, 1], at the image's own size", arguments: [nil, 16, 8] as [Int?])
    func responses(_ workingSize: Int?) throws {
        let graph = Graph()
        let image = try graph.input("image", [2, 3, 16, 16])
        let scope = Scope(graph)
        let prior = InstancePrior(.init(width: 2, blocks: 1, workingSize: workingSize))
        // Reflecting three rows needs more than three.
        let response = try prior(image, in: scope)
        #expect(response.shape == [2, 1, 16, 16])
        var generator = SplitMix64(seed: 1)
        let pixels = (0..<image.shape.count).map { _ in generator.nextUnit() }
        let variables = Dictionary(
            uniqueKeysWithValues: scope.parameters.map { ($0.name, $0.initialValues(seed: 1).map(Double.init)) })
        let values = try graph.evaluate([response], inputs: ["image": pixels], variables: variables)[0]
        #expect(values.allSatisfy { (0...1).contains($0) })
        #expect(Set(values).count > 10)
    }

    @Test("sizes that do not fit are named") func mistakes() throws {
        let graph = Graph()
        let image = try graph.input("image", [1, 3, 18, 18])
        let error = try #require(throws: GraphError.self) {
            try InstancePrior(.init(width: 2, blocks: 1))(image, in: Scope(graph))
        }
        #expect(
            error.description
                == "instance prior of [1, 3, 18, 18]: the network works on multiples of 4 rows and columns")
    }
}
