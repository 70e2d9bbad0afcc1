/// Orders of instructions in which each comes after what it reads.
enum Schedule {
    /// Orders worth comparing by the memory that they need; the first is the given order.
    static func candidates(_ block: Block) -> [[Int]] {
        [Array(block.instructions.indices), late(block), depthFirst(block), greedy(block)]
    }

    private static func producers(_ block: Block) -> [Int: Int] {
        Dictionary(
            block.instructions.enumerated().map { ($1.output.value, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The instructions whose results each instruction reads, and the reverse.
    private static func edges(_ block: Block) -> (reads: [[Int]], readers: [[Int]]) {
        let producers = producers(block)
        let reads = block.instructions.map { instruction in
            Set(instruction.operands.compactMap { producers[$0.value] }).sorted()
        }
        var readers = [[Int]](repeating: [], count: reads.count)
        for (index, sources) in reads.enumerated() { for source in sources { readers[source].append(index) } }
        return (reads, readers)
    }

    /// Each instruction just before the first that reads its result.
    private static func late(_ block: Block) -> [Int] {
        let (reads, readers) = edges(block)
        var missing = readers.map(\.count)
        var order: [Int] = []
        // From the end: of the instructions whose readers are all placed, the one that became ready last.
        var ready = block.instructions.indices.filter { missing[$0] == 0 }
        while let index = ready.popLast() {
            order.append(index)
            for source in reads[index] {
                missing[source] -= 1
                if missing[source] == 0 { ready.append(source) }
            }
        }
        return order.reversed()
    }

    /// What each result needs, result by result.
    private static func depthFirst(_ block: Block) -> [Int] {
        let producers = producers(block)
        let (reads, _) = edges(block)
        var state = [Int](repeating: 0, count: reads.count)
        var order: [Int] = []
        var stack = (block.outputs + block.updates).reversed().compactMap { producers[$0.operand.value] }
        while let index = stack.last {
            if state[index] == 0 {
                state[index] = 1
                stack += reads[index].reversed().filter { state[$0] == 0 }
            } else {
                stack.removeLast()
                if state[index] == 1 {
                    state[index] = 2
                    order.append(index)
                }
            }
        }
        return order
    }

    /// Of the instructions that can run, always the one that leaves the least memory in use.
    private static func greedy(_ block: Block) -> [Int] {
        let (reads, readers) = edges(block)
        let sizes = block.instructions.map(\.output.shape.count)
        let results = block.results
        let isResult = block.instructions.map { results.contains($0.output.value) }
        var missing = reads.map(\.count)
        var pending = readers.map(\.count)
        var ready = block.instructions.indices.filter { missing[$0] == 0 }
        var order: [Int] = []
        while !ready.isEmpty {
            func growth(_ index: Int) -> Int {
                reads[index].reduce(isResult[index] ? 0 : sizes[index]) {
                    pending[$1] == 1 && !isResult[$1] ? $0 - sizes[$1] : $0
                }
            }
            var best = 0
            var bestGrowth = growth(ready[0])
            for candidate in ready.indices.dropFirst() {
                let candidateGrowth = growth(ready[candidate])
                if (candidateGrowth, ready[candidate]) < (bestGrowth, ready[best]) {
                    (best, bestGrowth) = (candidate, candidateGrowth)
                }
            }
            let index = ready.remove(at: best)
            order.append(index)
            for source in reads[index] { pending[source] -= 1 }
            for reader in readers[index] {
                missing[reader] -= 1
                if missing[reader] == 0 { ready.append(reader) }
            }
        }
        return order
    }
}
