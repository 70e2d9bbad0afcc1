import MetaformerData

/// Points of one dimension count, one after the other.
public struct PointSet: Sendable {
    public let dimension: Int
    public private(set) var values: [Float] = []
    public var count: Int { values.count / max(dimension, 1) }

    public init(dimension: Int) { self.dimension = dimension }

    public mutating func append(_ point: [Float]) {
        precondition(point.count == dimension)
        values += point
    }

    /// The squared distance of a point to a centre.
    func squaredDistance(_ index: Int, to centre: [Float]) -> Float {
        values.withUnsafeBufferPointer { values in
            centre.withUnsafeBufferPointer { centre in
                let start = index * dimension
                var sums = SIMD8<Float>()
                let blocks = dimension / 8
                for block in 0..<blocks {
                    var a = SIMD8<Float>()
                    var b = SIMD8<Float>()
                    for lane in 0..<8 {
                        a[lane] = values[start + 8 * block + lane]
                        b[lane] = centre[8 * block + lane]
                    }
                    let difference = a - b
                    sums += difference * difference
                }
                var sum = sums.sum()
                for offset in 8 * blocks..<dimension {
                    let difference = values[start + offset] - centre[offset]
                    sum += difference * difference
                }
                return sum
            }
        }
    }
}

/// Groups of points by k-means: Lloyd's iterations, or mini-batches (Sculley, "Web-scale k-means clustering", 2010) where
/// the points are many; started by k-means++ (Arthur and Vassilvitskii, 2007).
public struct KMeans: Sendable {
    public var groups: Int
    public var iterations = 50
    /// Sets of more points than this go through mini-batches.
    public var miniBatchFrom = 20_000
    public var miniBatch = 2_048
    public var seed: UInt64

    public init(groups: Int, seed: UInt64) {
        self.groups = groups
        self.seed = seed
    }

    /// The centres, and the group of each point. Every group has at least one point where there are that many distinct.
    ///
    /// Throws where there are fewer points than groups.
    public func callAsFunction(_ points: PointSet) throws -> (centres: [[Float]], groups: [Int]) {
        guard groups >= 1, points.count >= groups else {
            throw TrainingError("\(points.count) images cannot be dealt to \(groups) groups; ask for fewer")
        }
        var generator = RandomGenerator(seed: seed)
        var centres = start(points, &generator)
        if points.count > miniBatchFrom {
            refineByMiniBatches(points, &centres, &generator)
        } else {
            refine(points, &centres)
        }
        return (centres, (0..<points.count).map { nearest(points, $0, centres).index })
    }

    // MARK: Steps

    /// k-means++: each next centre is a point drawn by its squared distance to the centres so far.
    private func start(_ points: PointSet, _ generator: inout RandomGenerator) -> [[Float]] {
        var centres = [point(points, Int.random(in: 0..<points.count, using: &generator))]
        var distances = (0..<points.count).map { points.squaredDistance($0, to: centres[0]) }
        while centres.count < groups {
            let total = distances.reduce(0) { $0 + Double($1) }
            var rest = Double(generator.uniform()) * total
            let chosen =
                distances.indices.first { index in
                    rest -= Double(distances[index])
                    return rest < 0
                } ?? Int.random(in: 0..<points.count, using: &generator)
            let centre = point(points, chosen)
            centres.append(centre)
            for index in distances.indices {
                distances[index] = min(distances[index], points.squaredDistance(index, to: centre))
            }
        }
        return centres
    }

    private func refine(_ points: PointSet, _ centres: inout [[Float]]) {
        var groups = [Int](repeating: -1, count: points.count)
        for _ in 0..<iterations {
            let found = (0..<points.count).map { nearest(points, $0, centres) }
            let next = found.map(\.index)
            guard next != groups else { return }
            groups = next
            move(&centres, points, groups, found.map(\.distance))
        }
    }

    /// Centres to the means of their points; one that has none takes the point farthest from its own centre.
    private func move(_ centres: inout [[Float]], _ points: PointSet, _ groups: [Int], _ distances: [Float]) {
        var sums = centres.map { [Double](repeating: 0, count: $0.count) }
        var counts = [Int](repeating: 0, count: centres.count)
        for (index, group) in groups.enumerated() {
            counts[group] += 1
            for offset in 0..<points.dimension {
                sums[group][offset] += Double(points.values[index * points.dimension + offset])
            }
        }
        var farthest = distances.indices.sorted { distances[$0] > distances[$1] }[...]
        for group in centres.indices {
            if counts[group] > 0 {
                centres[group] = sums[group].map { Float($0 / Double(counts[group])) }
            } else if let index = farthest.popFirst() {
                centres[group] = point(points, index)
            }
        }
    }

    private func refineByMiniBatches(
        _ points: PointSet, _ centres: inout [[Float]], _ generator: inout RandomGenerator
    ) {
        var counts = [Float](repeating: 0, count: centres.count)
        for _ in 0..<iterations {
            let batch = (0..<miniBatch).map { _ in Int.random(in: 0..<points.count, using: &generator) }
            let groups = batch.map { nearest(points, $0, centres).index }
            for (index, group) in zip(batch, groups) {
                counts[group] += 1
                let rate = 1 / counts[group]
                for offset in 0..<points.dimension {
                    centres[group][offset] +=
                        rate * (points.values[index * points.dimension + offset] - centres[group][offset])
                }
            }
        }
    }

    private func nearest(_ points: PointSet, _ index: Int, _ centres: [[Float]]) -> (index: Int, distance: Float) {
        var best = (index: 0, distance: Float.infinity)
        for (number, centre) in centres.enumerated() {
            let distance = points.squaredDistance(index, to: centre)
            if distance < best.distance { best = (number, distance) }
        }
        return best
    }

    private func point(_ points: PointSet, _ index: Int) -> [Float] {
        Array(points.values[index * points.dimension..<(index + 1) * points.dimension])
    }
}
