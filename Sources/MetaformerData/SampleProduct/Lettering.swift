/// The line of letters that is marked around the boss of the sample part: strokes on a grid 4 wide and 6 high.
enum Lettering {
    /// Reads clockwise; its first word is centred on the top.
    static let text = "METAFORMER·FLANGE·8·"
    static let radius: Float = 0.292
    /// From the foot to the head of a letter.
    static let letterHeight: Float = 0.074
    static let strokeWidth: Float = 0.0125

    /// Everything marked lies within this distance of the circle of `radius`.
    static let reach: Float = letterHeight / 2 + strokeWidth

    private static let glyphs: [[(Point, Point)]] = text.map { strokes[$0] ?? [] }
    private static let cellAngle = 2 * Float.pi / Float(text.count)

    /// The signed distance to the nearest stroke; negative on it.
    static func distance(_ p: Point, radius r: Float, clockwiseAngle: Float) -> Float {
        let cell = (clockwiseAngle / cellAngle) + 5
        let index = Int(cell.rounded(.down))
        let across = (cell - cell.rounded(.down) - 0.5) * cellAngle * radius
        let local = Point(across, r - radius) * (6 / letterHeight) + Point(2, 3)
        let count = glyphs.count
        let nearest = glyphs[((index % count) + count) % count].reduce(Float(9)) {
            min($0, segmentDistance(local, $1.0, $1.1))
        }
        return nearest * (letterHeight / 6) - strokeWidth / 2
    }

    private static let strokes: [Character: [(Point, Point)]] = [
        "M": path([(0, 0), (0, 6), (2, 3), (4, 6), (4, 0)]),
        "E": path([(4, 0), (0, 0), (0, 6), (4, 6)]) + path([(0, 3), (3, 3)]),
        "T": path([(0, 6), (4, 6)]) + path([(2, 6), (2, 0)]),
        "A": path([(0, 0), (2, 6), (4, 0)]) + path([(0.8, 2), (3.2, 2)]),
        "F": path([(0, 0), (0, 6), (4, 6)]) + path([(0, 3), (3, 3)]),
        "O": path([(1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5), (4, 1), (3, 0), (1, 0)]),
        "R": path([(0, 0), (0, 6), (3, 6), (4, 5), (4, 4), (3, 3), (0, 3)]) + path([(2, 3), (4, 0)]),
        "L": path([(0, 6), (0, 0), (4, 0)]),
        "N": path([(0, 0), (0, 6), (4, 0), (4, 6)]),
        "G": path([(4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0), (3, 0), (4, 1), (4, 3), (2.4, 3)]),
        "8": path([(1, 0), (0, 1), (0, 2), (1, 3), (3, 3), (4, 2), (4, 1), (3, 0), (1, 0)])
            + path([(1, 3), (0.2, 4), (0.2, 5), (1, 6), (3, 6), (3.8, 5), (3.8, 4), (3, 3)]),
        "·": path([(1.7, 3), (2.3, 3)]),
    ]

    private static func path(_ points: [(Float, Float)]) -> [(Point, Point)] {
        zip(points, points.dropFirst()).map { (Point($0.0.0, $0.0.1), Point($0.1.0, $0.1.1)) }
    }
}
