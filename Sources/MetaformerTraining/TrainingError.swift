import Foundation

/// Why training cannot go on.
public struct TrainingError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    public let description: String
    public var errorDescription: String? { description }

    public init(_ description: String) { self.description = description }
}
