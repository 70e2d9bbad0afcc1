import MetaformerGraph
import MetaformerModels
import Testing

@testable import MetaformerTraining

/// What one process can show of several; scripts/check-mpi runs them.
@Suite("Several processes") struct DistributedTests {
    @Test("work is dealt whole, in order, and evenly", arguments: 1...9) func shares(_ count: Int) {
        for pieces in 0...20 {
            let shares = (0..<count).map { ProcessGroup(rank: $0, count: count).share(of: pieces) }
            #expect(shares.flatMap { Array($0) } == Array(0..<pieces))
            let sizes = shares.map(\.count)
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        }
    }

    @Test("a process by itself does all of it") func alone() throws {
        let group = try ProcessGroup.join()
        #expect(group.isFirst && group.count == 1)
        #expect(try group.map(3, width: 2) { [Double($0), 1] } == [[0, 1], [1, 1], [2, 1]])
        #expect(group.any(true) && !group.any(false))
        let checkpoint = Checkpoint(step: 4, tensors: ["a": [1, 2]], numbers: ["b": 3])
        #expect(try group.broadcast(checkpoint) == checkpoint)
    }

    @Test("addends that are kept apart give the bits of those that are added at once") func order() {
        let layout = ParameterLayout([ParameterSpecification(name: "x", shape: [1000], initializer: .zeros)])
        var generator = SplitMix64(seed: 3)
        let addends = (0..<5).map { _ in
            let vector = ParameterVector(layout)
            for index in 0..<1000 { vector.elements[index] = Float(generator.nextUnit() - 0.5) }
            return vector
        }
        let (direct, apart) = (ParameterVector(layout), ParameterVector(layout))
        for addend in addends { direct.add(0.3, addend) }
        for addend in addends {
            let kept = ParameterVector(layout)
            kept.add(0.3, addend)
            apart.add(1, kept)
        }
        #expect(direct.values == apart.values)
        let sum = ParameterVector(layout)
        let ordered = OrderedSum(sum, over: .alone)
        for addend in addends { ordered.next.add(0.3, addend) }
        ordered.complete()
        #expect(sum.values == direct.values)
    }
}
