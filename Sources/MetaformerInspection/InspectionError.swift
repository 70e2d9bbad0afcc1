import Foundation

/// Why images cannot be inspected, or a model not be calibrated: what is wrong, and what would be right.
public struct InspectionError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    public let description: String
    public init(_ description: String) { self.description = description }
    public var errorDescription: String? { description }
}
