import Foundation

/// The steps of an expression, as numbered by the engine's `steps.def`.
public enum Function: UInt32, CaseIterable, Sendable {
    case constant = 1
    case add
    case subtract
    case multiply
    case divide
    case maximum
    case minimum
    case greater
    case select
    case negate
    case absolute
    case sign
    case squareRoot
    case exponential
    case logarithm
    case tanh
    case sigmoid

    public var arity: Int {
        switch self {
        case .constant: 0
        case .add, .subtract, .multiply, .divide, .maximum, .minimum, .greater: 2
        case .select: 3
        case .negate, .absolute, .sign, .squareRoot, .exponential, .logarithm, .tanh, .sigmoid: 1
        }
    }

    /// Whether recomputing the step costs less than storing and loading its result.
    var isCheap: Bool {
        switch self {
        case .divide, .squareRoot, .exponential, .logarithm, .tanh, .sigmoid: false
        default: true
        }
    }

    /// The value of the step in Double; `arguments` has `arity` elements.
    func callAsFunction(_ arguments: [Double]) -> Double {
        switch self {
        case .constant: 0
        case .add: arguments[0] + arguments[1]
        case .subtract: arguments[0] - arguments[1]
        case .multiply: arguments[0] * arguments[1]
        case .divide: arguments[0] / arguments[1]
        case .maximum: arguments[0] > arguments[1] ? arguments[0] : arguments[1]
        case .minimum: arguments[0] < arguments[1] ? arguments[0] : arguments[1]
        case .greater: arguments[0] > arguments[1] ? 1 : 0
        case .select: arguments[0] != 0 ? arguments[1] : arguments[2]
        case .negate: -arguments[0]
        case .absolute: abs(arguments[0])
        case .sign: arguments[0] > 0 ? 1 : arguments[0] < 0 ? -1 : 0
        case .squareRoot: arguments[0].squareRoot()
        case .exponential: exp(arguments[0])
        case .logarithm: log(arguments[0])
        case .tanh: Foundation.tanh(arguments[0])
        case .sigmoid: 1 / (1 + exp(-arguments[0]))
        }
    }
}

/// A straight line of steps over values: value 0 … `inputCount` - 1 are inputs, value `inputCount` + i is the result of
/// step i, and the last value is the result (without steps, value 0).
public struct Expression: Hashable, Sendable {
    public struct Step: Hashable, Sendable {
        public var function: Function
        public var operands: [Int]
        /// The value of a constant step; 0 for any other.
        public var constant: Float = 0
    }

    public var inputCount: Int
    public var steps: [Step]

    /// The most values, inputs included, that the engine accepts.
    public static let maximumValues = 128
    /// The most inputs that a pass gives an expression.
    static let maximumInputs = 16

    /// The expression that passes its first input on.
    public static let identity = Expression(inputCount: 1, steps: [])

    public init(inputCount: Int, steps: [Step]) {
        self.inputCount = inputCount
        self.steps = steps
    }

    /// One step over as many inputs.
    init(_ function: Function) {
        self.init(
            inputCount: function.arity, steps: [Step(function: function, operands: Array(0..<function.arity))])
    }

    public var valueCount: Int { inputCount + steps.count }
    var isIdentity: Bool { steps.isEmpty }

    /// The value in Double, constants as the floats that they are.
    public func evaluate(_ inputs: [Double]) -> Double {
        var values = inputs
        for step in steps {
            if step.function == .constant {
                values.append(Double(step.constant))
            } else {
                values.append(step.function(step.operands.map { values[$0] }))
            }
        }
        return steps.isEmpty ? values[0] : values[values.count - 1]
    }
}

/// Puts an expression together from others: equal inputs and equal steps appear once.
struct ExpressionBuilder<Input: Hashable> {
    enum Value: Hashable {
        case input(Int)
        case step(Int)
    }

    private struct Step: Hashable {
        var function: Function
        var operands: [Value]
        var constant: Float
    }

    private(set) var inputs: [Input] = []
    private var steps: [Step] = []
    private var inputNumbers: [Input: Int] = [:]
    private var stepNumbers: [Step: Int] = [:]

    mutating func input(_ input: Input) -> Value {
        if let number = inputNumbers[input] { return .input(number) }
        inputs.append(input)
        inputNumbers[input] = inputs.count - 1
        return .input(inputs.count - 1)
    }

    mutating func constant(_ value: Float) -> Value {
        append(Step(function: .constant, operands: [], constant: value))
    }

    /// Adds the steps of `expression` over `arguments` and returns its result.
    mutating func append(_ expression: Expression, _ arguments: [Value]) -> Value {
        var values = arguments
        for step in expression.steps {
            let operands = step.operands.map { values[$0] }
            values.append(append(Step(function: step.function, operands: operands, constant: step.constant)))
        }
        return expression.steps.isEmpty ? values[0] : values[values.count - 1]
    }

    private mutating func append(_ step: Step) -> Value {
        if let number = stepNumbers[step] { return .step(number) }
        steps.append(step)
        stepNumbers[step] = steps.count - 1
        return .step(steps.count - 1)
    }

    /// Whether a value may be the result: the step made last, or without steps the first input.
    func isLast(_ value: Value) -> Bool {
        value == (steps.isEmpty ? .input(0) : .step(steps.count - 1))
    }

    /// The expression so far; its result must be the value made last, or the only input.
    func expression() -> Expression {
        let number = { (value: Value) -> Int in
            switch value {
            case .input(let index): index
            case .step(let index): inputs.count + index
            }
        }
        return Expression(
            inputCount: inputs.count,
            steps: steps.map {
                Expression.Step(function: $0.function, operands: $0.operands.map(number), constant: $0.constant)
            })
    }
}
