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

    /// The parameters "normal.mean" and "normal.gain": the mean map, and one over its spread, which has a floor, since a few
    /// images say little of the spread at one position.
    ///
    /// - Precondition: a map has been added.
    public var parameters: (mean: [Float], gain: [Float]) {
        precondition(count > 0)
        let (n, positions) = (Double(count), Double(sums.count))
        let means = sums.map { $0 / n }
        let variances = zip(squares, means).map { max($0 / n - $1 * $1, 0) }
        let level = means.reduce(0) { $0 + abs($1) } / positions
        let floor = 0.5 * (variances.reduce(0, +) / positions).squareRoot() + 0.05 * level + 1e-9
        return (means.map { Float($0) }, variances.map { Float(1 / ($0.squareRoot() + floor)) })
    }
}
