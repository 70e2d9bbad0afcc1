import Testing

@testable import MetaformerGraph

@Suite("Shapes")
struct ShapeTests {
    @Test(
        "broadcasting",
        arguments: [
            ([2, 1, 3], [4, 1], [2, 4, 3]), ([], [2], [2]), ([5], [5], [5]), ([2], [3], nil), ([2, 3], [2], nil),
        ] as [(Shape, Shape, Shape?)])
    func broadcasting(_ a: Shape, _ b: Shape, _ expected: Shape?) {
        #expect(a.broadcast(with: b) == expected)
        #expect(b.broadcast(with: a) == expected)
    }

    @Test("strides") func strides() {
        #expect(Shape([2, 3, 4]).strides == [12, 4, 1])
        #expect(Shape.scalar.strides == [])
    }

    /// How an operand of an expression over `shape` must be seen when the expression is evaluated over `view`.
    @Test(
        "operands seen through a reshape",
        arguments: [
            ([8, 1, 1], [2, 8, 4, 4], [2, 8, 16], [1, 8, 1]),
            ([8, 1, 1], [2, 8, 4, 4], [16, 16], nil),
            ([2, 1, 1, 1], [2, 8, 4, 4], [2, 128], [2, 1]),
            ([5], [2, 3, 5], [6, 5], [1, 5]),
            ([3, 5], [2, 3, 5], [6, 5], nil),
            ([3, 1], [2, 3, 5], [1, 2, 3, 1, 5], [1, 1, 3, 1, 1]),
            ([2, 3, 5], [2, 3, 5], [30], [30]),
            ([1], [2, 3, 5], [30], []),
            ([4, 1, 1], [2, 4, 1, 1], [1, 2, 4], [1, 1, 4]),
        ] as [(Shape, Shape, Shape, Shape?)])
    func seenThroughReshape(_ operand: Shape, _ shape: Shape, _ view: Shape, _ expected: Shape?) {
        let seen = operand.seen(through: shape, as: view)
        #expect(seen == expected)
        if let seen {
            #expect(seen.broadcastOffsets(to: view) == operand.broadcastOffsets(to: shape))
        }
    }
}
