/// Floats at a fixed, aligned address, so that the engine can keep a pointer to them.
///
/// Not synchronised: while one thread writes, or runs a program that does, no other may use it.
public final class FloatBuffer: @unchecked Sendable {
    /// The elements. Valid as long as the buffer is.
    public let pointer: UnsafeMutablePointer<Float>
    public let count: Int
    /// Whose elements these are, where they are part of another buffer.
    private let owner: FloatBuffer?

    /// A buffer of zeros.
    public init(count: Int) {
        self.count = count
        owner = nil
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
        pointer = bytes.bindMemory(to: Float.self, capacity: max(count, 1))
        pointer.initialize(repeating: 0, count: count)
    }

    public convenience init(_ values: some Collection<Float>) {
        self.init(count: values.count)
        assign(values)
    }

    /// A part of another buffer: the same elements, which live as long as either does.
    public init(_ owner: FloatBuffer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= owner.count)
        self.owner = owner
        pointer = owner.pointer + range.lowerBound
        count = range.count
    }

    deinit { if owner == nil { pointer.deallocate() } }

    /// Replaces the first elements; values beyond `count` are ignored.
    public func assign(_ values: some Collection<Float>) {
        _ = UnsafeMutableBufferPointer(start: pointer, count: count).update(fromContentsOf: values.prefix(count))
    }

    public func fill(_ value: Float) { pointer.update(repeating: value, count: count) }

    public var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < count)
            return pointer[index]
        }
        set {
            precondition(index >= 0 && index < count)
            pointer[index] = newValue
        }
    }
}
