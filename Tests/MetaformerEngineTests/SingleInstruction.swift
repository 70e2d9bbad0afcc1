import MetaformerEngine
import MetaformerGraph

/// Steps of CSources/MetaformerEngine/program/steps.def.
enum Step: UInt32, CaseIterable {
    case constant = 1
    case add, subtract, multiply, divide, maximum, minimum, greater, select, negate, absolute, sign
    case squareRoot, exponential, logarithm, tanh, sigmoid

    func word(_ a: UInt32 = 0, _ b: UInt32 = 0, _ c: UInt32 = 0) -> UInt32 { rawValue | a << 8 | b << 16 | c << 24 }
}

/// A program of one instruction, with inputs "0", "1", … and output "out".
struct SingleInstruction {
    var opcode: Opcode
    var inputs: [[Int]]
    var output: [Int]
    var attributes: [UInt32] = []
    /// The steps' words, for ops that carry an expression; its count is added.
    var expression: [UInt32]?
    var steps = 0
    /// Added to the diagonals of input 0, square matrices: it keeps random ones far from singular.
    var diagonal: Float = 0
    /// Whether the inputs are variables of the program.
    var readsVariables = false
    /// The input, a variable then, that the output takes the place of.
    var updates: Int?

    private var program: WrittenProgram {
        var program = WrittenProgram()
        let operands = inputs.enumerated().map { index, shape in
            let isVariable = readsVariables || index == updates
            return program.buffer(shape, isVariable ? .variable("\(index)") : .input("\(index)"))
        }
        let result = program.buffer(output, updates.map { .variable("\($0)") } ?? .output("out"))
        program.add(opcode, operands, to: result, attributes: attributes, expression: expression, steps: steps)
        return program
    }

    var bytes: [UInt8] { program.bytes }

    /// Values to run it with.
    func randomInputs(seed: UInt64) -> [[Float]] {
        var values = inputs.enumerated().map { [Float].random($0.element, seed: seed &+ UInt64($0.offset)) }
        if diagonal != 0, let n = inputs[0].last {
            for i in values[0].indices where i % n == i / n % n { values[0][i] += diagonal }
        }
        return values
    }

    /// Runs it, inputs given as arrays.
    func run(_ values: [[Float]], on instructionSet: InstructionSet, threads: Int = 2) throws -> [Float] {
        let runner = try Runner(program: bytes, threads: threads, instructionSet: instructionSet)
        let buffers = values.map { FloatBuffer($0) }
        for (index, buffer) in buffers.enumerated() { try runner.bind(String(index), to: buffer) }
        let out = updates.map { buffers[$0] } ?? FloatBuffer(count: output.reduce(1, *))
        if updates == nil {
            out.fill(.nan)
            try runner.bind("out", to: out)
        }
        try runner.run()
        return out.values
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Array where Element == Float {
    /// Values in [-1, 1).
    static func random(_ shape: [Int], seed: UInt64) -> [Float] {
        var generator = SplitMix64(state: seed)
        return (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1..<1, using: &generator) }
    }
}
