import Foundation
import MetaformerEngine

/// What tells bytes from others that were not made to deceive: 64 bits, the same on every machine.
public func digest(of bytes: some ContiguousBytes) -> UInt64 {
    bytes.withUnsafeBytes { mf_digest($0.baseAddress, $0.count) }
}
