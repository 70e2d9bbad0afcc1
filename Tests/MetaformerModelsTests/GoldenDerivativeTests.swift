import Foundation
import MetaformerGraph
import Testing

@testable import MetaformerModels

/// Values, gradients and Hessian-vector products that PyTorch computed in double (scripts/reference/golden.py).
@Suite("Derivatives equal PyTorch's")
struct GoldenDerivativeTests {
    /// Runs a scalar function of a golden file's parameters by the engine, and compares all that the file holds of it.
    private func compare(_ name: String, _ function: (Graph, TensorFile) throws -> Tensor) throws {
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "golden/derivatives/\(name).safetensors")
        let golden = try TensorFile(path: url.path)
        let parameters = golden.entries.filter { !$0.name.contains("/") && $0.name != "value" }
        #expect(parameters.count >= 10)

        let graph = Graph()
        let value = try function(graph, golden)
        let variables = try parameters.map { try graph.variable($0.name, $0.shape) }
        let vectors = try parameters.map { try graph.input("vector/\($0.name)", $0.shape) }
        let gradients = try gradient(of: value, withRespectTo: variables)
        let products = try hessianVectorProduct(of: value, withRespectTo: variables, vectors: vectors)
        var outputs: [(name: String, tensor: Tensor)] = [("value", value)]
        for (index, parameter) in parameters.enumerated() {
            outputs.append(("gradient/\(parameter.name)", gradients[index]))
            outputs.append(("product/\(parameter.name)", products[index]))
        }
        let runner = try Runner(program: Program(graph: graph, outputs: outputs).data, threads: 2)
        for slot in runner.slots where slot.kind != .output {
            let values = try #require(golden.floats(slot.name), "\(slot.name)")
            try runner.bind(slot.name, to: FloatBuffer(values))
        }
        try runner.bindRemaining()
        try runner.run()
        // Some derivatives are zero (the bias of keys moves no softmax): their rounding is measured by their kind's size.
        func scale(_ name: String) -> Float { (golden.floats(name) ?? []).map(Swift.abs).max() ?? 0 }
        for kind in ["value", "gradient/", "product/"] {
            let names = outputs.map(\.name).filter { $0.hasPrefix(kind) }
            let largest = names.map(scale).max() ?? 0
            for name in names {
                let (actual, expected) = (try #require(runner.buffer(name)).values, try #require(golden.floats(name)))
                let worst = zip(actual, expected).map { Swift.abs($0 - $1) }.max() ?? .infinity
                let size = max(scale(name), 0.01 * largest)
                #expect(size > 0 && worst <= 1e-4 * size, "\(name): off by \(worst) of \(size)")
            }
        }
    }

    @Test("autoencoder: loss of Eq. 7") func autoencoder() throws {
        var configuration = Autoencoder.Configuration()
        configuration.imageSize = 64
        configuration.latentSize = 12
        configuration.decoderChannels = 4
        configuration.encoder = configuration.encoder.map { Autoencoder.Layer($0.kind, $0.channels / 8) }
        configuration.decoder = configuration.decoder.map { Autoencoder.Layer($0.kind, $0.channels / 8) }
        try compare("autoencoder") { graph, _ in
            let image = try graph.input("input/image", [2, 3, 64, 64])
            let reconstruction = try Autoencoder(configuration)(image, in: Scope(graph)["autoencoder"])
            return try ReconstructionLoss()(reconstruction, image)
        }
    }

    @Test("transformer: one decoder layer") func transformerLayer() throws {
        var configuration = Transformer.Configuration()
        configuration.width = 24
        configuration.heads = 4
        configuration.hiddenWidth = 48
        try compare("transformer_layer") { graph, _ in
            let x = try graph.input("input/x", [2, 10, 24])
            let memory = try graph.input("input/memory", [2, 13, 24])
            let y = try Transformer(configuration).decoderLayer(x, memory: memory, in: Scope(graph)["layer"])
            return try square(y - graph.input("input/target", [2, 10, 24])).mean()
        }
    }
}
