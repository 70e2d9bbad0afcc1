/// How much memory a program needs.
public struct MemoryPlan: Hashable, Sendable {
    /// The size of the arena.
    public let arenaBytes: Int
    /// What all values of the arena would need without sharing.
    public let sumBytes: Int
    /// What is in use at the fullest instruction: no plan of this order needs less.
    public let lowerBoundBytes: Int
    public let instructionCount: Int
}

/// Puts allocations with lifetimes into one arena.
struct ArenaLayout {
    static let alignment = 64

    /// Byte offset of each allocation.
    private(set) var offsets: [Int]
    private(set) var byteCount: Int
    /// The most bytes in use at once.
    let lowerBound: Int

    init(_ allocations: [(lifetime: ClosedRange<Int>, count: Int)]) {
        let sizes = allocations.map { ArenaLayout.aligned($0.count * MemoryLayout<Float>.size) }
        let lifetimes = allocations.map(\.lifetime)
        var changes: [Int: Int] = [:]
        for (lifetime, size) in zip(lifetimes, sizes) {
            changes[lifetime.lowerBound, default: 0] += size
            changes[lifetime.upperBound + 1, default: 0] -= size
        }
        var (inUse, most) = (0, 0)
        for (_, change) in changes.sorted(by: { $0.key < $1.key }) {
            inUse += change
            most = max(most, inUse)
        }
        lowerBound = most

        // Neither order is always the better one.
        let bySize = allocations.indices.sorted { (sizes[$1], $0) < (sizes[$0], $1) }
        let byStart = allocations.indices.sorted {
            (lifetimes[$0].lowerBound, sizes[$1], $0) < (lifetimes[$1].lowerBound, sizes[$0], $1)
        }
        (offsets, byteCount) = ArenaLayout.fit(bySize, sizes, lifetimes)
        let other = ArenaLayout.fit(byStart, sizes, lifetimes)
        if other.byteCount < byteCount { (offsets, byteCount) = other }
    }

    /// Each allocation in turn goes into the smallest gap that holds it.
    private static func fit(
        _ order: [Int], _ sizes: [Int], _ lifetimes: [ClosedRange<Int>]
    ) -> (offsets: [Int], byteCount: Int) {
        var offsets = [Int](repeating: 0, count: sizes.count)
        var placed: [Int] = []
        var byteCount = 0
        for allocation in order {
            var (end, best, bestGap) = (0, -1, Int.max)
            // `placed` is sorted by offset.
            for other in placed where lifetimes[other].overlaps(lifetimes[allocation]) {
                let gap = offsets[other] - end
                if gap >= sizes[allocation], gap < bestGap { (best, bestGap) = (end, gap) }
                end = max(end, offsets[other] + sizes[other])
            }
            offsets[allocation] = best >= 0 ? best : end
            byteCount = max(byteCount, offsets[allocation] + sizes[allocation])
            let position = placed.partitioningIndex { offsets[$0] >= offsets[allocation] }
            placed.insert(allocation, at: position)
        }
        return (offsets, byteCount)
    }

    static func aligned(_ bytes: Int, to alignment: Int = alignment) -> Int {
        (bytes + alignment - 1) / alignment * alignment
    }
}

extension Array {
    /// The first index whose element satisfies the predicate, which holds for a suffix.
    fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
