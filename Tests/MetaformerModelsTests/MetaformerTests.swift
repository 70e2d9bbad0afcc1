import MetaformerGraph
import Testing

@testable import MetaformerModels

@Suite("Metaformer")
struct MetaformerTests {
    static let models: [Metaformer] =
        Metaformer.Mode.allCases.map { Small.metaformer($0) }
        + [Small.metaformer(.full, direction: .reconstructionToResponse, smooths: true)]

    @Test("reconstructs images of the same shape, within [0, 1] before the gate", arguments: models)
    func reconstruction(_ model: Metaformer) throws {
        let instance = try Instance(model, spread: 0.3)
        #expect(instance.reconstruction.image.shape == instance.image.shape)
        let plain = try instance.graph.evaluate(
            [instance.reconstruction.plain], inputs: instance.inputs, variables: instance.variables)[0]
        #expect(plain.allSatisfy { (0...1).contains($0) })
        #expect((plain.max() ?? 0) - (plain.min() ?? 0) > 1e-3)
    }

    @Test("Î is Ĩ times the gate, Eq. 8") func gate() throws {
        for model in MetaformerTests.models where model.configuration.mode != .autoencoder {
            let instance = try Instance(model, spread: 0.3)
            let gate = try #require(instance.reconstruction.gate)
            let values = try instance.graph.evaluate(
                [instance.reconstruction.plain, gate, instance.reconstruction.image], inputs: instance.inputs,
                variables: instance.variables)
            #expect(zip(values[2], zip(values[0], values[1])).allSatisfy { abs($0 - $1.0 * $1.1) < 1e-12 })
        }
    }

    @Test("the gate starts at one and is within (0, 2)") func gateStart() throws {
        let model = Small.metaformer(.full, smooths: true)
        let start = try Instance(model)
        let gate = try #require(start.reconstruction.gate)
        let values = try start.graph.evaluate([gate], inputs: start.inputs, variables: start.variables)[0]
        #expect(values.allSatisfy { $0 == 1 })
        let moved = try Instance(model, spread: 0.5)
        let movedGate = try #require(moved.reconstruction.gate)
        let movedValues = try moved.graph.evaluate([movedGate], inputs: moved.inputs, variables: moved.variables)[0]
        #expect(movedValues.allSatisfy { $0 > 0 && $0 < 2 })
        #expect(Set(movedValues).count > 1)
    }

    @Test("the prior's response is the gate of A+P") func priorGate() throws {
        let instance = try Instance(Small.metaformer(.prior))
        let gate = try #require(instance.reconstruction.gate)
        let values = try instance.graph.evaluate([gate], inputs: instance.inputs)[0]
        #expect(values == instance.inputs["response"])
    }

    @Test("gradient along a direction", arguments: models)
    func gradientMatchesDifferences(_ model: Metaformer) throws {
        let instance = try Instance(model, spread: 0.2)
        let gradients = try gradient(of: instance.loss, withRespectTo: instance.parameters)
        let values = try instance.graph.evaluate(gradients, inputs: instance.inputs, variables: instance.variables)
        var generator = SplitMix64(seed: 9)
        let direction = values.map { $0.map { _ in 2 * generator.nextUnit() - 1 } }
        func loss(_ step: Double) throws -> Double {
            var moved = instance.variables
            for (parameter, change) in zip(instance.scope.parameters, direction) {
                moved[parameter.name] = zip(moved[parameter.name] ?? [], change).map { $0 + step * $1 }
            }
            return try instance.graph.evaluate([instance.loss], inputs: instance.inputs, variables: moved)[0][0]
        }
        let numeric = try (loss(1e-6) - loss(-1e-6)) / 2e-6
        #expect(abs(dot(values, direction) - numeric) <= 1e-4 * max(abs(numeric), 1e-3))
        // Every parameter has a gradient.
        for (parameter, gradient) in zip(instance.scope.parameters, values)
        where !parameter.name.hasSuffix("key.bias") {
            #expect(gradient.contains { $0 != 0 }, "\(parameter.name)")
        }
    }

    @Test("the Hessian is symmetric, and that of the gradient", arguments: models)
    func hessian(_ model: Metaformer) throws {
        let instance = try Instance(model, spread: 0.2)
        let parameters = try instance.parameters
        let shapes = instance.scope.parameters.map(\.shape)
        let u = try shapes.enumerated().map { try instance.graph.input("u\($0)", $1) }
        let v = try shapes.enumerated().map { try instance.graph.input("v\($0)", $1) }
        let hu = try hessianVectorProduct(of: instance.loss, withRespectTo: parameters, vectors: u)
        let hv = try hessianVectorProduct(of: instance.loss, withRespectTo: parameters, vectors: v)
        var inputs = instance.inputs
        var generator = SplitMix64(seed: 4)
        for (index, shape) in shapes.enumerated() {
            inputs["u\(index)"] = (0..<shape.count).map { _ in 2 * generator.nextUnit() - 1 }
            inputs["v\(index)"] = (0..<shape.count).map { _ in 2 * generator.nextUnit() - 1 }
        }
        let products = try instance.graph.evaluate(hu + hv, inputs: inputs, variables: instance.variables)
        let (valuesHu, valuesHv) = (Array(products.prefix(hu.count)), Array(products.suffix(hv.count)))
        let valuesU = shapes.indices.map { inputs["u\($0)"] ?? [] }
        let valuesV = shapes.indices.map { inputs["v\($0)"] ?? [] }
        let (uhv, vhu) = (dot(valuesU, valuesHv), dot(valuesV, valuesHu))
        #expect(abs(uhv - vhu) <= 1e-9 * max(abs(uhv), 1e-3))
        #expect(abs(uhv) > 1e-6)
    }

    @Test("the loss is zero for equal images, and weights leave samples out") func loss() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 1, 16, 16])
        let y = try graph.input("y", [2, 1, 16, 16])
        let weights = try graph.input("weights", [2])
        let loss = ReconstructionLoss()
        var generator = SplitMix64(seed: 2)
        let image = (0..<512).map { _ in generator.nextUnit() }
        let other = image.map { 0.5 + 0.4 * ($0 - 0.5) }
        let same = try graph.evaluate([loss(x, y)], inputs: ["x": image, "y": image])[0][0]
        #expect(abs(same) < 1e-7)
        let tensors = try [loss.perSample(x, y), loss(x, y), loss(x, y, weights: weights)]
        let values = try graph.evaluate(tensors, inputs: ["x": image, "y": other, "weights": [0, 2]])
        #expect(values[0].allSatisfy { $0 > 0.01 })
        #expect(abs(values[1][0] - (values[0][0] + values[0][1]) / 2) < 1e-7)
        #expect(abs(values[2][0] - 2 * values[0][1]) < 1e-7)
    }

    @Test("structural similarity of flat images is known") func flatSimilarity() throws {
        let graph = Graph()
        let x = try graph.full(0.2, [1, 1, 12, 12])
        let y = try graph.full(0.6, [1, 1, 12, 12])
        let map = try StructuralSimilarity().map(x, y)
        #expect(map.shape == [1, 1, 2, 2])
        // Without variance: (2 · 0.12 + C₁) / (0.04 + 0.36 + C₁).
        let expected = 0.2401 / 0.4001
        #expect(try graph.evaluate([map])[0].allSatisfy { abs($0 - expected) < 1e-4 })
    }

    @Test("anomaly maps have the image's size and peak at the defect", arguments: AnomalyMap.Kind.allCases)
    func anomalyMaps(_ kind: AnomalyMap.Kind) throws {
        let graph = Graph()
        let x = try graph.input("x", [1, 1, 32, 32])
        let y = try graph.input("y", [1, 1, 32, 32])
        var map = AnomalyMap()
        map.kind = kind
        let tensor = try map(x, y)
        #expect(tensor.shape == [1, 1, 32, 32])
        let image = (0..<1024).map { Double($0 % 7) / 7 }
        var broken = image
        for row in 19...21 { for column in 9...11 { broken[row * 32 + column] = 1 - broken[row * 32 + column] } }
        let values = try graph.evaluate([tensor], inputs: ["x": image, "y": broken])
        let peak = try #require(values[0].indices.max { values[0][$0] < values[0][$1] })
        #expect(abs(peak / 32 - 20) <= 2 && abs(peak % 32 - 10) <= 2)
        // Far from the defect there is nothing.
        #expect(abs(values[0][0]) < 1e-6)
    }

    @Test("mistakes are named") func mistakes() throws {
        let graph = Graph()
        let image = try graph.input("image", [1, 3, 64, 64])
        let error = try #require(throws: GraphError.self) {
            try Metaformer().reconstruct(image, response: nil, in: Scope(graph))
        }
        #expect(error.description == "autoencoder of [1, 3, 64, 64]: the image must be [N, 3, 256, 256]")
        let missing = try #require(throws: GraphError.self) {
            let small = try graph.input("small", [1, 1, 16, 16])
            _ = try Small.metaformer(.full).reconstruct(small, response: nil, in: Scope(graph))
        }
        #expect(missing.description.contains("needs the response map"))
    }
}
