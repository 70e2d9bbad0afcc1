/// Convolutions that the engine runs as one, where what lies between them is large: one of one tap, a depthwise one, and one
/// of one tap, of which the first or the last may be missing. All of them run when the last one does.
struct Bottlenecks {
    /// The engine may ask for more, never for less.
    private static let fewestBytes = 2 << 20

    /// By instruction, the one that it is run with.
    private(set) var runs: [Int]
    /// By instruction, the values that earlier ones read that are run with it.
    private(set) var alsoReads: [Int: Set<Int>] = [:]

    init(_ block: Block) {
        runs = Array(block.instructions.indices)
        var writers: [Int: Int] = [:]
        var readers: [Int: [Int]] = [:]
        for (index, instruction) in block.instructions.enumerated() {
            writers[instruction.output.value] = index
            for operand in instruction.operands { readers[operand.value, default: []].append(index) }
        }
        let results = block.results
        for (index, depthwise) in block.instructions.enumerated() where Bottlenecks.isDepthwise(depthwise) {
            /// Whether what is made is large, and read by one instruction alone, as its image.
            func isBetween(_ operand: Block.Operand, _ reader: Int) -> Bool {
                operand.shape.count * MemoryLayout<Float>.size >= Bottlenecks.fewestBytes
                    && readers[operand.value] == [reader] && !results.contains(operand.value)
                    && block.instructions[reader].fixed[0].value == operand.value
            }
            let last =
                readers[depthwise.output.value]?.first {
                    Bottlenecks.isPoint(block.instructions[$0]) && isBetween(depthwise.output, $0)
                } ?? index
            runs[index] = last
            if let first = writers[depthwise.fixed[0].value], Bottlenecks.isPoint(block.instructions[first]),
                isBetween(depthwise.fixed[0], index)
            {
                runs[first] = last
            }
        }
        for (index, run) in runs.enumerated() where run != index {
            alsoReads[run, default: []].formUnion(block.instructions[index].operands.map(\.value))
        }
    }

    private static func isPoint(_ instruction: Block.Instruction) -> Bool {
        instruction.opcode == .convolution && instruction.fixed[1].shape.dims.suffix(2) == [1, 1]
            && instruction.attributes == [1, 1, 0, 0, 0, 0, 1]
    }

    private static func isDepthwise(_ instruction: Block.Instruction) -> Bool {
        guard instruction.opcode == .convolution, let groups = instruction.attributes.last else { return false }
        return instruction.fixed[1].shape[1] == 1 && instruction.output.shape[1] == Int(groups)
    }
}
