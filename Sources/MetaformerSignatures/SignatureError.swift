/// Why a key cannot be used, or a signature is refused.
public struct SignatureError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
