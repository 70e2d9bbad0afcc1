import MetaformerGraph
import Testing

@testable import MetaformerModels

@Suite("Programs of the whole model")
struct ProgramTests {
    @Test("inference fuses attention and every epilogue") func inference() throws {
        let instance = try Instance(Metaformer(), samples: 1)
        let program = try Program(graph: instance.graph, outputs: [("image", instance.reconstruction.image)])
        let opcodes = try Program.Inspection(program.data).instructions.map(\.opcode)
        #expect(opcodes.filter { $0 == .attention }.count == 9)
        #expect(!opcodes.contains(.softmax))
        // The product with the gate stands alone: a transposition lies between.
        #expect(opcodes.filter { $0 == .pointwise }.count == 1)
        #expect(program.plan.arenaBytes < 32 << 20)
    }

    @Test("the gradient of the whole model fits the memory of an inspection PC") func memory() throws {
        let instance = try Instance(Metaformer(), samples: 2)
        let gradients = try gradient(of: instance.loss, withRespectTo: instance.parameters)
        let outputs = zip(instance.scope.parameters, gradients).map { (name: $0.name, tensor: $1) }
        let plan = try Program(graph: instance.graph, outputs: outputs).plan
        #expect(plan.arenaBytes < 160 << 20)
        #expect(plan.arenaBytes * 2 < plan.sumBytes)
        // No more than a hundredth above what any layout of this order needs.
        #expect(plan.arenaBytes * 100 <= plan.lowerBoundBytes * 101)
    }

    @Test("gradient and Hessian programs of the small model can be made", arguments: Metaformer.Mode.allCases)
    func training(_ mode: Metaformer.Mode) throws {
        let instance = try Instance(Small.metaformer(mode))
        let parameters = try instance.parameters
        let gradients = try gradient(of: instance.loss, withRespectTo: parameters)
        let sums = try instance.scope.parameters.map { try instance.graph.variable("sum.\($0.name)", $0.shape) }
        let updates = try zip(instance.scope.parameters, zip(sums, gradients)).map {
            (name: "sum.\($0.name)", tensor: try $1.0 + $1.1)
        }
        let program = try Program(graph: instance.graph, outputs: [("loss", instance.loss)], updates: updates)
        #expect(program.plan.arenaBytes < program.plan.sumBytes)
        #expect(program.plan.arenaBytes >= program.plan.lowerBoundBytes)

        let vectors = try instance.scope.parameters.map { try instance.graph.variable("v.\($0.name)", $0.shape) }
        let products = try hessianVectorProduct(of: instance.loss, withRespectTo: parameters, vectors: vectors)
        let outputs = zip(instance.scope.parameters, products).map { (name: $0.name, tensor: $1) }
        let hessian = try Program(graph: instance.graph, outputs: outputs)
        #expect(hessian.plan.instructionCount > program.plan.instructionCount)
        #expect(hessian.plan.arenaBytes < hessian.plan.sumBytes)
    }
}
