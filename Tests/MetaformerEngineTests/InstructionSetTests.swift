import MetaformerEngine
import Testing

@testable import MetaformerGraph

@Suite("Instruction sets") struct InstructionSetTests {
    @Test("those that the processor has run, the others are refused", arguments: InstructionSet.allCases)
    func available(set: InstructionSet) throws {
        let instruction = SingleInstruction(
            opcode: .matmul, inputs: [[2, 3], [3, 2]], output: [2, 2], attributes: [0, 0], expression: [])
        let run = { try instruction.run([[1, 2, 3, 4, 5, 6], [1, 0, 0, 1, 1, 1]], on: set) }
        if InstructionSet.available.contains(set) {
            #expect(try run() == [4, 5, 10, 11])
        } else {
            let error = #expect(throws: EngineError.self) { try run() }
            #expect("\(try #require(error))".contains("this processor has no \(set)"))
        }
    }

    @Test("the best is the last of those that the processor has") func best() throws {
        let best = try #require(InstructionSet.available.last)
        #expect(best.code == mf_isa_best() && "\(best)" == String(cString: mf_isa_name(best.code)))
        #expect(try InstructionSet.automatic == best)
        var isa = MF_ISA_AUTOMATIC
        #expect(mf_isa_resolve(mf_isa(rawValue: 99), &isa, nil) == MF_E_INVALID && isa == MF_ISA_AUTOMATIC)
        #expect(mf_isa_resolve(best.code, nil, nil) == MF_E_INVALID)
        #expect(InstructionSet.available.starts(with: [.reference, .generic]))
    }
}
