import MetaformerEngine
import MetaformerGraph
import Testing

/// Convolutions one after the other, each normalised, as a network of inverted residuals has them.
struct Network {
    var program = WrittenProgram()
    /// Where the next buffer of the arena begins.
    var offset = 0

    /// A convolution with a scale and a shift of each channel; `limit`: limits of 0 and that.
    mutating func convolution(
        _ x: UInt32, filters: Int, kernel: Int = 1, stride: Int = 1, padding: Int? = nil, isDepthwise: Bool = false,
        limit: Float? = nil,
        residual: UInt32? = nil, to place: WrittenProgram.Place? = nil
    ) -> UInt32 {
        let shape = program.shape(of: x)
        let name = "\(program.inputs.count)"
        let w = program.buffer([filters, isDepthwise ? 1 : shape[1], kernel, kernel], .input("w" + name))
        let scale = program.buffer([1, filters, 1, 1], .input("scale" + name))
        let shift = program.buffer([1, filters, 1, 1], .input("shift" + name))
        let padding = padding ?? kernel / 2
        let out = [shape[0], filters] + shape[2...].map { ($0 + 2 * padding - kernel) / stride + 1 }
        let y = program.buffer(out, place ?? .arena(offset))
        if place == nil { offset = program.end(of: out, at: offset) }
        var next = UInt32(residual == nil ? 3 : 4)
        var expression = [Step.multiply.word(0, 1), Step.add.word(next, 2)]
        next += 1
        if residual != nil {
            expression.append(Step.add.word(3, next))
            next += 1
        }
        if let limit {
            expression += [
                Step.constant.word(), Float(0).bitPattern, Step.maximum.word(next, next + 1), Step.constant.word(),
                limit.bitPattern, Step.minimum.word(next + 2, next + 3),
            ]
        }
        let pad = UInt32(padding)
        program.add(
            .convolution, [x, w, scale, shift] + (residual.map { [$0] } ?? []), to: y,
            attributes: [UInt32(stride), UInt32(stride), pad, pad, pad, pad, UInt32(isDepthwise ? filters : 1)],
            expression: expression, steps: 2 + (residual == nil ? 0 : 1) + (limit == nil ? 0 : 4))
        return y
    }

    /// An expansion, one channel to one, and a projection, to "out".
    init(
        _ n: Int, _ c: Int, _ h: Int, _ w: Int, inner: Int, kernel: Int = 3, stride: Int = 1, out: Int? = nil,
        isResidual: Bool = false
    ) {
        let x = program.buffer([n, c, h, w], .input("x"))
        let expanded = convolution(x, filters: inner, limit: 6)
        let filtered = convolution(
            expanded, filters: inner, kernel: kernel, stride: stride, isDepthwise: true, limit: 6)
        _ = convolution(filtered, filters: out ?? c, residual: isResidual ? x : nil, to: .output("out"))
    }

    init() {}
}

func values(_ program: WrittenProgram, seed: UInt64) -> [String: [Float]] {
    Dictionary(
        uniqueKeysWithValues: program.inputs.enumerated().map { index, input in
            var values = [Float].random(input.shape, seed: seed &+ UInt64(index))
            // Filters whose sums are of one size, whatever their inputs are.
            let taps = Float(input.shape.dropFirst().reduce(1, *))
            if input.name.hasPrefix("w") { values = values.map { $0 * 2 / taps.squareRoot() } }
            if input.name.hasPrefix("scale") { values = values.map { 1.5 + $0 / 2 } }
            return (input.name, values)
        })
}

func run(
    _ program: WrittenProgram, _ values: [String: [Float]], precision: Precision = .int8,
    on instructionSet: InstructionSet? = nil, threads: Int = 2, isPrepacked: Bool = false
) throws -> [Float] {
    let runner = try Runner(
        program: program.bytes, threads: threads, instructionSet: instructionSet, precision: precision)
    for (name, values) in values { try runner.bind(name, to: FloatBuffer(values)) }
    try runner.bindRemaining()
    if isPrepacked { try runner.prepack() }
    try runner.run()
    return try #require(runner.buffer("out")).values
}

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

/// The largest difference over the largest value.
func difference(_ a: [Float], _ b: [Float]) -> Float {
    let worst = zip(a, b).map { abs($0 - $1) }.max() ?? 0
    return worst / (b.map(abs).max() ?? 1)
}
