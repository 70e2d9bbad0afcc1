/// The dimensions of a tensor, outermost first; rank 0 to 6, every dimension at least 1.
public struct Shape: Hashable, Sendable, Codable, ExpressibleByArrayLiteral, CustomStringConvertible {
    public let dims: [Int]

    /// The highest rank that a program can hold.
    public static let maximumRank = 6
    /// The most elements that a tensor may have: 8 GiB of floats.
    public static let maximumCount = 1 << 31

    /// The most that a stride, a kernel or padding may be: far beyond use, and far from overflow.
    static let maximumStep = 1 << 20

    public static let scalar = Shape([])

    public init(_ dims: [Int]) { self.dims = dims }
    public init(arrayLiteral elements: Int...) { dims = elements }

    public var rank: Int { dims.count }

    /// The number of elements; 1 for a scalar.
    public var count: Int { dims.reduce(1, *) }

    public subscript(axis: Int) -> Int { dims[axis] }
    public subscript(range: Range<Int>) -> Shape { Shape(Array(dims[range])) }

    public var description: String { "[" + dims.map(String.init).joined(separator: ", ") + "]" }

    /// Row-major strides, in elements.
    public var strides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        for axis in dims.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * dims[axis + 1] }
        return strides
    }

    /// Whether a program can hold a tensor of this shape.
    var isValid: Bool {
        guard rank <= Shape.maximumRank, dims.allSatisfy({ $0 >= 1 }) else { return false }
        var count = 1
        for dim in dims {
            let (product, overflow) = count.multipliedReportingOverflow(by: dim)
            guard !overflow, product <= Shape.maximumCount else { return false }
            count = product
        }
        return true
    }

    // MARK: Broadcasting

    /// The shape with leading dimensions of 1 up to `rank`; unchanged if it has that many already.
    func padded(toRank rank: Int) -> Shape {
        Shape([Int](repeating: 1, count: max(0, rank - self.rank)) + dims)
    }

    /// The shape that two operands broadcast to (aligned to the right, each dimension equal or 1), or nil.
    public func broadcast(with other: Shape) -> Shape? {
        let rank = max(self.rank, other.rank)
        var result: [Int] = []
        for (a, b) in zip(padded(toRank: rank).dims, other.padded(toRank: rank).dims) {
            guard a == b || a == 1 || b == 1 else { return nil }
            result.append(max(a, b))
        }
        return Shape(result)
    }

    /// Whether this shape broadcasts to exactly `target`.
    public func broadcasts(to target: Shape) -> Bool { broadcast(with: target) == target }

    /// The axes of `target` along which this shape repeats; `target` must be a shape it broadcasts to.
    func broadcastAxes(in target: Shape) -> [Int] {
        let padded = padded(toRank: target.rank)
        return target.dims.indices.filter { padded[$0] == 1 && target[$0] != 1 }
    }

    /// The shape with the given axes set to 1.
    func reduced(over axes: [Int]) -> Shape {
        Shape(dims.indices.map { axes.contains($0) ? 1 : dims[$0] })
    }

    /// The shape of an operand that broadcasts to `shape`, after `shape` is seen with the dimensions of `view`; nil
    /// where the operand repeats along a part of a dimension only.
    func seen(through shape: Shape, as view: Shape) -> Shape? {
        if view == shape { return self }
        if count == shape.count { return view }
        if count == 1 { return .scalar }
        let operand = padded(toRank: shape.rank)
        var result: [Int] = []
        var (i, j) = (0, 0)
        while i < shape.rank || j < view.rank {
            // The shortest runs of dimensions from here on with the same product.
            let (firstI, firstJ) = (i, j)
            var (product, viewProduct) = (1, 1)
            repeat {
                if product <= viewProduct, i < shape.rank {
                    product *= shape[i]
                    i += 1
                } else {
                    viewProduct *= view[j]
                    j += 1
                }
            } while product != viewProduct
            let part = operand[firstI..<i]
            if part.count == product {
                result += view.dims[firstJ..<j]
            } else if part.count == 1 {
                result += [Int](repeating: 1, count: j - firstJ)
            } else {
                return nil
            }
        }
        return Shape(result)
    }

    // MARK: Element offsets, for reference implementations

    /// Offsets in row-major order of a view with these dimensions and strides.
    static func offsets(dims: [Int], strides: [Int], start: Int = 0) -> [Int] {
        var offsets = [start]
        for (dim, stride) in zip(dims, strides) {
            var next: [Int] = []
            next.reserveCapacity(offsets.count * dim)
            for offset in offsets { for index in 0..<dim { next.append(offset + index * stride) } }
            offsets = next
        }
        return offsets
    }

    /// For every element of `target`, the offset of the element of this shape that broadcasting puts there.
    func broadcastOffsets(to target: Shape) -> [Int] {
        let padded = padded(toRank: target.rank)
        let strides = zip(padded.dims, padded.strides).map { $0 == 1 ? 0 : $1 }
        return Shape.offsets(dims: target.dims, strides: strides)
    }
}
