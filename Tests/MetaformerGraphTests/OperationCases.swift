import Testing

@testable import MetaformerGraph

/// An operation at one set of shapes and attributes, as a function of variables.
struct OperationCase: Sendable, CustomTestStringConvertible {
    let name: String
    let shapes: [Shape]
    /// The range of the variables' elements.
    var range: ClosedRange<Double> = -1...1
    /// Whether ONNX has no operator for it.
    var hasNoCounterpart = false
    let build: @Sendable ([Tensor]) throws -> Tensor

    var testDescription: String { "\(name) \(shapes)" }

    static let all: [OperationCase] = arithmetic + images + layout + normalization + systems

    static let arithmetic: [OperationCase] = [
        .init(name: "add", shapes: [[2, 3], [3]]) { try $0[0] + $0[1] },
        .init(name: "add, both broadcast", shapes: [[2, 1, 3], [4, 1]]) { try $0[0] + $0[1] },
        .init(name: "subtract", shapes: [[2, 1], [2, 3]]) { try $0[0] - $0[1] },
        .init(name: "multiply", shapes: [[2, 3], [1, 3]]) { try $0[0] * $0[1] },
        .init(name: "multiply, scalar", shapes: [[2, 3], []]) { try $0[0] * $0[1] },
        .init(name: "divide", shapes: [[2, 3], [2, 1]], range: 0.5...2) { try $0[0] / $0[1] },
        .init(name: "maximum", shapes: [[3, 4], [4]]) { try maximum($0[0], $0[1]) },
        .init(name: "minimum", shapes: [[3, 4], [3, 1]]) { try minimum($0[0], $0[1]) },
        .init(name: "select", shapes: [[3, 4], [4], [3, 1]]) { try select(greater($0[0], 0.1 * $0[0]), $0[1], $0[2]) },
        .init(name: "negate", shapes: [[5]]) { try -$0[0] },
        .init(name: "abs", shapes: [[7]]) { try abs($0[0]) },
        .init(name: "sqrt", shapes: [[5]], range: 0.5...2) { try sqrt($0[0]) },
        .init(name: "exp", shapes: [[5]]) { try exp($0[0]) },
        .init(name: "log", shapes: [[5]], range: 0.5...2) { try log($0[0]) },
        .init(name: "tanh", shapes: [[5]]) { try tanh($0[0]) },
        .init(name: "sigmoid", shapes: [[5]]) { try sigmoid($0[0]) },
        .init(name: "relu", shapes: [[9]]) { try relu($0[0]) },
        .init(name: "leaky ReLU", shapes: [[9]]) { try leakyReLU($0[0], slope: 0.2) },
        .init(name: "square", shapes: [[5]]) { try square($0[0]) },
        .init(name: "broadcast", shapes: [[3, 1]]) { try $0[0].broadcast(to: [2, 3, 4]) },
        .init(name: "sum, middle", shapes: [[2, 3, 4]]) { try $0[0].sum(axes: [1]) },
        .init(name: "sum, outer kept", shapes: [[2, 3, 4]]) { try $0[0].sum(axes: [0, -1], keepDims: true) },
        .init(name: "mean", shapes: [[2, 3]]) { try $0[0].mean() },
        .init(name: "max", shapes: [[3, 5]]) { try $0[0].max(axes: [1]) },
        .init(name: "max, all", shapes: [[3, 5]]) { try $0[0].max() },
        .init(name: "matmul", shapes: [[2, 3], [3, 4]]) { try matmul($0[0], $0[1]) },
        .init(name: "matmul aᵀ", shapes: [[2, 3, 2], [2, 3, 4]]) { try matmul($0[0], $0[1], transposeA: true) },
        .init(name: "matmul bᵀ", shapes: [[2, 3], [4, 3]]) { try matmul($0[0], $0[1], transposeB: true) },
        .init(name: "matmul aᵀbᵀ", shapes: [[2, 3, 2], [2, 4, 3]]) {
            try matmul($0[0], $0[1], transposeA: true, transposeB: true)
        },
        .init(name: "matmul, shared b", shapes: [[2, 2, 3], [3, 4]]) { try matmul($0[0], $0[1]) },
        .init(name: "matmul, shared a", shapes: [[4, 3], [2, 3, 2]]) { try matmul($0[0], $0[1]) },
        .init(name: "matmul aᵀ, shared b", shapes: [[2, 3, 2], [3, 4]]) {
            try matmul($0[0], $0[1], transposeA: true)
        },
        .init(name: "linear", shapes: [[2, 3, 4], [5, 4], [5]]) { try linear($0[0], $0[1], bias: $0[2]) },
    ]

    static let images: [OperationCase] = [
        .init(name: "conv2d", shapes: [[2, 3, 5, 4], [2, 3, 3, 3], [2]]) {
            try conv2d($0[0], $0[1], bias: $0[2], padding: Padding(1))
        },
        .init(name: "conv2d, stride 2, asymmetric", shapes: [[1, 2, 6, 7], [3, 2, 3, 2]]) {
            try conv2d($0[0], $0[1], stride: 2, padding: Padding(top: 0, left: 1, bottom: 2, right: 0))
        },
        .init(name: "conv2d, groups", shapes: [[1, 4, 4, 4], [6, 2, 2, 3]]) { try conv2d($0[0], $0[1], groups: 2) },
        .init(name: "convTranspose2d", shapes: [[2, 3, 3, 2], [3, 2, 4, 4], [2]]) {
            try convTranspose2d($0[0], $0[1], bias: $0[2], stride: 2, padding: Padding(1))
        },
        .init(name: "convTranspose2d, output padding, groups", shapes: [[1, 4, 2, 3], [4, 2, 3, 3]]) {
            try convTranspose2d($0[0], $0[1], stride: 2, padding: Padding(1), outputPadding: 1, groups: 2)
        },
        .init(name: "weight gradient", shapes: [[2, 4, 5, 5], [2, 2, 3, 3]], hasNoCounterpart: true) {
            let geometry = ConvolutionGeometry(stride: [2, 2], padding: Padding(1), groups: 2)
            let operation = ConvolutionWeightGradient(geometry: geometry, height: 3, width: 3)
            return try $0[0].graph.apply(operation, to: $0)
        },
        .init(name: "max pool", shapes: [[1, 2, 4, 6]]) { try maxPool($0[0], kernel: 2) },
        .init(name: "max pool, overlapping, padded", shapes: [[1, 2, 5, 5]]) {
            try maxPool($0[0], kernel: 3, stride: 2, padding: Padding(1))
        },
        .init(name: "average pool", shapes: [[1, 2, 4, 6]]) { try averagePool($0[0], kernel: 2) },
        .init(name: "average pool, overlapping, odd", shapes: [[1, 1, 6, 5]]) {
            try averagePool($0[0], kernel: 3, stride: 2)
        },
        .init(name: "nearest up", shapes: [[1, 2, 2, 3]]) { try resizeNearest($0[0], height: 5, width: 6) },
        .init(name: "bilinear up", shapes: [[1, 2, 2, 3]]) { try resizeBilinear($0[0], height: 4, width: 7) },
        .init(name: "bilinear down", shapes: [[2, 5, 6]]) { try resizeBilinear($0[0], height: 3, width: 2) },
        .init(name: "window filter", shapes: [[1, 2, 6, 5]]) { try gaussianFilter($0[0], taps: 3, sigma: 1) },
    ]

    static let layout: [OperationCase] = [
        .init(name: "reshape", shapes: [[2, 6]]) { try $0[0].reshape(to: [3, 4]) },
        .init(name: "transpose", shapes: [[2, 3, 4]]) { try $0[0].transpose([2, 0, 1]) },
        .init(name: "slice", shapes: [[3, 5]]) { try $0[0].slice(from: [1, 2], shape: [2, 2]) },
        .init(name: "concatenate", shapes: [[2, 1, 3], [2, 2, 3]]) { try concatenate($0, axis: 1) },
        .init(name: "concatenate, one tensor twice", shapes: [[2, 3]]) { try concatenate([$0[0], $0[0]], axis: -1) },
        .init(name: "pad", shapes: [[2, 3]]) { try $0[0].pad(before: [1, 0], after: [0, 2]) },
        .init(name: "reflect pad", shapes: [[1, 1, 4, 3]]) { try $0[0].reflectPad(2) },
        .init(name: "reflect pad of a wide row", shapes: [[1, 2, 2, 7]]) { try $0[0].reflectPad(1) },
    ]

    static let normalization: [OperationCase] = [
        .init(name: "softmax", shapes: [[2, 3, 4]]) { try softmax($0[0]) },
        .init(name: "softmax gradient", shapes: [[2, 4], [2, 4]], hasNoCounterpart: true) {
            try $0[0].graph.apply(SoftmaxGradient(), to: $0)
        },
        .init(name: "softmax gradient, one tensor twice", shapes: [[2, 4]], hasNoCounterpart: true) {
            try $0[0].graph.apply(SoftmaxGradient(), to: [$0[0], $0[0]])
        },
        .init(name: "standardize", shapes: [[2, 3, 4]]) { try standardize($0[0], axes: 2, epsilon: 0.1) },
        .init(name: "standardize gradient", shapes: [[2, 5], [2, 5]], hasNoCounterpart: true) {
            try $0[0].graph.apply(StandardizeGradient(axes: 1, epsilon: 0.1), to: $0)
        },
        .init(name: "layer norm", shapes: [[2, 3, 5], [5], [5]]) {
            try layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 0.1)
        },
        .init(name: "instance norm", shapes: [[2, 2, 2, 3], [2], [2]]) {
            try instanceNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 0.1)
        },
        .init(name: "batch norm", shapes: [[2, 2, 2, 3], [2], [2], [2], [2]], range: 0.5...1.5) {
            try batchNorm($0[0], mean: $0[1], variance: $0[2], weight: $0[3], bias: $0[4])
        },
        .init(name: "attention", shapes: [[2, 3, 2], [2, 4, 2], [2, 4, 3]], hasNoCounterpart: true) {
            try $0[0].graph.apply(Attention(scale: 0.7), to: $0)
        },
    ]

    /// Of matrices with a diagonal that keeps them regular.
    static let systems: [OperationCase] = [
        .init(name: "cholesky", shapes: [[3, 4]], hasNoCounterpart: true) {
            try cholesky(ridged(matmul($0[0], $0[0], transposeB: true)))
        },
        .init(name: "cholesky, batched", shapes: [[2, 2, 4, 4]], hasNoCounterpart: true) {
            try cholesky(ridged(matmul($0[0], $0[0], transposeB: true)))
        },
        .init(name: "inverse by both", shapes: [[3, 3], [3, 2]], hasNoCounterpart: true) {
            let l = try cholesky(ridged(matmul($0[0], $0[0], transposeB: true)))
            return try triangularSolve(l, triangularSolve(l, $0[1]), transposed: true)
        },
        .init(name: "triangular solve", shapes: [[3, 3], [3, 2]], hasNoCounterpart: true) {
            try triangularSolve(ridged($0[0]), $0[1])
        },
        .init(name: "triangular solve, transposed", shapes: [[2, 3, 3], [2, 3, 4]], hasNoCounterpart: true) {
            try triangularSolve(ridged($0[0]), $0[1], transposed: true)
        },
        .init(name: "triangular solve, one matrix", shapes: [[1, 5, 5], [2, 2, 5, 1]], hasNoCounterpart: true) {
            try triangularSolve(ridged($0[0]), $0[1])
        },
        .init(name: "triangular solve, one matrix, transposed", shapes: [[2, 2], [3, 2, 2]], hasNoCounterpart: true) {
            try triangularSolve(ridged($0[0]), $0[1], transposed: true)
        },
    ]

    /// x + 2 I.
    private static func ridged(_ x: Tensor) throws -> Tensor {
        let n = x.shape[x.rank - 1]
        return try x + x.graph.constant((0..<n * n).map { $0 % (n + 1) == 0 ? 2 : 0 }, [n, n])
    }

    /// The case in a graph of its own, with the variables' values.
    func instance(seed: UInt64 = 1) throws -> (graph: Graph, variables: [Tensor], output: Tensor, values: Values) {
        let graph = Graph()
        let variables = try shapes.enumerated().map { try graph.variable("v\($0)", $1) }
        var generator = SplitMix(state: seed)
        var values: Values = [:]
        for (index, shape) in shapes.enumerated() {
            values["v\(index)"] = (0..<shape.count).map { _ in generator.uniform(in: range) }
        }
        return try (graph, variables, build(variables), values)
    }
}

typealias Values = [String: [Double]]

/// The SplitMix64 generator: the same numbers everywhere.
struct SplitMix {
    var state: UInt64

    mutating func uniform(in range: ClosedRange<Double>) -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        z ^= z >> 31
        return range.lowerBound + (range.upperBound - range.lowerBound) * Double(z >> 11) / Double(1 << 53)
    }

    mutating func values(_ count: Int, in range: ClosedRange<Double> = -1...1) -> [Double] {
        (0..<count).map { _ in uniform(in: range) }
    }
}

/// The largest difference, relative to the largest magnitude (at least 1e-3).
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let scale = max(1e-3, (a + b).map { Swift.abs($0) }.max() ?? 0)
    let differences = zip(a, b).map { Swift.abs($0 - $1) }
    return differences.contains { !$0.isFinite } ? .infinity : (differences.max() ?? 0) / scale
}
