import Testing

@testable import MetaformerGraph

/// A value worked out by hand.
struct ValueCase: Sendable, CustomTestStringConvertible {
    let name: String
    let expected: [Double]
    let build: @Sendable (Graph) throws -> Tensor

    var testDescription: String { name }

    init(_ name: String, _ expected: [Double], _ build: @escaping @Sendable (Graph) throws -> Tensor) {
        (self.name, self.expected, self.build) = (name, expected, build)
    }

    /// 1, 2, 3 … in this shape.
    static func counting(_ graph: Graph, _ shape: Shape) throws -> Tensor {
        try graph.constant((1...shape.count).map(Float.init), shape)
    }

    static let all: [ValueCase] = [
        .init("broadcast sum", [11, 12, 23, 24]) {
            try counting($0, [2, 2]) + $0.constant([10, 20], [2, 1])
        },
        .init("greater", [0, 0, 1]) { try greater(counting($0, [3]), $0.constant(2)) },
        .init("sign", [-1, 0, 1]) { try sign(counting($0, [3]) - 2) },
        .init("select", [7, 2, 7]) {
            try select($0.constant([1, 0, -1], [3]), $0.constant(7), counting($0, [3]))
        },
        .init("leaky ReLU", [-0.25, 0, 1]) { try leakyReLU(counting($0, [3]) - 2, slope: 0.25) },
        .init("sum of rows", [6, 15]) { try counting($0, [2, 3]).sum(axes: [-1]) },
        .init("max of columns", [4, 5, 6]) { try counting($0, [2, 3]).max(axes: [0]) },
        .init("mean", [3.5]) { try counting($0, [2, 3]).mean() },
        .init("matmul", [7, 10, 15, 22]) { try matmul(counting($0, [2, 2]), counting($0, [2, 2])) },
        .init("matmul bᵀ", [5, 11, 11, 25]) {
            try matmul(counting($0, [2, 2]), counting($0, [2, 2]), transposeB: true)
        },
        .init("linear", [5.5, 10.5]) {
            try linear(counting($0, [1, 2]), counting($0, [2, 2]), bias: $0.constant([0.5, -0.5], [2]))
        },
        // [[1 2 3] [4 5 6] [7 8 9]] with the kernel [[1 2] [3 4]]: 1 + 4 + 12 + 20 first.
        .init("conv2d", [37, 47, 67, 77]) {
            try conv2d(counting($0, [1, 1, 3, 3]), counting($0, [1, 1, 2, 2]))
        },
        .init("conv2d, stride and padding", [4, 18, 36, 77]) {
            try conv2d(
                counting($0, [1, 1, 3, 3]), counting($0, [1, 1, 2, 2]), stride: 2,
                padding: Padding(top: 1, left: 1, bottom: 0, right: 0))
        },
        .init("convTranspose2d", [1, 2, 2, 4, 3, 4, 6, 8, 3, 6, 4, 8, 9, 12, 12, 16]) {
            try convTranspose2d(counting($0, [1, 1, 2, 2]), counting($0, [1, 1, 2, 2]), stride: 2)
        },
        // The 9 is not read.
        .init("cholesky", [2, 0, 3, 1]) { try cholesky($0.constant([4, 9, 6, 10], [2, 2])) },
        // x₁ = 4 / 2, x₂ = (7 − 3 x₁) / 1; the 9 is not read.
        .init("triangular solve", [2, 1]) {
            try triangularSolve($0.constant([2, 9, 3, 1], [2, 2]), $0.constant([4, 7], [2, 1]))
        },
        .init("triangular solve, transposed", [-8.5, 7]) {
            try triangularSolve($0.constant([2, 9, 3, 1], [2, 2]), $0.constant([4, 7], [2, 1]), transposed: true)
        },
        .init("transpose", [1, 4, 2, 5, 3, 6]) { try counting($0, [2, 3]).transpose([1, 0]) },
        .init("slice", [5, 6]) { try counting($0, [2, 3]).slice(from: [1, 1], shape: [1, 2]) },
        .init("concatenate", [1, 2, 9, 3, 4, 9]) {
            try concatenate([counting($0, [2, 2]), $0.full(9, [2, 1])], axis: 1)
        },
        .init("pad", [0, 1, 2, 0, 0, 0]) { try counting($0, [1, 2]).pad(before: [0, 1], after: [1, 0]) },
        .init("reflect pad", [5, 4, 5, 6, 5, 2, 1, 2, 3, 2, 5, 4, 5, 6, 5, 2, 1, 2, 3, 2]) {
            try counting($0, [2, 3]).reflectPad(1)
        },
        .init("max pool", [6, 8, 14, 16]) { try maxPool(counting($0, [1, 1, 4, 4]), kernel: 2) },
        .init("max pool, padding never wins", [-1]) {
            try maxPool($0.full(-1, [1, 1, 2, 2]), kernel: 3, stride: 2, padding: Padding(1))
        },
        .init("average pool", [3.5, 5.5, 11.5, 13.5]) { try averagePool(counting($0, [1, 1, 4, 4]), kernel: 2) },
        .init("nearest", [1, 1, 2, 3, 3]) { try resizeNearest(counting($0, [1, 3]), height: 1, width: 5) },
        // Half-pixel centres: −0.25, 0.25, 0.75, 1.25, clamped.
        .init("bilinear", [1, 1.25, 1.75, 2]) { try resizeBilinear(counting($0, [1, 2]), height: 1, width: 4) },
        .init("softmax", [0.25, 0.75]) { try softmax(log($0.constant([1, 3], [1, 2]))) },
        .init("standardize", [-1, 1]) { try standardize(counting($0, [2]), axes: 1, epsilon: 1e-12) },
        .init("batch norm", [7, 11]) {
            try batchNorm(
                counting($0, [1, 1, 1, 2]), mean: $0.full(-1, [1]), variance: $0.full(0.25, [1]),
                weight: $0.full(2, [1]), bias: $0.full(-1, [1]), epsilon: 1e-12)
        },
        .init("Gaussian filter of a constant", [3, 3, 3, 3]) {
            try gaussianFilter($0.full(3, [1, 1, 6, 6]), taps: 5, sigma: 1.5)
        },
    ]
}

@Suite("Values worked out by hand")
struct ValueTests {
    @Test("value", arguments: ValueCase.all)
    func valueIsRight(_ test: ValueCase) throws {
        let graph = Graph()
        let output = try test.build(graph)
        let values = try graph.evaluate([output])[0]
        #expect(values.count == test.expected.count)
        for (value, expected) in zip(values, test.expected) { #expect(Swift.abs(value - expected) < 1e-6) }
    }

    @Test("Gaussian taps are symmetric and sum to 1")
    func gaussianTapsAreNormalized() {
        let taps = gaussianTaps(count: 11, sigma: 1.5)
        #expect(Swift.abs(taps.reduce(0, +) - 1) < 1e-6)
        #expect(taps == Array(taps.reversed()))
        // exp(−1 / 4.5) of its neighbour, the first of scikit-image's window being 0.00102838.
        #expect(Swift.abs(taps[0] - 0.001_028_38) < 1e-7)
    }

    @Test("operation counts")
    func operationCounts() throws {
        let graph = Graph()
        let x = try graph.input("x", [1, 3, 8, 8])
        let y = try conv2d(x, graph.variable("w", [4, 3, 3, 3]), padding: Padding(1))
        #expect(graph.operationCount(of: [y]) == 2 * 4 * 64 * 27)
        let product = try matmul(graph.input("a", [2, 3]), graph.input("b", [3, 4]))
        #expect(graph.operationCount(of: [product]) == 2 * 2 * 3 * 4)
    }
}
