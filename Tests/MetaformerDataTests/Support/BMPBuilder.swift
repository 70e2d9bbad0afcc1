/// Builds BMP files, uncompressed.
struct BMPBuilder {
    var width: Int
    var height: Int
    /// 8 (by palette), 24 or 32.
    var bits: Int
    /// Of blue, green, red.
    var palette: [[UInt8]] = []
    /// From the top down, without padding: palette indices, or blue, green, red and what fills a pixel of 32 bits.
    var rows: [[UInt8]]
    var isTopDown = false
    /// 1: run lengths.
    var compression = 0

    var file: [UInt8] {
        let padding = (4 - width * bits / 8 % 4) % 4
        let stored = (isTopDown ? rows : rows.reversed()).flatMap { $0 + Array(repeating: 0, count: padding) }
        let start = 54 + 4 * palette.count
        func number(_ value: Int, _ bytes: Int = 4) -> [UInt8] {
            (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var file: [UInt8] = [UInt8(ascii: "B"), UInt8(ascii: "M")]
        file += number(start + stored.count) + number(0) + number(start)
        file += number(40) + number(width) + number(isTopDown ? -height : height) + number(1, 2) + number(bits, 2)
        file += number(compression) + number(stored.count) + number(2835) + number(2835)
        file += number(palette.count) + number(0)
        return file + palette.flatMap { $0 + [0] } + stored
    }
}
