import Foundation
import Testing

@testable import MetaformerGraph

@Suite("The binary form")
struct FormatTests {
    private static let engine = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "CSources/MetaformerEngine/program")

    /// The arguments of each use of a macro in an engine file.
    private func table(_ file: String, _ macro: String) throws -> [[String]] {
        let text = try String(contentsOf: FormatTests.engine.appending(path: file), encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("\(macro)(") }.map { line in
            line.dropFirst(macro.count + 1).prefix { $0 != ")" }.split(separator: ",")
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    private func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
    }

    @Test("the engine tells its table of ops, ops.def") func opcodes() throws {
        let rows = try table("ops.def", "MF_OP")
        #expect(rows.map { $0[0] } == Opcode.allCases.map { "\($0.rawValue)" })
        #expect(rows.map { $0[1] } == Opcode.allCases.map(\.description))
        for (row, opcode) in zip(rows, Opcode.allCases) {
            #expect(row[2] == "\(opcode.fixedInputs ?? 0)")
            #expect(row[3] == (opcode.hasExpression ? "1" : "0"))
            #expect(row[4] == "\(opcode.attributeCount ?? -1)")
            let operands = 0..<4
            let inPlace = try operands.filter { try #require(Int(row[5])) >= 0 && $0 >= #require(Int(row[5])) }
            #expect(operands.filter(opcode.allowsInPlace) == inPlace)
            #expect(row[6] == "0" || opcode.hasEpilogue)
        }
        #expect(Opcode(rawValue: 0) == nil && Opcode(rawValue: UInt32(rows.count) + 1) == nil)
        #expect(Opcode.convolutionWeightGradient.epilogueParts(attributes: [], rank: 4) == [0..<0, 0..<1, 1..<4])
        #expect(Opcode.matmul.epilogueParts(attributes: [], rank: 3) == [0..<1, 1..<2, 2..<3])
        #expect(Opcode.standardize.epilogueParts(attributes: [2], rank: 4) == [0..<1, 1..<2, 2..<4])
        #expect(Opcode.standardize.epilogueParts(attributes: [2], rank: 2) == [0..<0, 0..<0, 0..<2])
    }

    @Test("every op of the engine is reached by some operation, its derivatives, or a pass") func reached() throws {
        var reached: Set<Opcode> = []
        for test in OperationCase.all {
            let (graph, variables, output, _) = try test.instance()
            let gradients = try gradient(of: square(output).sum(), withRespectTo: variables)
            let outputs = [("y", output)] + gradients.enumerated().map { ("g\($0)", $1) }
            for options in [[], .all] as [Program.Options] {
                reached.formUnion(try Program(graph: graph, outputs: outputs, options: options).opcodes)
            }
        }
        #expect(Set(Opcode.allCases).subtracting(reached).isEmpty)
    }

    @Test("tables are laid out by hand: no formatter may touch them") func tables() throws {
        for file in ["ops.def", "steps.def"] {
            let text = try String(contentsOf: FormatTests.engine.appending(path: file), encoding: .utf8)
            #expect(text.hasPrefix("/* clang-format off */\n"), "\(file)")
        }
    }

    @Test("steps are those of steps.def") func steps() throws {
        let rows = try table("steps.def", "MF_STEP")
        #expect(rows.count == Function.allCases.count)
        for (row, function) in zip(rows, Function.allCases) {
            #expect(row == ["\(function.rawValue)", snakeCase("\(function)"), "\(function.arity)"])
        }
    }

    @Test("the bytes of a tiny program") func golden() throws {
        let graph = Graph()
        let x = try graph.input("x", [2, 3])
        let y = try softmax(x * 2 + graph.constant([1, 2, 3], [3]))
        let program = try Program(graph: graph, outputs: [("y", y)])
        func words(_ values: UInt32...) -> [UInt8] {
            values.flatMap { value in (0..<4).map { UInt8(value >> (8 * $0) & 255) } }
        }
        let none: UInt32 = 0xffff_ffff
        var expected = words(0x4750_464d, 1, 4, 2, 16, 4) + words(12, 0, 64, 0, 0, 0)
        // Kind, rank, dims, offset, name, reserved.
        expected += words(1, 2, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0)
        expected += words(4, 1, 3, 0, 0, 0, 0, 0, 0, 0, none, 0)
        expected += words(0, 2, 2, 3, 0, 0, 0, 0, 0, 0, none, 0)
        expected += words(2, 2, 2, 3, 0, 0, 0, 0, 0, 0, 2, 0)
        // pointwise: v2 = 2; v3 = v0 · v2; v4 = v3 + v1
        expected += words(1, 11, 2, 2, 0, 1, 3, 1, 0x4000_0000, 4 | 0 << 8 | 2 << 16, 2 | 3 << 8 | 1 << 16)
        // softmax
        expected += words(17, 5, 1, 3, 2)
        expected += [UInt8](repeating: 0, count: (8 - expected.count % 8) % 8)
        expected += Array("x\0y\0".utf8)
        expected += [UInt8](repeating: 0, count: (64 - expected.count % 64) % 64)
        expected += words(Float(1).bitPattern, Float(2).bitPattern, Float(3).bitPattern)
        #expect(program.data == expected)
    }

    @Test("a program is the same every time") func determinism() throws {
        func make() throws -> [UInt8] {
            let test = OperationCase.all[OperationCase.all.count - 2]
            let (graph, variables, output, _) = try test.instance()
            let gradients = try gradient(of: square(output).sum(), withRespectTo: variables)
            return try Program(graph: graph, outputs: gradients.enumerated().map { ("g\($0)", $1) }).data
        }
        let first = try make()
        for _ in 0..<5 { #expect(try make() == first) }
    }

    @Test("what is no program is refused") func refused() throws {
        let graph = Graph()
        let program = try Program(graph: graph, outputs: [("y", exp(graph.input("x", [2])))])
        #expect(throws: GraphError.self) { try Program.Inspection([]) }
        #expect(throws: GraphError.self) { try Program.Inspection(Array(program.data.dropLast())) }
        // Whatever byte is wrong, reading ends in a value or an error.
        for index in program.data.indices {
            for bit in [0, 3, 7] {
                var broken = program.data
                broken[index] ^= 1 << UInt8(bit)
                _ = try? Program.Inspection(broken).description
            }
        }
        var magic = program.data
        magic[0] = 0
        #expect(throws: GraphError.self) { try Program.Inspection(magic) }
    }

    @Test("the listing names what happens") func listing() throws {
        let graph = Graph()
        let x = try graph.input("image", [1, 1, 4, 4])
        let y = try relu(conv2d(x, graph.variable("weight", [1, 1, 3, 3])))
        let text = try Program(graph: graph, outputs: [("y", y)]).description
        #expect(text.contains("[1, 1, 4, 4] input image"))
        #expect(text.contains("variable weight"))
        #expect(text.contains("convolution(%0, %1)"))
        #expect(text.contains("maximum(v0, v1)"))
    }
}
