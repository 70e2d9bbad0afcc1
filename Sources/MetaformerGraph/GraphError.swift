/// What is wrong with a graph or a program: the operation, its operands, and what would be right.
public struct GraphError: Error, Equatable, Sendable, CustomStringConvertible {
    public let operation: String
    public let operands: [Shape]
    public let problem: String

    public init(_ operation: String, _ operands: [Shape] = [], _ problem: String) {
        self.operation = operation
        self.operands = operands
        self.problem = problem
    }

    /// For example "convolution of [1, 3, 8, 8] and [4, 2, 3, 3]: the kernel must have 3 channels per group, not 2".
    public var description: String {
        guard !operands.isEmpty else { return "\(operation): \(problem)" }
        return "\(operation) of \(operands.map(\.description).joined(separator: " and ")): \(problem)"
    }
}
