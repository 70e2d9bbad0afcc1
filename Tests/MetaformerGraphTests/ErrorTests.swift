import Testing

@testable import MetaformerGraph

/// A mistake and the text that names it.
struct MistakeCase: Sendable, CustomTestStringConvertible {
    let expected: String
    let make: @Sendable (Graph) throws -> Void

    var testDescription: String { expected }

    init(_ expected: String, _ make: @escaping @Sendable (Graph) throws -> Void) {
        (self.expected, self.make) = (expected, make)
    }

    static let all: [MistakeCase] = [
        .init("add of [2, 3] and [2]: the shapes do not broadcast") {
            _ = try $0.input("a", [2, 3]) + $0.input("b", [2])
        },
        .init("convolution of [1, 3, 8, 8] and [4, 2, 3, 3]: the kernel must have 3 channels per group, not 2") {
            _ = try conv2d($0.input("x", [1, 3, 8, 8]), $0.input("w", [4, 2, 3, 3]))
        },
        .init("convolution of [1, 3, 2, 8] and [4, 3, 3, 3]: the kernel is larger than the padded image") {
            _ = try conv2d($0.input("x", [1, 3, 2, 8]), $0.input("w", [4, 3, 3, 3]))
        },
        .init("convolution of [1, 3, 8, 8] and [4, 3, 3, 3]: strides must be at least 1") {
            _ = try conv2d($0.input("x", [1, 3, 8, 8]), $0.input("w", [4, 3, 3, 3]), stride: 0)
        },
        .init("convolution of [1, 4, 6, 6]: the bias must be [4], not [3]") {
            _ = try conv2d($0.input("x", [1, 3, 8, 8]), $0.input("w", [4, 3, 3, 3]), bias: $0.input("b", [3]))
        },
        .init("transposed convolution of [1, 3, 8, 8] and [3, 4, 4, 4]: no convolution takes") {
            _ = try convTranspose2d(
                $0.input("x", [1, 3, 8, 8]), $0.input("w", [3, 4, 4, 4]), stride: 2, outputPadding: 2)
        },
        .init("transposed convolution of [1, 3, 8, 8] and [3, 4, 4, 4]: images are") {
            _ = try convTranspose2d($0.input("x", [1, 3, 8, 8]), $0.input("w", [3, 4, 4, 4]), stride: Int.max)
        },
        .init("matmul of [2, 3] and [4, 5]: the inner dimensions must agree: a has 3 columns and b 4 rows") {
            _ = try matmul($0.input("a", [2, 3]), $0.input("b", [4, 5]))
        },
        .init("matmul of [2, 4, 3] and [3, 3, 5]: the leading dimensions must be equal") {
            _ = try matmul($0.input("a", [2, 4, 3]), $0.input("b", [3, 3, 5]))
        },
        .init("cholesky of [2, 3]: takes square matrices") { _ = try cholesky($0.input("a", [2, 3])) },
        .init("cholesky of [3]: takes square matrices") { _ = try cholesky($0.input("a", [3])) },
        .init("triangular solve of [2, 3] and [3, 1]: L must be square") {
            _ = try triangularSolve($0.input("l", [2, 3]), $0.input("b", [3, 1]))
        },
        .init("triangular solve of [3, 3] and [2, 1]: B must have the 3 rows that L has, not 2") {
            _ = try triangularSolve($0.input("l", [3, 3]), $0.input("b", [2, 1]))
        },
        .init("triangular solve of [2, 3, 3] and [4, 3, 1]: the leading dimensions of L must be those of B, or 1") {
            _ = try triangularSolve($0.input("l", [2, 3, 3]), $0.input("b", [4, 3, 1]))
        },
        .init("triangular solve of [3] and [3, 1]: matrices have at least rank 2") {
            _ = try triangularSolve($0.input("l", [3]), $0.input("b", [3, 1]))
        },
        .init("linear of [2, 3] and [4, 3]: the bias must be [4], not [3]") {
            _ = try linear($0.input("x", [2, 3]), $0.input("w", [4, 3]), bias: $0.input("b", [3]))
        },
        .init("reshape of [2, 3]: 6 elements do not fill [4]") { _ = try $0.input("x", [2, 3]).reshape(to: [4]) },
        .init("reshape of [2, 3]: 6 elements do not fill [-2, -3]") {
            _ = try $0.input("x", [2, 3]).reshape(to: [-2, -3])
        },
        .init("broadcast of [2, 3]: the shape does not broadcast to [3, 2]") {
            _ = try $0.input("x", [2, 3]).broadcast(to: [3, 2])
        },
        .init("sum of [2, 3]: there is no axis 2") { _ = try $0.input("x", [2, 3]).sum(axes: [2]) },
        .init("transpose of [2, 3]: [0, 0] is no order of the axes 0..<2") {
            _ = try $0.input("x", [2, 3]).transpose([0, 0])
        },
        .init("slice of [2, 3]: [1, 3] from [0, 1] does not lie within the operand") {
            _ = try $0.input("x", [2, 3]).slice(from: [0, 1], shape: [1, 3])
        },
        .init("slice of [4]: [1] from \([Int.max]) does not lie within the operand") {
            _ = try $0.input("x", [4]).slice(from: [Int.max], shape: [1])
        },
        .init("concatenate of [2, 3] and [3, 3]: the dimensions other than that of axis 1 must be equal") {
            _ = try concatenate([$0.input("a", [2, 3]), $0.input("b", [3, 3])], axis: 1)
        },
        .init("concatenate: there is nothing to concatenate") { _ in _ = try concatenate([], axis: 0) },
        .init("pad of [2]: takes 1 count each before and after, none negative") {
            _ = try $0.input("x", [2]).pad(before: [-1], after: [0])
        },
        .init("reflect pad of [1, 3]: reflects at most a dimension less 1") {
            _ = try $0.input("x", [1, 3]).reflectPad(1)
        },
        .init("max pool of [1, 1, 2, 2] and [1, 1, 2, 2]: the window is larger") {
            _ = try maxPool($0.input("x", [1, 1, 2, 2]), kernel: 3)
        },
        .init("average pool of [2, 2]: images are [N, C, H, W]") {
            _ = try averagePool($0.input("x", [2, 2]), kernel: 2)
        },
        .init("resize of [2, 2]: resizes the last two axes, to at least 1 × 1") {
            _ = try resizeBilinear($0.input("x", [2, 2]), height: 0, width: 2)
        },
        .init("softmax of []: a scalar has no last axis") { _ = try softmax($0.input("x", [])) },
        .init("standardize of [3]: takes 1 to 1 axes, not 2") { _ = try standardize($0.input("x", [3]), axes: 2) },
        .init("layer norm of [2, 3] and [2] and [3]: weight and bias have the last dimension of x") {
            _ = try layerNorm($0.input("x", [2, 3]), weight: $0.input("w", [2]), bias: $0.input("b", [3]))
        },
        .init("leaky ReLU of [3]: the slope is 1.5, not between 0 and 1") {
            _ = try leakyReLU($0.input("x", [3]), slope: 1.5)
        },
        .init("Gaussian filter of [9, 9]: takes 1 to 63 taps and a positive sigma") {
            _ = try gaussianFilter($0.input("x", [9, 9]), taps: 65, sigma: 1)
        },
        .init("window filter of [2, 2]: the image is smaller than the 3 taps") {
            _ = try gaussianFilter($0.input("x", [2, 2]), taps: 3, sigma: 1)
        },
        .init("input \"x\": [2, 0] is no shape") { _ = try $0.input("x", [2, 0]) },
        .init("input \"x\": [1, 1, 1, 1, 1, 1, 1] is no shape: rank 0 to 6") {
            _ = try $0.input("x", [1, 1, 1, 1, 1, 1, 1])
        },
        .init("add of [65536, 1] and [65536]: [65536, 65536] is no shape") {
            _ = try $0.input("a", [65536, 1]) + $0.input("b", [65536])
        },
        .init("input \"x\" of [3]: the name already stands for an input of [2]") {
            _ = try $0.input("x", [2])
            _ = try $0.input("x", [3])
        },
        .init("variable \"x\" of [2]: the name already stands for an input of [2]") {
            _ = try $0.input("x", [2])
            _ = try $0.variable("x", [2])
        },
        .init("program of [2]: output \"x\" has the name of an input or a variable") {
            let x = try $0.input("x", [2])
            _ = try Program(graph: $0, outputs: [("x", exp(x))])
        },
        .init("variable of [2]: the name must not be empty") { _ = try $0.variable("", [2]) },
        .init("constant of [3]: 2 values do not fill the shape") { _ = try $0.constant([1, 2], [3]) },
        .init("add of [] and []: the operands belong to different graphs") {
            _ = try $0.constant(1) + Graph().constant(1)
        },
        .init("gradient of [2]: only a scalar has a gradient") {
            let x = try $0.input("x", [2])
            _ = try gradient(of: x, withRespectTo: [x])
        },
        .init("Hessian-vector product of [3]: the vectors must be [[2]]") {
            let x = try $0.input("x", [2])
            _ = try hessianVectorProduct(of: x.sum(), withRespectTo: [x], vectors: [$0.input("v", [3])])
        },
        .init("program: there is nothing to compute") { _ = try Program(graph: $0, outputs: []) },
        .init("program of [2]: output \"y\": names must differ") {
            let x = try $0.input("x", [2])
            _ = try Program(graph: $0, outputs: [("y", x), ("y", x)])
        },
        .init("program of [2]: there is no variable \"w\" to update") {
            _ = try Program(graph: $0, outputs: [], updates: [("w", $0.input("x", [2]))])
        },
        .init("program of [2]: the update of variable \"w\" must be [3]") {
            _ = try $0.variable("w", [3])
            _ = try Program(graph: $0, outputs: [], updates: [("w", $0.input("x", [2]))])
        },
        .init("evaluate: no values for input \"x\"") { _ = try $0.evaluate([$0.input("x", [2])]) },
        .init("evaluate of [2]: input \"x\" has 3 values") {
            _ = try $0.evaluate([$0.input("x", [2])], inputs: ["x": [1, 2, 3]])
        },
    ]
}

@Suite("Mistakes are named")
struct ErrorTests {
    @Test("error", arguments: MistakeCase.all)
    func mistakeIsNamed(_ test: MistakeCase) throws {
        let error = try #require(throws: GraphError.self) { try test.make(Graph()) }
        #expect(error.description.hasPrefix(test.expected), "\(error)")
    }
}
