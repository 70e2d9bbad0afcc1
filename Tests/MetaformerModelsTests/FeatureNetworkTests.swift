import Foundation
import MetaformerGraph
import Testing

@testable import MetaformerModels

@Suite("Feature networks") struct FeatureNetworkTests {
    @Test("give PyTorch's features", arguments: [(FeatureNetwork.Architecture.resNet18, 16), (.efficientNetLite0, 8)])
    func golden(_ architecture: FeatureNetwork.Architecture, divisor: Int) throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("golden/features/\(architecture.rawValue).safetensors").path
        let file = try TensorFile(path: path)
        let graph = Graph()
        let scope = Scope(graph)
        let network = FeatureNetwork(architecture, divisor: divisor)
        let features = try network(graph.input("image", [2, 3, 64, 80]), in: scope)
        #expect(features.shape == [2, network.featureCount])
        // Every tensor of PyTorch's is used, and no other.
        let names = Set(file.entries.map(\.name)).subtracting(["image", "features"])
        #expect(Set(scope.parameters.map(\.name)) == names)

        let runner = try Runner(program: Program(graph: graph, outputs: [("features", features)]).data)
        for parameter in scope.parameters {
            try runner.bind(parameter.name, to: FloatBuffer(#require(file.floats(parameter.name))))
        }
        try runner.bind("image", to: FloatBuffer(#require(file.floats("image"))))
        try runner.bindRemaining()
        try runner.run()
        let expected = try #require(file.floats("features"))
        let actual = try #require(runner.buffer("features")).values
        let scale = expected.map(abs).max() ?? 0
        #expect(zip(actual, expected).allSatisfy { abs($0 - $1) <= 1e-4 * scale })
        #expect(scale > 1)
    }

    @Test("have the published number of parameters without the classifier") func counts() throws {
        func count(_ architecture: FeatureNetwork.Architecture) throws -> Int {
            let graph = Graph()
            let scope = Scope(graph)
            _ = try FeatureNetwork(architecture)(graph.input("image", [1, 3, 224, 224]), in: scope)
            return scope.parameters.filter { !$0.name.contains("running") }.parameterCount
        }
        #expect(try count(.resNet18) == 11_689_512 - 513_000)
        #expect(try count(.efficientNetLite0) == 4_652_008 - 1_281_000)
    }
}
