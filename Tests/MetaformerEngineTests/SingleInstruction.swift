import MetaformerEngine
import MetaformerGraph

/// Steps of CSources/MetaformerEngine/program/steps.def.
enum Step: UInt32, CaseIterable {
    case constant = 1
    case add, subtract, multiply, divide, maximum, minimum, greater, select, negate, absolute, sign
    case squareRoot, exponential, logarithm, tanh, sigmoid

    func word(_ a: UInt32 = 0, _ b: UInt32 = 0, _ c: UInt32 = 0) -> UInt32 { rawValue | a << 8 | b << 16 | c << 24 }
}

/// A program of one instruction, written byte by byte as format.h says, with inputs "0", "1", … and output "out".
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

    var words: [UInt32] {
        var words = [opcode.rawValue, 0, UInt32(inputs.count), UInt32(inputs.count)]
        words += inputs.indices.map(UInt32.init) + attributes
        if let expression { words += [UInt32(steps)] + expression }
        words[1] = UInt32(words.count)
        return words
    }

    var bytes: [UInt8] {
        var data: [UInt8] = []
        func put32(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
        func put64(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
        var names: [UInt8] = []
        var offsets: [UInt32] = []
        for name in inputs.indices.map(String.init) + ["out"] {
            offsets.append(UInt32(names.count))
            names += Array(name.utf8) + [0]
        }
        let words = words
        for value in [0x4750_464d, 1, UInt32(inputs.count + 1), 1, UInt32(words.count), UInt32(names.count)] {
            put32(value)
        }
        for _ in 0..<3 { put64(0) }
        for (index, shape) in (inputs + [output]).enumerated() {
            let isOutput = index == inputs.count
            let isVariable = isOutput ? updates != nil : readsVariables || index == updates
            put32(isVariable ? 3 : isOutput ? 2 : 1)
            put32(UInt32(shape.count))
            for axis in 0..<6 { put32(axis < shape.count ? UInt32(shape[axis]) : 0) }
            put64(0)
            put32(offsets[isOutput ? updates ?? index : index])
            put32(0)
        }
        words.forEach(put32)
        while data.count % 8 != 0 { data.append(0) }
        data += names
        while data.count % 64 != 0 { data.append(0) }
        return data
    }

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
