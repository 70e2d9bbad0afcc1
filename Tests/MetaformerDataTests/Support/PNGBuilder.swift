/// PNG files written byte by byte after the specification, to have kinds that no encoder here writes.
struct PNGBuilder {
    var width: Int
    var height: Int
    var depth = 8
    /// 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.
    var colour = 0
    var isInterlaced = false
    /// Chunks between the header and the pixels.
    var chunks: [(type: String, bytes: [UInt8])] = []
    /// The samples in file order, whole bytes: rows must fill bytes when the depth is below 8.
    var rows: [[UInt8]] = []

    var file: [UInt8] {
        let header = big32(width) + big32(height) + [UInt8(depth), UInt8(colour), 0, 0, isInterlaced ? 1 : 0]
        var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        file += PNGBuilder.chunk("IHDR", header)
        for (type, bytes) in chunks { file += PNGBuilder.chunk(type, bytes) }
        file += PNGBuilder.chunk("IDAT", deflated(isInterlaced ? interlacedScanlines : rows.flatMap { [0] + $0 }))
        return file + PNGBuilder.chunk("IEND", [])
    }

    /// The seven passes of Adam7, for pixels of whole bytes.
    private var interlacedScanlines: [UInt8] {
        let pixel = rows[0].count / width
        let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        var bytes: [UInt8] = []
        for (x0, y0, stepX, stepY) in passes where x0 < width {
            for y in stride(from: y0, to: height, by: stepY) {
                bytes.append(0)
                for x in stride(from: x0, to: width, by: stepX) {
                    bytes += rows[y][x * pixel..<(x + 1) * pixel]
                }
            }
        }
        return bytes
    }

    static func chunk(_ type: String, _ bytes: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + bytes
        return big32(bytes.count) + body + big32(Int(crc32(body)))
    }

    /// A zlib stream that stores instead of compressing.
    private func deflated(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 65_536)
        let length = UInt16(bytes.count)
        var stream: [UInt8] = [0x78, 0x01, 1, UInt8(length & 255), UInt8(length >> 8)]
        stream += [UInt8(~length & 255), UInt8(~length >> 8)]
        var a = 1
        var b = 0
        for byte in bytes {
            a = (a + Int(byte)) % 65_521
            b = (b + a) % 65_521
        }
        return stream + bytes + big32(b << 16 | a)
    }
}

func big32(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 255) } }

private func crc32(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { crc, byte in
        (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
    }
}
