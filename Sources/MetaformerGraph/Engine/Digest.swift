import Foundation
import MetaformerEngine

/// What tells bytes from others that were not made to deceive: XXH3, 64 bits, the same on every machine.
public struct Digest: Sendable, Hashable {
    public let value: UInt64

    public init(of bytes: some ContiguousBytes) {
        value = bytes.withUnsafeBytes { mf_digest($0.baseAddress, $0.count) }
    }

    /// Of the contents of a file, which must be readable.
    public init(contentsOf url: URL) throws { self.init(of: try Data(contentsOf: url)) }

    /// In hexadecimal.
    public var text: String { String(value, radix: 16) }
}
