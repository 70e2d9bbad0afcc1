/// A message of Protocol Buffers in its binary form, put together field by field.
struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    /// How the value of a field is stored: the low three bits of its tag.
    private enum WireType: UInt64 {
        case varint = 0
        case lengthDelimited = 2
        case fixed32 = 5
    }

    /// An int32, int64 or enum; negative ones take ten bytes.
    mutating func add(_ field: UInt64, _ value: Int) {
        append(field, .varint)
        append(varint: UInt64(bitPattern: Int64(value)))
    }

    mutating func add(_ field: UInt64, _ value: Float) {
        append(field, .fixed32)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ field: UInt64, _ value: String) { add(field, Array(value.utf8)) }

    mutating func add(_ field: UInt64, _ value: ProtobufMessage) { add(field, value.bytes) }

    mutating func add(_ field: UInt64, _ value: [UInt8]) {
        append(field, .lengthDelimited)
        append(varint: UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func append(_ field: UInt64, _ type: WireType) { append(varint: field << 3 | type.rawValue) }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    private mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
