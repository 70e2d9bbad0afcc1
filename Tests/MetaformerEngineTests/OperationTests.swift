import MetaformerEngine
import MetaformerGraph
import Testing

/// Convolution and attention on plain buffers, beside the programs of one instruction that do the same.
@Suite("Operations on plain buffers")
struct OperationTests {
    private func values(_ count: Int, _ seed: UInt64) -> [Float] { .random([count], seed: seed) }

    private func program(_ instruction: SingleInstruction, _ inputs: [[Float]], count: Int) throws -> [UInt32] {
        let runner = try Runner(program: instruction.bytes, threads: 2)
        let output = FloatBuffer(count: count)
        for (index, input) in inputs.enumerated() { try runner.bind("\(index)", to: FloatBuffer(input)) }
        try runner.bind("out", to: output)
        try runner.run()
        return output.values.map(\.bitPattern)
    }

    private func options(_ threads: Int32) -> mf_runner_options {
        var options = mf_runner_options()
        options.struct_size = MemoryLayout<mf_runner_options>.size
        options.threads = threads
        return options
    }

    private func convolution(
        _ batch: Int32, _ channels: Int32, _ side: (Int32, Int32), _ filters: Int32, _ kernel: Int32, stride: Int32,
        pad: (top: Int32, left: Int32, bottom: Int32, right: Int32), groups: Int32
    ) -> mf_convolution {
        mf_convolution(
            struct_size: MemoryLayout<mf_convolution>.size, batch: batch, channels: channels, height: side.0,
            width: side.1, filters: filters, kernel_height: kernel, kernel_width: kernel, stride_y: stride,
            stride_x: stride, pad_top: pad.top, pad_left: pad.left, pad_bottom: pad.bottom, pad_right: pad.right,
            groups: groups)
    }

    @Test("a convolution has the bits of a program's") func convolutions() throws {
        for c in [
            convolution(1, 3, (17, 23), 8, 3, stride: 1, pad: (1, 1, 1, 1), groups: 0),
            convolution(2, 4, (16, 9), 6, 4, stride: 2, pad: (0, 1, 2, 3), groups: 2),
            convolution(1, 16, (32, 32), 16, 1, stride: 1, pad: (0, 0, 0, 0), groups: 1),
            convolution(1, 5, (7, 7), 3, 7, stride: 3, pad: (3, 3, 3, 3), groups: 1),
        ] {
            var c = c
            var (height, width): (Int32, Int32) = (0, 0)
            try #require(mf_convolution_size(&c, &height, &width, nil) == MF_OK)
            let groups = max(c.groups, 1)
            let x = values(Int(c.batch * c.channels * c.height * c.width), 1)
            let w = values(Int(c.filters * c.channels / groups * c.kernel_height * c.kernel_width), 2)
            let count = Int(c.batch * c.filters * height * width)
            let expected = try program(
                SingleInstruction(
                    opcode: .convolution,
                    inputs: [
                        [c.batch, c.channels, c.height, c.width].map(Int.init),
                        [c.filters, c.channels / groups, c.kernel_height, c.kernel_width].map(Int.init),
                    ],
                    output: [c.batch, c.filters, height, width].map(Int.init),
                    attributes: [c.stride_y, c.stride_x, c.pad_top, c.pad_left, c.pad_bottom, c.pad_right, groups].map {
                        UInt32($0)
                    },
                    expression: []), [x, w], count: count)
            for threads in [1, 2, 5] as [Int32] {
                var options = options(threads)
                var y = [Float](repeating: 0, count: count)
                #expect(mf_convolution_run(&c, x, w, &y, &options, nil) == MF_OK)
                #expect(y.map(\.bitPattern) == expected)
            }
            // And its values are those of the definition, at some of them.
            var y = [Float](repeating: 0, count: count)
            #expect(mf_convolution_run(&c, x, w, &y, nil, nil) == MF_OK)
            for at in stride(from: 0, to: count, by: 97) {
                #expect(abs(Double(y[at]) - naive(c, x, w, at, Int(height), Int(width))) < 1e-4)
            }
        }
    }

    private func naive(_ c: mf_convolution, _ x: [Float], _ w: [Float], _ at: Int, _ height: Int, _ width: Int)
        -> Double
    {
        let (ox, oy) = (at % width, at / width % height)
        let (filter, sample) = (at / (width * height) % Int(c.filters), at / (width * height * Int(c.filters)))
        let groups = Int(max(c.groups, 1))
        let (depth, kernel) = (Int(c.channels) / groups, Int(c.kernel_height))
        let first = filter / (Int(c.filters) / groups) * depth
        var sum = 0.0
        for d in 0..<depth {
            for v in 0..<kernel {
                for u in 0..<kernel {
                    let iy = oy * Int(c.stride_y) + v - Int(c.pad_top)
                    let ix = ox * Int(c.stride_x) + u - Int(c.pad_left)
                    guard (0..<Int(c.height)).contains(iy), (0..<Int(c.width)).contains(ix) else { continue }
                    let from = ((sample * Int(c.channels) + first + d) * Int(c.height) + iy) * Int(c.width) + ix
                    sum += Double(x[from]) * Double(w[((filter * depth + d) * kernel + v) * kernel + u])
                }
            }
        }
        return sum
    }

    @Test(
        "attention has the bits of a program's", arguments: [(1, 3, 5, 4, 2), (4, 64, 64, 32, 32), (2, 1, 33, 8, 17)])
    func attention(batch: Int, queries: Int, keys: Int, width: Int, valueWidth: Int) throws {
        let scale: Float = 0.37
        let (q, k) = (values(batch * queries * width, 1), values(batch * keys * width, 2))
        let v = values(batch * keys * valueWidth, 3)
        let expected = try program(
            SingleInstruction(
                opcode: .attention,
                inputs: [[batch, queries, width], [batch, keys, width], [batch, keys, valueWidth]],
                output: [batch, queries, valueWidth], attributes: [scale.bitPattern]), [q, k, v],
            count: batch * queries * valueWidth)
        var shape = mf_attention(
            struct_size: MemoryLayout<mf_attention>.size, batch: Int32(batch), queries: Int32(queries),
            keys: Int32(keys), width: Int32(width), value_width: Int32(valueWidth), scale: scale)
        for threads in [1, 2, 5] as [Int32] {
            var options = options(threads)
            var y = [Float](repeating: 0, count: batch * queries * valueWidth)
            #expect(mf_attention_run(&shape, q, k, v, &y, &options, nil) == MF_OK)
            #expect(y.map(\.bitPattern) == expected)
        }
    }

    @Test("the table of ops is asked for its rows, and for nothing else") func table() {
        var facts = mf_op_description()
        #expect(mf_op_info(1, &facts) == MF_E_INVALID, "without struct_size")
        facts.struct_size = MemoryLayout<mf_op_description>.size
        #expect(mf_op_info(1, nil) == MF_E_INVALID)
        #expect(mf_op_info(0, &facts) == MF_E_INVALID && mf_op_info(.max, &facts) == MF_E_INVALID)
        #expect(facts.name == nil)
        #expect(mf_op_info(5, &facts) == MF_OK)
        #expect(String(cString: facts.name) == "matmul" && facts.fixed_inputs == 2 && facts.has_expression == 1)
        #expect(facts.attribute_words == 2 && facts.in_place_from == 2 && facts.columns == -1)
    }

    @Test("what cannot be computed is refused, and nothing is written") func refused() {
        let good = convolution(1, 2, (8, 8), 4, 3, stride: 1, pad: (0, 0, 0, 0), groups: 1)
        let (x, w) = (values(128, 1), values(72, 2))
        var y = [Float](repeating: -7, count: 4 * 36)
        var changed: [(String, mf_convolution)] = []
        func change(_ name: String, _ body: (inout mf_convolution) -> Void) {
            var c = good
            body(&c)
            changed.append((name, c))
        }
        change("size") { $0.struct_size = 0 }
        change("batch") { $0.batch = 0 }
        change("channels") { $0.channels = -2 }
        change("stride") { $0.stride_x = 0 }
        change("padding") { $0.pad_left = -1 }
        change("kernel") { $0.kernel_height = 9 }
        change("no kernel") { $0.kernel_width = 0 }
        change("groups") { $0.groups = 3 }
        change("negative groups") { $0.groups = -1 }
        change("filters") {
            $0.groups = 2
            $0.filters = 3
        }
        for (name, c) in changed {
            var c = c
            var failure = mf_error()
            failure.struct_size = MemoryLayout<mf_error>.size
            #expect(mf_convolution_run(&c, x, w, &y, nil, &failure) == MF_E_INVALID, "\(name)")
            #expect(failure.status == MF_E_INVALID && failure.text.0 != 0, "\(name)")
        }
        var huge = good
        huge.height = 1 << 20
        huge.width = 1 << 20
        #expect(mf_convolution_run(&huge, x, w, &y, nil, nil) == MF_E_LIMIT)
        var c = good
        #expect(mf_convolution_run(nil, x, w, &y, nil, nil) == MF_E_INVALID)
        #expect(mf_convolution_run(&c, nil, w, &y, nil, nil) == MF_E_INVALID)
        #expect(mf_convolution_run(&c, x, nil, &y, nil, nil) == MF_E_INVALID)
        #expect(mf_convolution_run(&c, x, w, nil, nil, nil) == MF_E_INVALID)
        var options = mf_runner_options()
        #expect(mf_convolution_run(&c, x, w, &y, &options, nil) == MF_E_INVALID)
        options = self.options(300)
        #expect(mf_convolution_run(&c, x, w, &y, &options, nil) == MF_E_INVALID)
        var shape = mf_attention()
        #expect(mf_attention_run(&shape, x, x, x, &y, nil, nil) == MF_E_INVALID)
        shape.struct_size = MemoryLayout<mf_attention>.size
        #expect(mf_attention_run(&shape, x, x, x, &y, nil, nil) == MF_E_INVALID)
        #expect(mf_attention_run(nil, x, x, x, &y, nil, nil) == MF_E_INVALID)
        var (height, width): (Int32, Int32) = (-1, -1)
        #expect(mf_convolution_size(nil, &height, &width, nil) == MF_E_INVALID)
        #expect(mf_convolution_size(&c, nil, &width, nil) == MF_E_INVALID)
        #expect(height == -1 && width == -1 && y.allSatisfy { $0 == -7 })
    }
}
