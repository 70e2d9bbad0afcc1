import Foundation

/// FNV-1a over words of eight bytes: tells contents apart, and protects from nobody.
public struct Checksum: Sendable, Hashable {
    public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    public init(of bytes: some ContiguousBytes) {
        add(bytes)
    }

    public mutating func add(_ bytes: some ContiguousBytes) {
        var hash = value
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while rest.count >= 8 {
                let word = UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: UInt64.self)
                hash = (hash ^ UInt64(littleEndian: word)) &* 0x100_0000_01b3
                // What lies in the high bits reaches the low ones too.
                hash ^= hash >> 32
                rest = rest.dropFirst(8)
            }
            for byte in rest { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ UInt64(bytes.count)) &* 0x100_0000_01b3
        }
        value = hash
    }

    /// In hexadecimal.
    public var text: String { String(value, radix: 16) }
}
