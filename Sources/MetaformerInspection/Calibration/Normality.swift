import MetaformerEngine

/// How good images' maps are at each position: what the inspection measures a map against.
///
/// The engine measures the same when it adapts a model; this is for maps of another kind, once it is adapted.
public struct Normality: Sendable {
    private var sums: [Double]
    private var squares: [Double]
    public private(set) var count = 0

    /// Of maps of so many positions, of which none has been seen.
    public init(positions: Int) {
        sums = [Double](repeating: 0, count: positions)
        squares = sums
    }

    /// - Precondition: the map has the positions of all others.
    public mutating func add(_ map: [Float]) {
        precondition(map.count == sums.count)
        for (position, value) in map.enumerated() {
            sums[position] += Double(value)
            squares[position] += Double(value) * Double(value)
        }
        count += 1
    }

    /// Of the maps of both.
    ///
    /// - Precondition: both have the same positions.
    public func merging(_ other: Normality) -> Normality {
        precondition(sums.count == other.sums.count)
        var merged = self
        for position in sums.indices {
            merged.sums[position] += other.sums[position]
            merged.squares[position] += other.squares[position]
        }
        merged.count += other.count
        return merged
    }

    /// The parameters "normal.mean" and "normal.gain": the mean map, and one over its spread, as the engine has it.
    ///
    /// - Precondition: a map has been added.
    public var parameters: (mean: [Float], gain: [Float]) {
        precondition(count > 0)
        let counts = [Double](repeating: Double(count), count: sums.count)
        var (mean, gain) = (sums.map { _ in Float(0) }, sums.map { _ in Float(0) })
        let status = mf_map_normality(sums, squares, counts, sums.count, &mean, &gain, nil)
        precondition(status == MF_OK, "all of its arguments are there")
        return (mean, gain)
    }
}
