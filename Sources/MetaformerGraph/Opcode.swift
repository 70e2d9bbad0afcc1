/// The instructions of a program, as numbered by the engine's `ops.def`, which is the contract for both sides.
public enum Opcode: UInt32, CaseIterable, Sendable {
    case pointwise = 1
    case convolution
    case convolutionInputGradient
    case convolutionWeightGradient
    case matmul
    case reduce
    case transpose
    case slice
    case concatenate
    case pad
    case reflectPadAdjoint
    case maxPoolGather
    case maxPoolScatter
    case averagePool
    case averagePoolAdjoint
    case resize
    case softmax
    case softmaxGradient
    case standardize
    case standardizeGradient
    case attention
    case windowFilter

    /// Operands that the instruction itself reads; nil for any number.
    public var fixedInputs: Int? {
        switch self {
        case .pointwise, .reduce, .concatenate: nil
        case .convolution, .convolutionInputGradient, .convolutionWeightGradient, .matmul, .maxPoolGather,
            .maxPoolScatter, .softmaxGradient, .standardizeGradient:
            2
        case .attention: 3
        case .transpose, .slice, .pad, .reflectPadAdjoint, .averagePool, .averagePoolAdjoint, .resize, .softmax,
            .standardize, .windowFilter:
            1
        }
    }

    /// Whether the instruction carries an expression.
    public var hasExpression: Bool { fixedInputs == nil ? self != .concatenate : hasEpilogue }

    /// Whether the instruction applies an expression to its own result before storing it.
    public var hasEpilogue: Bool {
        switch self {
        case .convolution, .convolutionInputGradient, .convolutionWeightGradient, .matmul, .standardize: true
        default: false
        }
    }

    /// Attribute words of an instruction that carries an expression, which come before it.
    var attributeCount: Int {
        switch self {
        case .convolution, .convolutionInputGradient, .convolutionWeightGradient: 7
        case .matmul, .reduce, .standardize: 2
        default: 0
        }
    }

    /// Whether the output may be the very buffer of operand `index`, which has the output's own dimensions.
    func allowsInPlace(operand index: Int) -> Bool {
        switch self {
        case .pointwise, .softmaxGradient, .standardizeGradient, .softmax, .standardize: true
        // An epilogue reads the element of a full-shape operand just before it stores that element.
        case .convolution, .convolutionInputGradient, .convolutionWeightGradient, .matmul: index >= 2
        default: false
        }
    }
}
