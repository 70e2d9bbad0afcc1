import MetaformerEngine
import Testing

/// Frames of every pixel format, packed by hand, against a reader that goes pixel by pixel.
@Suite("Pixel formats") struct PixelFormatTests {
    /// Odd in width, and no part of a row a round number of bytes.
    private static let width = 37
    private static let height = 34

    /// A value of so many bits for each pixel, all bits of it in use.
    private func value(_ x: Int, _ y: Int, bits: Int, channel: Int = 0) -> Int {
        (x * 7919 + y * 104_729 + channel * 1_299_709 + x * y * 31) & (1 << bits - 1)
    }

    /// The planes that the engine reads, without scaling: [channels, height, width].
    private func planes(
        _ format: mf_pixel_format, rows: [[UInt8]], padding: Int = 6, channels: Int = 3, width: Int = Self.width
    ) throws -> [Float] {
        let bytes = rows.flatMap { $0 + Array(repeating: 0xee, count: padding) }
        var planes = [Float](repeating: -1, count: channels * rows.count * width)
        // Samples of 16 bits need even addresses.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: bytes)
        var image = mf_image(
            struct_size: MemoryLayout<mf_image>.size, pixel_format: format.rawValue, width: Int32(width),
            height: Int32(rows.count), row_stride: rows[0].count + padding, data: UnsafeRawPointer(buffer.baseAddress))
        var error = mf_error()
        error.struct_size = MemoryLayout<mf_error>.size
        let status = mf_frame_planes(
            &image, Int32(channels), Int32(rows.count), Int32(width), &planes, &error)
        try #require(status == MF_OK, "\(withUnsafeBytes(of: error.text) { String(decoding: $0, as: UTF8.self) })")
        return planes
    }

    private func expect(
        _ planes: [Float], channels: Int = 3, within tolerance: Float = 1e-6,
        _ expected: (_ x: Int, _ y: Int, _ channel: Int) -> Double
    ) {
        let plane = Self.width * Self.height
        for c in 0..<channels {
            for y in 0..<Self.height {
                for x in 0..<Self.width {
                    let difference = abs(planes[c * plane + y * Self.width + x] - Float(expected(x, y, c)))
                    guard difference > tolerance else { continue }
                    Issue.record("channel \(c) of (\(x), \(y)) differs by \(difference)")
                    return
                }
            }
        }
    }

    private func little(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }

    @Test("Mono10p and Mono12p: a stream of bits", arguments: [(MF_PIXEL_MONO10P, 10), (MF_PIXEL_MONO12P, 12)])
    func stream(format: mf_pixel_format, bits: Int) throws {
        let rows = (0..<Self.height).map { y in
            var row = [UInt8](repeating: 0, count: (Self.width * bits + 7) / 8)
            for x in 0..<Self.width {
                for bit in 0..<bits where value(x, y, bits: bits) >> bit & 1 == 1 {
                    row[(x * bits + bit) / 8] |= 1 << ((x * bits + bit) % 8)
                }
            }
            return row
        }
        expect(try planes(format, rows: rows, padding: 3)) { x, y, _ in
            Double(value(x, y, bits: bits)) / Double(1 << bits - 1)
        }
    }

    @Test(
        "Mono10Packed and Mono12Packed: two pixels in three bytes",
        arguments: [(MF_PIXEL_MONO10_PACKED, 10), (MF_PIXEL_MONO12_PACKED, 12)])
    func packed(format: mf_pixel_format, bits: Int) throws {
        let low = bits - 8
        let rows = (0..<Self.height).map { y in
            stride(from: 0, to: Self.width, by: 2).flatMap { x -> [UInt8] in
                let first = value(x, y, bits: bits)
                let second = x + 1 < Self.width ? value(x + 1, y, bits: bits) : 0
                let middle = first & (1 << low - 1) | (second & (1 << low - 1)) << 4
                let bytes = [first >> low, middle, second >> low].map { UInt8($0) }
                return x + 1 < Self.width ? bytes : Array(bytes.prefix(2))
            }
        }
        expect(try planes(format, rows: rows, padding: 1)) { x, y, _ in
            Double(value(x, y, bits: bits)) / Double(1 << bits - 1)
        }
    }

    @Test(
        "RGB and BGR of 10 to 16 bits",
        arguments: [
            (MF_PIXEL_RGB10, 10, false), (MF_PIXEL_BGR10, 10, true), (MF_PIXEL_RGB12, 12, false),
            (MF_PIXEL_BGR12, 12, true), (MF_PIXEL_RGB14, 14, false), (MF_PIXEL_BGR14, 14, true),
            (MF_PIXEL_RGB16, 16, false), (MF_PIXEL_BGR16, 16, true),
        ])
    func colours(format: mf_pixel_format, bits: Int, isReversed: Bool) throws {
        let rows = (0..<Self.height).map { y in
            (0..<Self.width).flatMap { x in
                (isReversed ? [2, 1, 0] : [0, 1, 2]).flatMap { little(value(x, y, bits: bits, channel: $0)) }
            }
        }
        expect(try planes(format, rows: rows)) { x, y, c in
            Double(value(x, y, bits: bits, channel: c)) / Double(1 << bits - 1)
        }
    }

    private static let mosaics: [(mf_pixel_format, String, Int)] = [
        (MF_PIXEL_BAYER_RG8, "RGGB", 8), (MF_PIXEL_BAYER_GR8, "GRBG", 8), (MF_PIXEL_BAYER_GB8, "GBRG", 8),
        (MF_PIXEL_BAYER_BG8, "BGGR", 8), (MF_PIXEL_BAYER_RG10, "RGGB", 10), (MF_PIXEL_BAYER_GR10, "GRBG", 10),
        (MF_PIXEL_BAYER_GB10, "GBRG", 10), (MF_PIXEL_BAYER_BG10, "BGGR", 10), (MF_PIXEL_BAYER_RG12, "RGGB", 12),
        (MF_PIXEL_BAYER_GR12, "GRBG", 12), (MF_PIXEL_BAYER_GB12, "GBRG", 12), (MF_PIXEL_BAYER_BG12, "BGGR", 12),
    ]

    /// Neighbours' mean: of all pixels of the colour among the 3 x 3 around, mirrored at the edges, but only the nearest.
    private func demosaiced(_ x: Int, _ y: Int, _ colour: Character, _ squares: [Character], bits: Int) -> Double {
        func mirrored(_ i: Int, _ count: Int) -> Int { i < 0 ? -i : i >= count ? 2 * count - 2 - i : i }
        func colourAt(_ x: Int, _ y: Int) -> Character { squares[(x & 1) + 2 * (y & 1)] }
        var nearest = Int.max
        var values: [Double] = []
        for (dx, dy) in [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
            let (u, v) = (mirrored(x + dx, Self.width), mirrored(y + dy, Self.height))
            guard colourAt(u, v) == colour else { continue }
            let distance = dx * dx + dy * dy
            if distance < nearest { values = [] }
            nearest = min(nearest, distance)
            if distance == nearest { values.append(Double(value(u, v, bits: bits))) }
        }
        return values.reduce(0, +) / Double(values.count) / Double(1 << bits - 1)
    }

    @Test("Bayer mosaics are interpolated bilinearly", arguments: mosaics)
    func mosaic(format: mf_pixel_format, squares: String, bits: Int) throws {
        let rows = (0..<Self.height).map { y in
            (0..<Self.width).flatMap { x in
                bits == 8 ? [UInt8(value(x, y, bits: 8))] : little(value(x, y, bits: bits))
            }
        }
        let letters = Array("RGB")
        expect(try planes(format, rows: rows)) { x, y, c in
            demosaiced(x, y, letters[c], Array(squares), bits: bits)
        }
    }

    @Test(
        "YUV of 4:2:2, in both orders",
        arguments: [
            (MF_PIXEL_YUV422_8, false), (MF_PIXEL_YUV422_8_UYVY, true), (MF_PIXEL_YCBCR422_8, false),
            (MF_PIXEL_YCBCR422_8_CBYCRY, true),
        ])
    func yuv(format: mf_pixel_format, isChromaFirst: Bool) throws {
        let chroma = { (x: Int, y: Int, channel: Int) in value(x / 2, y, bits: 8, channel: channel) }
        let rows = (0..<Self.height).map { y in
            stride(from: 0, to: Self.width, by: 2).flatMap { x -> [UInt8] in
                let luma = [value(x, y, bits: 8), value(x + 1, y, bits: 8)]
                let (u, v) = (chroma(x, y, 1), chroma(x, y, 2))
                return (isChromaFirst ? [u, luma[0], v, luma[1]] : [luma[0], u, luma[1], v]).map { UInt8($0) }
            }
        }
        expect(try planes(format, rows: rows), within: 0.5 / 255) { x, y, c in
            let (u, v) = (Double(chroma(x, y, 1) - 128), Double(chroma(x, y, 2) - 128))
            let sums = [1.402 * v, -0.344136 * u - 0.714136 * v, 1.772 * u]
            return min(max(Double(value(x, y, bits: 8)) + sums[c], 0), 255) / 255
        }
    }

    @Test("A model for grey sees the luma of a mosaic's colours")
    func greyOfMosaic() throws {
        let rows = (0..<Self.height).map { y in (0..<Self.width).map { UInt8(value($0, y, bits: 8)) } }
        let grey = try planes(MF_PIXEL_BAYER_RG8, rows: rows, channels: 1)
        let letters = Array("RGB")
        expect(grey, channels: 1) { x, y, _ in
            zip([0.299, 0.587, 0.114], letters).reduce(0) {
                $0 + $1.0 * demosaiced(x, y, $1.1, Array("RGGB"), bits: 8)
            }
        }
    }

    @Test("A row that is too short for its format is refused")
    func strides() {
        var planes = [Float](repeating: 0, count: 3 * 32 * 32)
        let bytes = [UInt8](repeating: 0, count: 32 * 128)
        for (format, row) in [(MF_PIXEL_MONO10P, 40), (MF_PIXEL_MONO12_PACKED, 48), (MF_PIXEL_YUV422_8, 64)] {
            for stride in [row - 1, row] {
                var image = mf_image(
                    struct_size: MemoryLayout<mf_image>.size, pixel_format: format.rawValue, width: 32, height: 32,
                    row_stride: stride, data: bytes.withUnsafeBytes { $0.baseAddress })
                #expect(mf_frame_planes(&image, 3, 32, 32, &planes, nil) == (stride == row ? MF_OK : MF_E_INVALID))
            }
        }
    }
}
