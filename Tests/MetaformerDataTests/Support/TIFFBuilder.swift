/// TIFF files written byte by byte after the specification, the directory first.
struct TIFFBuilder {
    var width: Int
    var height: Int
    var bits = 8
    var samples = 1
    /// 1 unsigned, 2 signed, 3 floating point.
    var format = 1
    /// 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK.
    var photometric = 1
    var orientation = 1
    /// 1 none, 4 CCITT Group 4.
    var compression = 1
    /// Red of all, then green and blue, 16 bits each.
    var palette: [Int] = []
    /// Of what follows the colours: 0 unspecified, 1 alpha that they are multiplied with, 2 other alpha.
    var extra = 0
    var isBigEndian = false
    /// One plane a sample instead of interleaved samples.
    var isPlanar = false
    /// The side of square tiles; strips when nil.
    var tile: Int?
    /// Bytes of each strip (one a plane) or tile, in file order.
    var blocks: [[UInt8]]

    var file: [UInt8] {
        var entries: [(tag: Int, type: Int, values: [Int])] = [
            (256, 4, [width]), (257, 4, [height]), (258, 3, Array(repeating: bits, count: samples)),
            (259, 3, [compression]),
            (262, 3, [photometric]), (274, 3, [orientation]), (277, 3, [samples]), (284, 3, [isPlanar ? 2 : 1]),
            (339, 3, Array(repeating: format, count: samples)),
        ]
        let colours = photometric == 2 ? 3 : photometric == 5 ? 4 : 1
        if samples > colours { entries.append((338, 3, Array(repeating: extra, count: samples - colours))) }
        if !palette.isEmpty { entries.append((320, 3, palette)) }
        if let tile {
            entries += [(322, 4, [tile]), (323, 4, [tile])]
        } else {
            entries.append((278, 4, [height]))
        }
        let (offsets, counts) = tile == nil ? (273, 279) : (324, 325)
        entries += [(offsets, 4, blocks.map { _ in 0 }), (counts, 4, blocks.map(\.count))]
        entries.sort { $0.tag < $1.tag }

        // Header, directory, long values, pixels.
        var at = 8 + 2 + 12 * entries.count + 4
        let size = { (entry: (tag: Int, type: Int, values: [Int])) in entry.values.count * (entry.type == 3 ? 2 : 4) }
        let valueOffsets = entries.map { entry -> Int? in
            guard size(entry) > 4 else { return nil }
            defer { at += size(entry) }
            return at
        }
        var starts: [Int] = []
        for block in blocks {
            starts.append(at)
            at += block.count
        }
        var directory: [UInt8] = number(entries.count, 2)
        var values: [UInt8] = []
        for (entry, offset) in zip(entries, valueOffsets) {
            let numbers = entry.tag == offsets ? starts : entry.values
            let bytes = numbers.flatMap { number($0, entry.type == 3 ? 2 : 4) }
            directory += number(entry.tag, 2) + number(entry.type, 2) + number(numbers.count, 4)
            if let offset {
                directory += number(offset, 4)
                values += bytes
            } else {
                directory += bytes + Array(repeating: 0, count: 4 - bytes.count)
            }
        }
        directory += number(0, 4)
        let magic: [UInt8] = isBigEndian ? [0x4d, 0x4d, 0, 42] : [0x49, 0x49, 42, 0]
        return magic + number(8, 4) + directory + values + blocks.flatMap { $0 }
    }

    /// A number in the byte order of the file.
    func number(_ value: Int, _ size: Int) -> [UInt8] {
        let little = (0..<size).map { UInt8(value >> (8 * $0) & 255) }
        return isBigEndian ? little.reversed() : little
    }
}
