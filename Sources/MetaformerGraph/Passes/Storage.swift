/// Where a value is stored.
enum Place: Hashable {
    /// In the arena, in the allocation of this number.
    case arena(Int)
    case input(String)
    case output(String)
    case variable(String)
    case constant([Float])
}

/// The places of all values of a block in its order of instructions.
///
/// Results are written where the caller has them, if nothing still needs what stands there; values of the arena take
/// the place of an operand that is read for the last time, where the instruction may work in place.
struct Storage {
    /// The block, with the copies that results need at its end.
    private(set) var block: Block
    private(set) var places: [Place] = []
    /// The instructions from which to which each allocation is in use, and its elements.
    private(set) var allocations: [(lifetime: ClosedRange<Int>, count: Int)] = []
    /// Elements of all values of the arena.
    private(set) var sumCount = 0

    init(_ block: Block, reusingOperands: Bool) {
        self.block = block
        var claimed = claimOutputs()
        claimUpdates(&claimed)
        places = self.block.values.enumerated().map { index, value in
            switch value {
            case .computed: claimed[index] ?? .arena(-1)
            case .input(let name): .input(name)
            case .variable(let name): .variable(name)
            case .constant(let values): .constant(values)
            }
        }
        allocate(reusingOperands: reusingOperands)
    }

    // MARK: Results

    /// The first result of a value takes the value's place; any other is a copy.
    private mutating func claimOutputs() -> [Int: Place] {
        var claimed: [Int: Place] = [:]
        for (name, operand) in block.outputs {
            if claimed[operand.value] == nil {
                claimed[operand.value] = .output(name)
            } else {
                claimed[block.copy(operand).value] = .output(name)
            }
        }
        return claimed
    }

    private mutating func claimUpdates(_ claimed: inout [Int: Place]) {
        var producers: [Int: Int] = [:]
        for (index, instruction) in block.instructions.enumerated() { producers[instruction.output.value] = index }
        let variables = Dictionary(
            block.values.enumerated().compactMap { index, value -> (String, Int)? in
                if case .variable(let name) = value { return (name, index) }
                return nil
            }, uniquingKeysWith: { first, _ in first })
        // All that reads an old value comes before the copies at the end.
        let bottlenecks = Bottlenecks(block)
        let lastReads = lastReads(bottlenecks)
        for (name, operand) in block.updates {
            let old = variables[name]
            if claimed[operand.value] == nil, let producer = producers[operand.value],
                old.map({ isOverwritable($0, at: producer, lastRead: lastReads[$0], bottlenecks) }) ?? true
            {
                claimed[operand.value] = .variable(name)
            } else {
                claimed[block.copy(operand).value] = .variable(name)
            }
        }
    }

    /// Whether an instruction may write where `value` is stored.
    private func isOverwritable(
        _ value: Int, at index: Int, lastRead: Int?, _ bottlenecks: Bottlenecks
    ) -> Bool {
        guard let lastRead, lastRead >= index else { return true }
        let instruction = block.instructions[index]
        return lastRead == index && bottlenecks.alsoReads[index]?.contains(value) != true
            && instruction.operands.enumerated().allSatisfy { position, operand in
                operand.value != value || Storage.allowsInPlace(instruction, position)
            }
    }

    private static func allowsInPlace(_ instruction: Block.Instruction, _ position: Int) -> Bool {
        instruction.opcode.allowsInPlace(operand: position)
            && instruction.operands[position].shape == instruction.output.shape
    }

    // MARK: Arena

    /// The last instruction at which each value is read.
    private func lastReads(_ bottlenecks: Bottlenecks) -> [Int: Int] {
        var lastReads: [Int: Int] = [:]
        for (index, run) in bottlenecks.runs.enumerated() {
            for operand in block.instructions[index].operands {
                lastReads[operand.value] = max(run, lastReads[operand.value] ?? 0)
            }
        }
        return lastReads
    }

    private mutating func allocate(reusingOperands: Bool) {
        let bottlenecks = Bottlenecks(block)
        let lastReads = lastReads(bottlenecks)
        for (index, instruction) in block.instructions.enumerated() {
            let value = instruction.output.value
            guard case .arena = places[value] else { continue }
            let count = instruction.output.shape.count
            let end = max(lastReads[value] ?? index, index)
            sumCount += count
            if reusingOperands, let reused = reusable(instruction, at: index, bottlenecks.alsoReads[index] ?? []) {
                allocations[reused].lifetime = allocations[reused].lifetime.lowerBound...end
                places[value] = .arena(reused)
            } else {
                allocations.append((index...end, count))
                places[value] = .arena(allocations.count - 1)
            }
        }
    }

    /// The allocation of an operand in whose place an instruction may write, but for those of values that are read with it.
    private func reusable(_ instruction: Block.Instruction, at index: Int, _ alsoRead: Set<Int>) -> Int? {
        let operands = instruction.operands
        for position in operands.indices where Storage.allowsInPlace(instruction, position) {
            let place = places[operands[position].value]
            guard case .arena(let allocation) = place, allocations[allocation].lifetime.upperBound == index,
                !alsoRead.contains(where: { places[$0] == place }),
                operands.indices.allSatisfy({
                    places[operands[$0].value] != place || Storage.allowsInPlace(instruction, $0)
                })
            else { continue }
            return allocation
        }
        return nil
    }
}
