import Foundation

extension Opcode {
    public static let windowFilter = Opcode("window_filter")
}

/// The same taps along rows and columns of the last two axes, without padding (out H = H − taps + 1); or its adjoint.
struct WindowFilter: Operation {
    let taps: [Float]
    let isAdjoint: Bool

    /// The most taps that the instruction takes.
    static let maximumTaps = 63

    var name: String { isAdjoint ? "window filter adjoint" : "window filter" }

    func outputShape(of inputs: [Shape]) throws -> Shape {
        try expectOperands(1, of: name, inputs)
        let x = inputs[0]
        guard x.rank >= 2, (1...WindowFilter.maximumTaps).contains(taps.count) else {
            throw GraphError(
                name, inputs, "takes an image and 1 to \(WindowFilter.maximumTaps) taps, not \(taps.count)")
        }
        let change = isAdjoint ? taps.count - 1 : 1 - taps.count
        let size = x.dims.suffix(2).map { $0 + change }
        guard size.allSatisfy({ $0 >= 1 }) else {
            throw GraphError(name, inputs, "the image is smaller than the \(taps.count) taps")
        }
        return Shape(x.dims.dropLast(2) + size)
    }

    func vjp(inputs: [Tensor], output: Tensor, gradient: Tensor, needed: [Bool]) throws -> [Tensor?] {
        [try gradient.graph.apply(WindowFilter(taps: taps, isAdjoint: !isAdjoint), to: [gradient])]
    }

    func reference(_ inputs: [[Double]], shapes: [Shape], output: Shape) -> [Double] {
        let (wide, narrow) = isAdjoint ? (output, shapes[0]) : (shapes[0], output)
        let (height, width) = (narrow[narrow.rank - 2], narrow[narrow.rank - 1])
        let (wideHeight, wideWidth) = (wide[wide.rank - 2], wide[wide.rank - 1])
        var result = [Double](repeating: 0, count: output.count)
        for image in 0..<narrow.count / (height * width) {
            for row in 0..<height {
                for column in 0..<width {
                    let narrowOffset = (image * height + row) * width + column
                    for i in taps.indices {
                        for j in taps.indices {
                            let wideOffset = (image * wideHeight + row + i) * wideWidth + column + j
                            let (from, to) = isAdjoint ? (narrowOffset, wideOffset) : (wideOffset, narrowOffset)
                            result[to] += Double(taps[i]) * Double(taps[j]) * inputs[0][from]
                        }
                    }
                }
            }
        }
        return result
    }

    func encoding(inputs: [Shape], output: Shape) -> Encoding {
        .instruction(
            .windowFilter,
            attributes: [isAdjoint ? 1 : 0, UInt32(attribute: taps.count)] + taps.map(\.bitPattern))
    }

    var linearOperands: [Int] { [0] }
    func operationCount(inputs: [Shape], output: Shape) -> Int { 4 * output.count * taps.count }
}

/// The taps of a Gaussian that sum to 1.
public func gaussianTaps(count: Int, sigma: Float) -> [Float] {
    let weights = (0..<count).map { index in
        let distance = (Double(index) - Double(count - 1) / 2) / Double(sigma)
        return exp(-distance * distance / 2)
    }
    let sum = weights.reduce(0, +)
    return weights.map { Float($0 / sum) }
}

/// A Gaussian filter of the last two axes without padding: [..., H, W] → [..., H − taps + 1, W − taps + 1].
/// Throws when the image is smaller than the taps or there are more than 63 of them.
public func gaussianFilter(_ x: Tensor, taps: Int, sigma: Float) throws -> Tensor {
    guard (1...WindowFilter.maximumTaps).contains(taps), sigma > 0 else {
        throw GraphError(
            "Gaussian filter", [x.shape],
            "takes 1 to \(WindowFilter.maximumTaps) taps and a positive sigma, not \(taps) and \(sigma)")
    }
    let filter = WindowFilter(taps: gaussianTaps(count: taps, sigma: sigma), isAdjoint: false)
    return try x.graph.apply(filter, to: [x])
}
