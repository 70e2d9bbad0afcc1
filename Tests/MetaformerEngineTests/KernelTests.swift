import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

/// Instructions over shapes that reach every path of the vector kernels: whole vectors and tails, several blocks, edges.
private let problems: [(String, SingleInstruction)] = {
    var all: [(String, SingleInstruction)] = []
    func add(_ name: String, _ instruction: SingleInstruction) { all.append((name, instruction)) }
    func conv(
        _ name: String, _ n: Int, _ c: Int, _ h: Int, _ w: Int, _ o: Int, _ kh: Int, _ kw: Int,
        stride: (Int, Int) = (1, 1),
        pad: (Int, Int, Int, Int) = (0, 0, 0, 0), groups: Int = 1
    ) {
        let x = [n, c, h, w]
        let weight = [o, c / groups, kh, kw]
        let y = [n, o, (h + pad.0 + pad.2 - kh) / stride.0 + 1, (w + pad.1 + pad.3 - kw) / stride.1 + 1]
        let a = [stride.0, stride.1, pad.0, pad.1, pad.2, pad.3, groups].map(UInt32.init)
        // Bias by channel, then leaky rectifier max(v, 0.2 v): the autoencoder's own epilogue.
        let leaky = [
            Step.add.word(0, 1), Step.constant.word(), Float(0.2).bitPattern, Step.multiply.word(2, 3),
            Step.maximum.word(2, 4),
        ]
        add(
            "\(name) forward",
            .init(
                opcode: .convolution, inputs: [x, weight, [1, o, 1, 1]], output: y, attributes: a, expression: leaky,
                steps: 4))
        // A residual of the output's own shape: its columns run with the output's, in every phase.
        add(
            "\(name) input gradient",
            .init(
                opcode: .convolutionInputGradient, inputs: [y, weight, x, [c, 1, 1]], output: x, attributes: a,
                expression: [Step.add.word(0, 1), Step.multiply.word(3, 2)], steps: 2))
        add(
            "\(name) weight gradient",
            .init(
                opcode: .convolutionWeightGradient, inputs: [x, y, weight], output: weight, attributes: a,
                expression: [Step.add.word(0, 1)], steps: 1))
    }
    conv("3x3", 2, 5, 13, 17, 7, 3, 3, pad: (1, 1, 1, 1))
    conv("3x3 deep", 1, 40, 12, 20, 70, 3, 3, pad: (1, 1, 1, 1))
    conv("3x3 of whole tiles", 2, 16, 32, 32, 18, 3, 3, pad: (1, 1, 1, 1))
    conv("3x3 of tiles cut short", 3, 33, 19, 26, 20, 3, 3, pad: (1, 1, 1, 1))
    conv("3x3 of tiles, uneven padding", 1, 17, 22, 14, 40, 3, 3, pad: (2, 0, 1, 3))
    conv("3x3 of tiles, two blocks of channels", 1, 300, 12, 12, 16, 3, 3)
    conv("4x4 stride 2", 2, 3, 32, 40, 32, 4, 4, stride: (2, 2), pad: (1, 1, 1, 1))
    conv("4x4 stride 2, odd size", 3, 6, 15, 21, 9, 4, 4, stride: (2, 2), pad: (1, 1, 1, 1))
    conv("4x4 stride 2, wide", 2, 38, 24, 64, 70, 4, 4, stride: (2, 2), pad: (1, 1, 1, 1))
    conv("4x4 stride 2, wide, few channels", 1, 3, 40, 96, 40, 4, 4, stride: (2, 2), pad: (1, 1, 1, 1))
    conv("4x4 stride 2, wide, in groups", 2, 10, 20, 56, 6, 4, 4, stride: (2, 2), pad: (1, 1, 1, 1), groups: 2)
    conv("3x3 stride 2, wide: of one to four taps", 1, 5, 34, 60, 6, 3, 3, stride: (2, 2), pad: (1, 1, 0, 0))
    conv("5x4 stride 1x2, wide", 2, 7, 18, 60, 9, 5, 4, stride: (1, 2), pad: (2, 1, 2, 1))
    conv("4x4 stride 2, narrow", 2, 70, 16, 16, 40, 4, 4, stride: (2, 2), pad: (1, 1, 1, 1))
    conv("5x5 narrow and tall", 2, 20, 70, 9, 26, 5, 5, pad: (2, 2, 2, 2))
    conv("5x3 of rows of 16", 2, 9, 11, 16, 29, 5, 3, pad: (2, 1, 2, 1))
    conv("5x3 stride 3x2, uneven padding", 2, 4, 19, 23, 5, 5, 3, stride: (3, 2), pad: (2, 0, 1, 3))
    conv("1x1", 2, 33, 9, 11, 18, 1, 1)
    conv("1x1 stride 2", 2, 8, 9, 11, 6, 1, 1, stride: (2, 2))
    conv("whole image", 3, 8, 8, 8, 50, 8, 8)
    conv("kernel wider than the image", 1, 2, 3, 4, 3, 5, 5, pad: (2, 2, 2, 2))
    conv("groups", 2, 12, 10, 14, 8, 3, 3, pad: (1, 1, 1, 1), groups: 4)
    conv("depthwise", 1, 6, 16, 16, 6, 3, 3, stride: (2, 2), pad: (1, 1, 1, 1), groups: 6)
    conv("depthwise 5x5", 2, 3, 23, 37, 3, 5, 5, pad: (2, 2, 2, 2), groups: 3)
    conv("one channel to one", 1, 1, 40, 130, 1, 3, 3, pad: (1, 1, 1, 1))
    conv(
        "depthwise 5x3 stride 3x2, uneven padding", 2, 4, 19, 23, 4, 5, 3, stride: (3, 2), pad: (2, 0, 1, 3), groups: 4)
    conv("depthwise 3x3 of small planes", 2, 20, 12, 12, 20, 3, 3, pad: (1, 1, 1, 1), groups: 20)
    conv("depthwise 3x3, wide", 2, 3, 71, 100, 3, 3, 3, pad: (1, 1, 1, 1), groups: 3)
    conv("depthwise 5x5 stride 2", 1, 19, 25, 40, 19, 5, 5, stride: (2, 2), pad: (1, 1, 2, 2), groups: 19)
    conv("depthwise 3x3 stride 2, wide", 1, 3, 150, 103, 3, 3, 3, stride: (2, 2), pad: (1, 1, 1, 1), groups: 3)
    conv(
        "depthwise 5x5 stride 2 of small planes", 2, 20, 24, 24, 20, 5, 5, stride: (2, 2), pad: (2, 2, 2, 2), groups: 20
    )
    conv("large", 1, 16, 64, 64, 24, 7, 7, pad: (3, 3, 3, 3))

    // A scale and a shift by channel, then a residual or limits: what follows a normalised convolution.
    func scaled(
        _ name: String, _ n: Int, _ c: Int, _ h: Int, _ w: Int, _ o: Int, _ kernel: Int = 1, stride: Int = 1,
        groups: Int = 1, residual: Bool = false, limits: Bool = false
    ) {
        let (x, weight, channel) = ([n, c, h, w], [o, c / groups, kernel, kernel], [1, o, 1, 1])
        let y = [n, o, (h - 1) / stride + 1, (w - 1) / stride + 1]
        let pad = UInt32(kernel / 2)
        var next = UInt32(residual ? 4 : 3)
        var expression = [Step.multiply.word(0, 1), Step.add.word(next, 2)]
        next += 1
        if residual {
            expression.append(Step.add.word(3, next))
            next += 1
        }
        if limits {
            expression += [
                Step.constant.word(), Float(-0.5).bitPattern, Step.maximum.word(next, next + 1), Step.constant.word(),
                Float(1).bitPattern, Step.minimum.word(next + 2, next + 3),
            ]
        }
        add(
            name,
            .init(
                opcode: .convolution, inputs: [x, weight, channel, channel] + (residual ? [y] : []), output: y,
                attributes: [UInt32(stride), UInt32(stride), pad, pad, pad, pad, UInt32(groups)],
                expression: expression,
                steps: 2 + (residual ? 1 : 0) + (limits ? 4 : 0)))
    }
    scaled("1x1 scaled, with limits, two blocks of channels", 2, 300, 8, 10, 29, limits: true)
    scaled("1x1 scaled, with a residual", 1, 40, 16, 16, 24, residual: true)
    scaled("1x1 scaled, with both", 2, 5, 4, 8, 6, residual: true, limits: true)
    scaled("1x1 scaled, two blocks of channels and a residual", 1, 257, 12, 12, 40, residual: true)
    scaled("1x1 scaled, of planes that are no whole vectors", 2, 33, 9, 11, 18, residual: true, limits: true)
    scaled("1x1 scaled, of planes that lie pages apart", 2, 20, 35, 48, 30, limits: true)
    scaled("1x1 scaled, pages apart, two blocks of channels and a residual", 1, 260, 35, 48, 26, residual: true)
    scaled("1x1 scaled, larger than caches", 1, 2, 192, 128, 96, limits: true)
    scaled("3x3 scaled, with limits", 1, 3, 21, 40, 9, 3, limits: true)
    scaled("depthwise scaled, with limits", 2, 6, 12, 12, 6, 3, groups: 6, limits: true)
    scaled("depthwise scaled, rows of whole vectors", 2, 6, 19, 32, 6, 3, groups: 6, residual: true, limits: true)
    scaled("depthwise 5x5 scaled, in bands, with a residual", 1, 3, 90, 64, 3, 5, groups: 3, residual: true)
    scaled("depthwise scaled, stride 2, in bands", 1, 3, 90, 192, 3, 3, stride: 2, groups: 3, limits: true)
    scaled("depthwise 5x5 scaled, stride 2", 2, 9, 32, 32, 9, 5, stride: 2, groups: 9, residual: true, limits: true)

    for (h, w, kh, kw, stride) in [(9, 18, 3, 3, 1), (7, 39, 3, 2, 1), (5, 6, 2, 4, 1), (12, 41, 3, 3, 2)] {
        add(
            "average pool \(kh)x\(kw) of \(h)x\(w), stride \(stride)",
            .init(
                opcode: .averagePool, inputs: [[2, 3, h, w]],
                output: [2, 3, (h - kh) / stride + 1, (w - kw) / stride + 1],
                attributes: [UInt32(kh), UInt32(kw), UInt32(stride), UInt32(stride)]))
    }

    for (m, n, k) in [
        (1, 1, 1), (1, 77, 300), (3, 500, 2048), (2, 2048, 500), (4, 70, 33), (6, 16, 8), (37, 53, 29), (256, 64, 256),
        (250, 130, 700),
    ] {
        for t in 0..<4 {
            let a = t & 1 == 0 ? [m, k] : [k, m]
            let b = t & 2 == 0 ? [k, n] : [n, k]
            add(
                "matmul \(m)x\(n)x\(k) transposes \(t)",
                .init(
                    opcode: .matmul, inputs: [a, b, [n]], output: [m, n],
                    attributes: [UInt32(t & 1), UInt32(t >> 1)], expression: [Step.add.word(0, 1)], steps: 1))
        }
    }
    add(
        "matmul batched",
        .init(
            opcode: .matmul, inputs: [[2, 3, 9, 20], [2, 3, 20, 11]], output: [2, 3, 9, 11], attributes: [0, 0],
            expression: []))
    add(
        "matmul one matrix for all",
        .init(
            opcode: .matmul, inputs: [[5, 9, 20], [20, 11], [5, 1, 1]], output: [5, 9, 11], attributes: [0, 0],
            expression: [Step.multiply.word(0, 1)], steps: 1))

    for (shape, mask) in [
        ([7], 1), ([3, 500], 2), ([3, 500], 1), ([3, 500], 3), ([4, 6, 33, 9], 0b1101), ([4, 6, 33, 9], 0b0010),
        ([2, 3, 5, 7, 4], 0b10101), ([200_000], 1), ([1, 1], 3),
    ] {
        let out = shape.enumerated().map { mask >> $0.offset & 1 == 1 ? 1 : $0.element }
        for kind in 0...1 {
            add(
                "reduce \(shape) mask \(mask) kind \(kind)",
                .init(
                    opcode: .reduce, inputs: [shape], output: out, attributes: [UInt32(kind), UInt32(mask)],
                    expression: []))
        }
        add(
            "reduce \(shape) mask \(mask) of squared differences",
            .init(
                opcode: .reduce, inputs: [shape, shape.map { _ in 1 }], output: out,
                attributes: [0, UInt32(mask)], expression: [Step.subtract.word(0, 1), Step.multiply.word(2, 2)],
                steps: 2))
    }

    for shape in [[5], [3, 8], [2, 40, 256], [6, 333]] {
        add("softmax \(shape)", .init(opcode: .softmax, inputs: [shape], output: shape))
        add("softmax gradient \(shape)", .init(opcode: .softmaxGradient, inputs: [shape, shape], output: shape))
        let affine = [Step.multiply.word(0, 1), Step.add.word(3, 2)]
        add(
            "standardize \(shape)",
            .init(
                opcode: .standardize, inputs: [shape, [shape.last ?? 1], [1]], output: shape,
                attributes: [1, Float(1e-5).bitPattern], expression: affine, steps: 2))
        add(
            "standardize gradient \(shape)",
            .init(
                opcode: .standardizeGradient, inputs: [shape, shape], output: shape,
                attributes: [1, Float(1e-5).bitPattern]))
    }
    add(
        "instance norm",
        .init(
            opcode: .standardize, inputs: [[2, 5, 13, 11], [5, 1, 1]], output: [2, 5, 13, 11],
            attributes: [2, Float(1e-5).bitPattern],
            expression: [Step.multiply.word(0, 1)], steps: 1))

    for (b, m, n, d, e) in [(2, 5, 7, 3, 4), (3, 64, 256, 32, 32), (1, 100, 33, 17, 50)] {
        add(
            "attention \(b) \(m) \(n) \(d) \(e)",
            .init(
                opcode: .attention, inputs: [[b, m, d], [b, n, d], [b, n, e]], output: [b, m, e],
                attributes: [Float(0.4).bitPattern]))
    }
    for (batch, n, m, shared) in [
        ([], 1, 1, false), ([], 3, 70, false), ([2], 40, 33, false), ([2, 3], 7, 5, true), ([], 192, 192, false),
        ([2], 61, 300, true),
    ] {
        for transposed in 0...1 {
            add(
                "triangular solve \(batch) \(n)x\(m) transposed \(transposed)",
                .init(
                    opcode: .triangularSolve, inputs: [(shared ? [] : batch) + [n, n], batch + [n, m]],
                    output: batch + [n, m], attributes: [UInt32(transposed)], diagonal: Float(n) + 1))
        }
    }
    for shape in [[1, 1], [2, 5, 5], [40, 40], [3, 67, 67], [192, 192]] {
        add(
            "cholesky \(shape)",
            .init(opcode: .cholesky, inputs: [shape], output: shape, diagonal: Float(shape[shape.count - 1]) + 1))
    }
    let taps = (0..<11).map { Float(0.03 + 0.02 * Double($0 % 4)).bitPattern }
    for (h, w) in [(11, 11), (20, 33), (70, 64)] {
        add(
            "window \(h)x\(w)",
            .init(
                opcode: .windowFilter, inputs: [[2, 3, h, w]], output: [2, 3, h - 10, w - 10],
                attributes: [0, 11] + taps))
        add(
            "window adjoint \(h)x\(w)",
            .init(
                opcode: .windowFilter, inputs: [[2, 3, h - 10, w - 10]], output: [2, 3, h, w],
                attributes: [1, 11] + taps))
    }
    for shapes in [
        [[2, 3, 40], [2, 3, 40]], [[1000], [1]], [[4, 1, 5], [1, 300, 1]], [[3, 1], [1, 7]],
        [[2, 3, 4, 5, 6, 7], [4, 1, 6, 1]],
    ] {
        let rank = max(shapes[0].count, shapes[1].count)
        let padded = shapes.map { Array(repeating: 1, count: rank - $0.count) + $0 }
        let out = zip(padded[0], padded[1]).map { max($0, $1) }
        add(
            "broadcast \(shapes)",
            .init(
                opcode: .pointwise, inputs: shapes, output: out,
                expression: [Step.multiply.word(0, 1), Step.subtract.word(2, 0), Step.tanh.word(3)], steps: 3))
    }
    return all
}()

@Suite("Kernels")
struct KernelTests {
    private func inputs(of index: Int) -> [[Float]] { problems[index].1.randomInputs(seed: UInt64(index * 16)) }

    /// How far a kernel's values may be from the reference's: 1e-5 of the result's own size.
    private func bound(of expected: [Float]) -> Float { 1e-5 * max(1, expected.map(abs).max() ?? 1) }

    /// How far a function's value may be off: 4 units in the last place.
    private func bound(of value: Float) -> Float { 4 * max(value.ulp, Float.leastNormalMagnitude) }

    private func functionCase(_ step: Step) -> (instruction: SingleInstruction, inputs: [[Float]]) {
        let special: [Float] = [
            0, -0.0, 1, -1, .infinity, -.infinity, .nan, 0x1p-130, 88.5, 89.5, -87, -100, -104,
            .greatestFiniteMagnitude, .leastNormalMagnitude,
        ]
        let dense = (0..<20_000).map { Float($0 - 10_000) * 0.00931 }
        let values = special + dense
        let instruction = SingleInstruction(
            opcode: .pointwise, inputs: [[values.count], [values.count], [values.count]], output: [values.count],
            expression: [step.word(0, 1, 2)], steps: 1)
        return (instruction, [values, values.reversed(), values.map { $0 * 0.5 }])
    }

    /// For the replay on other processors, by the reference of this one.
    @Test("cases for other processors", .enabled(if: ReplayCases.folder != nil)) func writeCases() throws {
        var cases = ReplayCases()
        func add(_ name: String, _ instruction: SingleInstruction, _ inputs: [[Float]], _ bounds: ([Float]) -> [Float])
            throws
        {
            let expected = try instruction.run(inputs, on: .reference)
            cases.add(
                name, program: instruction.bytes,
                inputs: Dictionary(uniqueKeysWithValues: inputs.enumerated().map { (String($0.offset), $0.element) }),
                outputs: [.init("out", expected, within: bounds(expected))])
        }
        for (index, (name, instruction)) in problems.enumerated() {
            try add(name, instruction, inputs(of: index)) { [bound(of: $0)] }
        }
        for step in Step.allCases where step != .constant {
            let (instruction, inputs) = functionCase(step)
            try add("\(step)", instruction, inputs) { $0.map { bound(of: $0) } }
        }
        try cases.write("kernels")
    }

    /// Every variant that this processor has, against the reference, to 1e-5 of the result's own size.
    @Test("variants agree with the reference", arguments: problems.indices)
    func variantsAgree(index: Int) throws {
        let (name, instruction) = problems[index]
        let inputs = inputs(of: index)
        let expected = try instruction.run(inputs, on: .reference)
        #expect(expected.allSatisfy { !$0.isNaN }, "\(name): the reference leaves outputs unwritten")
        let bound = bound(of: expected)
        for set in InstructionSet.available.dropFirst() {
            let values = try instruction.run(inputs, on: set)
            let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(
                values.allSatisfy { !$0.isNaN } && worst <= bound, "\(name) on \(set): off by \(worst), over \(bound)")
        }
    }

    /// As gradients are summed up: whole tiles in place, cut ones and deep ones, a batch, and sums that only look alike.
    @Test(
        "a product is added to what its output holds",
        arguments: [
            ([], 64, 64, 40), ([], 250, 130, 700), ([], 37, 53, 29), ([3], 48, 64, 600), ([], 500, 2048, 3),
        ], [[Step.add.word(0, 1)], [Step.add.word(1, 0)], [Step.add.word(1, 1)], [Step.subtract.word(1, 0)]])
    func productsAccumulate(size: (batch: [Int], m: Int, n: Int, k: Int), expression: [UInt32]) throws {
        let (batch, m, n, k) = size
        let shapes = [batch + [m, k], batch + [k, n], batch + [m, n]]
        let inputs = shapes.enumerated().map { [Float].random($0.element, seed: UInt64($0.offset + m)) }
        for transposed in [false, true] where !transposed || batch.isEmpty {
            var instruction = SingleInstruction(
                opcode: .matmul, inputs: transposed ? [[k, m], shapes[1], shapes[2]] : shapes, output: shapes[2],
                attributes: [transposed ? 1 : 0, 0], expression: expression, steps: 1)
            // The same from an input that stays as it is.
            let expected = try instruction.run(inputs, on: .reference)
            instruction.updates = 2
            for set in InstructionSet.available {
                let values = try instruction.run(inputs, on: set)
                let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
                #expect(worst <= bound(of: expected), "\(shapes) on \(set): off by \(worst)")
            }
        }
    }

    @Test("in place of an operand, as far as the op allows it, the result is the same", arguments: problems.indices)
    func inPlaceAgrees(index: Int) throws {
        var (name, instruction) = problems[index]
        let inputs = inputs(of: index)
        var facts = mf_op_description()
        facts.struct_size = MemoryLayout<mf_op_description>.size
        try #require(mf_op_info(instruction.opcode.rawValue, &facts) == MF_OK)
        for set in InstructionSet.available {
            instruction.updates = nil
            let expected = try instruction.run(inputs, on: set)
            for (k, shape) in instruction.inputs.enumerated() where shape == instruction.output {
                instruction.updates = k
                guard facts.in_place_from >= 0, k >= facts.in_place_from else {
                    #expect(throws: EngineError.self) { try instruction.run(inputs, on: set) }
                    continue
                }
                let values = try instruction.run(inputs, on: set)
                // A sum may begin with what it is added to.
                let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
                #expect(
                    worst <= bound(of: expected) && values.allSatisfy { !$0.isNaN }, "\(name) on \(set), over \(k)")
            }
        }
    }

    @Test("results do not depend on the number of threads", arguments: problems.indices)
    func threadsAgree(index: Int) throws {
        let (name, instruction) = problems[index]
        let inputs = inputs(of: index)
        for set in InstructionSet.available.dropFirst() {
            let expected = try instruction.run(inputs, on: set, threads: 1)
            for threads in [2, 3, 4, 8] {
                let values = try instruction.run(inputs, on: set, threads: threads)
                #expect(values.map(\.bitPattern) == expected.map(\.bitPattern), "\(name) on \(set), \(threads) threads")
            }
        }
    }

    @Test("prepacked weights give the same bits, also when bound anew", arguments: problems.indices)
    func prepackedAgree(index: Int) throws {
        var (name, instruction) = problems[index]
        instruction.readsVariables = true
        for set in InstructionSet.available.dropFirst() {
            let runner = try Runner(program: instruction.bytes, instructionSet: set)
            let out = FloatBuffer(count: instruction.output.reduce(1, *))
            try runner.bind("out", to: out)
            func result(_ seed: UInt64) throws -> [UInt32] {
                for (k, values) in instruction.randomInputs(seed: seed).enumerated() {
                    try runner.bind(String(k), to: FloatBuffer(values))
                }
                try runner.run()
                return out.values.map(\.bitPattern)
            }
            let expected = try [1, 2].map { try result($0) }
            try runner.prepack()
            #expect(try result(2) == expected[1], "\(name) on \(set)")
            #expect(try result(1) == expected[0], "\(name) on \(set), bound anew")
            try runner.run()
            #expect(out.values.map(\.bitPattern) == expected[0], "\(name) on \(set), run again")
        }
    }

    @Test("pointwise functions are accurate", arguments: Step.allCases.filter { $0 != .constant })
    func functionsAreAccurate(step: Step) throws {
        let (instruction, inputs) = functionCase(step)
        let expected = try instruction.run(inputs, on: .reference)
        for set in InstructionSet.available.dropFirst() {
            let found = try instruction.run(inputs, on: set)
            for (index, (a, b)) in zip(found, expected).enumerated() where !(a.isNaN && b.isNaN) && a != b {
                #expect(
                    abs(a - b) <= bound(of: b),
                    "\(step)(\(inputs[0][index])) on \(set): \(a), not \(b)")
            }
        }
    }
}
