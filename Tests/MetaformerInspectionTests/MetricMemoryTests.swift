import MetaformerEngine
import Testing

/// An allocator that counts, and that can be told to refuse.
private final class CountingAllocator {
    struct State {
        var live = 0
        var peak = 0
        var calls = 0
        var refusedCall = Int.max
        var sizes: [UnsafeMutableRawPointer: Int] = [:]
    }
    let state = UnsafeMutablePointer<State>.allocate(capacity: 1)

    init(refusing call: Int = .max) { state.initialize(to: State(refusedCall: call)) }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    var allocator: mf_allocator {
        mf_allocator(
            struct_size: MemoryLayout<mf_allocator>.size, opaque: state,
            allocate: { opaque, size, alignment in
                guard let state = opaque?.assumingMemoryBound(to: State.self) else { return nil }
                state.pointee.calls += 1
                guard state.pointee.calls != state.pointee.refusedCall else { return nil }
                let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: alignment)
                state.pointee.sizes[memory] = size
                state.pointee.live += size
                state.pointee.peak = max(state.pointee.peak, state.pointee.live)
                return memory
            },
            release: { opaque, memory in
                guard let memory, let state = opaque?.assumingMemoryBound(to: State.self) else { return }
                state.pointee.live -= state.pointee.sizes.removeValue(forKey: memory) ?? .max
                memory.deallocate()
            })
    }
}

@Suite("Memory of the metrics") struct MetricMemoryTests {
    private let side = 256
    private let scores: [Float]
    private let marks: [UInt8]

    init() {
        scores = mix(1, 256 * 256)
        marks = mix(2, 256 * 256).map { $0 < 0.3 ? 1 : 0 }
    }

    /// Adds an image and measures; the first status that is not MF_OK.
    private func evaluate(_ counting: CountingAllocator, images: Int, bins: Int32 = 0) -> mf_status {
        var allocator = counting.allocator
        return withUnsafePointer(to: &allocator) { allocator in
            var options = mf_metric_options()
            options.struct_size = MemoryLayout<mf_metric_options>.size
            options.threads = 2
            options.allocator = allocator
            (options.bins, options.low, options.high) = (bins, 0, bins > 0 ? 1 : 0)
            var evaluation: OpaquePointer?
            let created = mf_evaluation_create(&options, &evaluation, nil)
            guard created == MF_OK else { return evaluation == nil ? created : MF_OK }
            defer { mf_evaluation_release(evaluation) }
            for _ in 0..<images {
                let added = add(to: evaluation)
                guard added == MF_OK else { return added }
            }
            var result = mf_localization()
            result.struct_size = MemoryLayout<mf_localization>.size
            result.pro = -1
            let measured = mf_evaluation_measure(evaluation, 0.3, &result, nil)
            #expect((measured == MF_OK) == (result.pro != -1))
            return measured
        }
    }

    private func add(to evaluation: OpaquePointer?) -> mf_status {
        scores.withUnsafeBufferPointer { scores in
            marks.withUnsafeBufferPointer { marks in
                var map = mf_map(
                    struct_size: MemoryLayout<mf_map>.size, width: Int32(side), height: Int32(side),
                    row_stride: side * 4,
                    data: UnsafeMutablePointer(mutating: scores.baseAddress))
                var mask = mf_mask(
                    struct_size: MemoryLayout<mf_mask>.size, width: Int32(side), height: Int32(side), row_stride: side,
                    data: marks.baseAddress)
                return mf_evaluation_add(evaluation, &map, &mask, nil)
            }
        }
    }

    @Test("At most 16 bytes a pixel, beside tables of a fixed size; nothing is left")
    func bound() {
        let counting = CountingAllocator()
        let images = 64
        #expect(evaluate(counting, images: images) == MF_OK)
        #expect(counting.state.pointee.live == 0)
        // 32 groups of two tables of 65,536 places, and a histogram for each of two workers.
        let tables = 32 * 2 * 65_536 * 4 + 2 * (1 << 20) + (1 << 21)
        #expect(counting.state.pointee.peak <= images * side * side * 16 + tables)
    }

    @Test("By histogram, the memory does not grow with the images")
    func fixedSize() {
        let (few, many) = (CountingAllocator(), CountingAllocator())
        #expect(evaluate(few, images: 1, bins: 4096) == MF_OK && evaluate(many, images: 16, bins: 4096) == MF_OK)
        #expect(few.state.pointee.peak == many.state.pointee.peak)
    }

    @Test("Memory that runs out at any place is an error, and nothing is left behind", arguments: [0, 64] as [Int32])
    func refusal(bins: Int32) {
        let whole = CountingAllocator()
        #expect(evaluate(whole, images: 2, bins: bins) == MF_OK)
        let calls = whole.state.pointee.calls
        #expect(calls > (bins == 0 ? 12 : 4))
        for call in 1...calls {
            let counting = CountingAllocator(refusing: call)
            #expect(evaluate(counting, images: 2, bins: bins) == MF_E_NOMEM, "allocation \(call) of \(calls)")
            #expect(counting.state.pointee.live == 0)
        }
    }

    @Test("Rows may lie apart, and bottom up")
    func strides() throws {
        let width = 5
        let values = mix(3, 40)
        let marks: [UInt8] = (0..<40).map { $0 % 7 == 0 ? 1 : 0 }
        func measured(stride: Int, flipped: Bool) -> Double {
            var options = mf_metric_options()
            options.struct_size = MemoryLayout<mf_metric_options>.size
            var evaluation: OpaquePointer?
            guard mf_evaluation_create(&options, &evaluation, nil) == MF_OK else { return -1 }
            defer { mf_evaluation_release(evaluation) }
            var (rows, maskRows) = (
                [Float](repeating: .nan, count: 4 * stride), [UInt8](repeating: 1, count: 4 * stride)
            )
            for y in 0..<4 {
                for x in 0..<width {
                    let place = (flipped ? 3 - y : y) * stride + x
                    (rows[place], maskRows[place]) = (values[y * width + x], marks[y * width + x])
                }
            }
            let status = rows.withUnsafeMutableBufferPointer { rows in
                maskRows.withUnsafeBufferPointer { marks in
                    let start = flipped ? 3 * stride : 0
                    var map = mf_map(
                        struct_size: MemoryLayout<mf_map>.size, width: Int32(width), height: 4,
                        row_stride: (flipped ? -4 : 4) * stride, data: rows.baseAddress.map { $0 + start })
                    var mask = mf_mask(
                        struct_size: MemoryLayout<mf_mask>.size, width: Int32(width), height: 4,
                        row_stride: flipped ? -stride : stride, data: marks.baseAddress.map { $0 + start })
                    return mf_evaluation_add(evaluation, &map, &mask, nil)
                }
            }
            var result = mf_localization()
            result.struct_size = MemoryLayout<mf_localization>.size
            guard status == MF_OK, mf_evaluation_measure(evaluation, 1, &result, nil) == MF_OK else { return -1 }
            return result.pro
        }
        let plain = measured(stride: 5, flipped: false)
        #expect(plain > 0 && measured(stride: 9, flipped: false) == plain)
        #expect(measured(stride: 8, flipped: true) == plain)
    }

    @Test("Wrong calls are refused with a text, and out-parameters stay as they were")
    func misuse() {
        var error = mf_error()
        error.struct_size = MemoryLayout<mf_error>.size
        var mean = -7.0
        #expect(mf_ssim(scores, nil, 1, 16, 16, nil, nil, &mean, &error) == MF_E_INVALID && mean == -7)
        #expect(mf_ssim(scores, scores, 1, 10, 16, nil, nil, &mean, &error) == MF_E_INVALID && mean == -7)
        #expect(mf_evaluation_add(nil, nil, nil, &error) == MF_E_INVALID)
        #expect(mf_evaluation_create(nil, nil, &error) == MF_E_INVALID)
        var unsized = mf_metric_options()
        var evaluation: OpaquePointer?
        #expect(mf_evaluation_create(&unsized, &evaluation, &error) == MF_E_INVALID && evaluation == nil)
        unsized.struct_size = MemoryLayout<mf_metric_options>.size
        unsized.threads = 300
        #expect(mf_evaluation_create(&unsized, &evaluation, &error) == MF_E_INVALID && evaluation == nil)
        let text = withUnsafeBytes(of: error.text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        #expect(text == "threads: 0 to 256, not 300")
        mf_evaluation_release(nil)
    }
}
