extension Opcode {
    public static let resize = Opcode("resize")
}

/// Another size of the last two axes, by half-pixel centres, edges clamped, without antialiasing; or its adjoint.
struct Resize: Operation {
    enum Mode: UInt32, Sendable {
        case nearest = 0
        case bilinear = 1
    }

    let mode: Mode
    let isAdjoint: Bool
    let height: Int
    let width: Int

    var name: String { isAdjoint ? "resize adjoint" : "resize" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        let x = inputs[0]
        guard x.rank >= 2, height >= 1, width >= 1 else {
            throw GraphError(name, inputs, "resizes the last two axes, to at least 1 × 1")
        }
        return Shape(x.dims.dropLast(2) + [height, width])
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        let dims = inputs[0].shape.dims
        let (rows, columns) = (dims[dims.count - 2], dims[dims.count - 1])
        let adjoint = Resize(mode: mode, isAdjoint: !isAdjoint, height: rows, width: columns)
        return [try gradient.graph.apply(adjoint, to: [gradient])]
    }

    /// The weights of the source elements of each element along one axis.
    private func taps(from source: Int, to size: Int) -> [[(index: Int, weight: Double)]] {
        (0..<size).map { index in
            let center = (Double(index) + 0.5) * Double(source) / Double(size)
            if mode == .nearest { return [(min(Int(center), source - 1), 1)] }
            let position = min(max(center - 0.5, 0), Double(source - 1))
            let low = Int(position)
            let fraction = position - Double(low)
            return [(low, 1 - fraction), (min(low + 1, source - 1), fraction)]
        }
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let (small, large) = isAdjoint ? (output, shapes[0]) : (shapes[0], output)
        let rank = output.rank
        let (sourceColumns, columns) = (small[rank - 1], large[rank - 1])
        let (sourcePlane, plane) = (small[rank - 2] * sourceColumns, large[rank - 2] * columns)
        let rowTaps = taps(from: small[rank - 2], to: large[rank - 2])
        let columnTaps = taps(from: sourceColumns, to: columns)
        var result = [Double](repeating: 0, count: output.count)
        for image in 0..<output.count / (isAdjoint ? sourcePlane : plane) {
            for (row, rows) in rowTaps.enumerated() {
                for (column, columnsOfTap) in columnTaps.enumerated() {
                    let target = image * plane + row * columns + column
                    for r in rows {
                        for c in columnsOfTap {
                            let source = image * sourcePlane + r.index * sourceColumns + c.index
                            let (from, to) = isAdjoint ? (target, source) : (source, target)
                            result[to] += r.weight * c.weight * inputs[0][from]
                        }
                    }
                }
            }
        }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(.resize, attributes: [mode.rawValue, isAdjoint ? 1 : 0])
    }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int {
        max(inputs[0].count, output.count) * (mode == .bilinear ? 8 : 1)
    }
}

/// The nearest element for each of [..., height, width]: source index floor((i + 0.5) · in / out).
public func resizeNearest(_ x: Tensor, height: Int, width: Int) throws -> Tensor {
    try x.graph.apply(Resize(mode: .nearest, isAdjoint: false, height: height, width: width), to: [x])
}

/// Bilinear interpolation to [..., height, width] by half-pixel centres, edges clamped, without antialiasing.
public func resizeBilinear(_ x: Tensor, height: Int, width: Int) throws -> Tensor {
    try x.graph.apply(Resize(mode: .bilinear, isAdjoint: false, height: height, width: width), to: [x])
}
