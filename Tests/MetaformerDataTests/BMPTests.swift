import Foundation
import MetaformerData
import TestSupport
import Testing

/// A BMP file of any header, put together from its parts.
private struct RawBMP {
    var header = 40
    var width = 2
    var height = 2
    var bits = 8
    var compression = 0
    var usedColours = 0
    /// Red, green, blue, behind the header.
    var masks: [Int] = []
    /// Blue, green, red.
    var palette: [[UInt8]] = []
    /// As they are stored, with padding.
    var pixels: [UInt8]
    var hasFileHeader = true
    /// Where the file says that the pixels begin; where they do when nil.
    var offset: Int?

    var file: [UInt8] {
        func number(_ value: Int, _ bytes: Int = 4) -> [UInt8] {
            (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var info = number(header)
        if header == 12 {
            info += number(width, 2) + number(height, 2) + number(1, 2) + number(bits, 2)
        } else {
            info += number(width) + number(height) + number(1, 2) + number(bits, 2) + number(compression)
            info += number(pixels.count) + number(0) + number(0) + number(usedColours) + number(0)
            if header >= 52 { info += masks.flatMap { number($0) } }
            info = Array(info.prefix(header)) + Array(repeating: 0, count: max(header - info.count, 0))
            if header < 52 { info += masks.flatMap { number($0) } }
        }
        info += palette.flatMap { header == 12 ? $0 : $0 + [0] }
        guard hasFileHeader else { return info + pixels }
        let start = 14 + info.count
        return Array("BM".utf8) + number(start + pixels.count) + number(0) + number(offset ?? start) + info + pixels
    }
}

@Suite("BMP files of all headers and codes") struct BMPTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func read(_ bmp: RawBMP) throws -> Image { try Image(contentsOf: folder.write(bmp.file, to: "a.bmp")) }

    private let colours: [[UInt8]] = [[1, 2, 3], [40, 50, 60], [255, 254, 253]]

    @Test("OS/2 and Windows headers give the same image", arguments: [12, 16, 40, 52, 56, 64, 108, 124])
    func headers(size: Int) throws {
        let bmp = RawBMP(
            header: size, palette: colours + Array(repeating: [0, 0, 0], count: 253), pixels: [2, 1, 0, 0, 0, 2, 0, 0])
        #expect(try read(bmp).bytes == [3, 2, 1, 253, 254, 255, 253, 254, 255, 60, 50, 40])
    }

    @Test("An OS/2 palette of all greys is read to its last entry")
    func os2Grey() throws {
        let greys = (0..<256).map { [UInt8($0), UInt8($0), UInt8($0)] }
        let image = try read(
            RawBMP(header: 12, width: 4, height: 1, palette: greys, pixels: [252, 253, 254, 255]))
        #expect(image.channels == 1 && image.bytes == [252, 253, 254, 255])
    }

    @Test("1, 2, 4 and 8 bits name colours", arguments: [(1, [0b0110_0000]), (2, [0b0010_0100]), (4, [0x02, 0x10])])
    func depths(bits: Int, row: [Int]) throws {
        let bmp = RawBMP(
            width: bits == 1 ? 3 : 3, height: 1, bits: bits, palette: Array(colours.prefix(1 << bits)),
            pixels: Array((row.map { UInt8($0) } + [0, 0, 0]).prefix(4)), offset: nil)
        let order = bits == 1 ? [0, 1, 1] : [0, 2, 1]
        #expect(try read(bmp).bytes == order.flatMap { colours[$0].reversed() })
    }

    @Test("Colours that the palette lacks are black, always")
    func shortPalette() throws {
        var bmp = RawBMP(usedColours: 2, palette: Array(colours.prefix(2)), pixels: [0, 1, 0, 0, 2, 255, 0, 0])
        for _ in 0..<3 { #expect(try read(bmp).bytes == [0, 0, 0, 0, 0, 0, 3, 2, 1, 60, 50, 40]) }
        // Without a count, the pixels' place tells how many there are.
        bmp.usedColours = 0
        #expect(try read(bmp).bytes == [0, 0, 0, 0, 0, 0, 3, 2, 1, 60, 50, 40])
        // A count beyond the depth's colours says nothing.
        bmp.usedColours = 305_402_420
        #expect(try read(bmp).bytes == [0, 0, 0, 0, 0, 0, 3, 2, 1, 60, 50, 40])
    }

    @Test("Palettes before 24 bits are passed over; those missing from the pixels' place are counted")
    func places() throws {
        let wide = RawBMP(
            width: 1, height: 1, bits: 24, usedColours: 3, palette: colours, pixels: [7, 8, 9, 0])
        #expect(try read(wide).bytes == [9, 8, 7])
        var bmp = RawBMP(
            width: 1, height: 1, usedColours: 3, palette: colours, pixels: [1, 0, 0, 0])
        for offset in [0, 54] {
            bmp.offset = offset
            #expect(try read(bmp).bytes == [60, 50, 40])
        }
        bmp.offset = 20
        let error = #expect(throws: ImageFileError.self) { try read(bmp) }
        #expect(error?.description.contains("inside its header") == true)
    }

    @Test("A DIB has no header of the file", arguments: [12, 40, 124])
    func dib(header: Int) throws {
        let bmp = RawBMP(header: header, width: 1, height: 1, bits: 24, pixels: [7, 8, 9, 0], hasFileHeader: false)
        #expect(try Image(contentsOf: folder.write(bmp.file, to: "a.dib")).bytes == [9, 8, 7])
    }

    @Test("16 and 32 bits follow their masks, each scaled to the whole range", arguments: [40, 56, 124])
    func fields(header: Int) throws {
        let plain = RawBMP(width: 2, height: 1, bits: 16, pixels: [0x1f, 0x00, 0x10, 0x42])
        #expect(try read(plain).bytes == [0, 0, 255, 132, 132, 132])
        let green6 = RawBMP(
            header: header, width: 2, height: 1, bits: 16, compression: 3, masks: [0xf800, 0x07e0, 0x001f],
            pixels: [0xe0, 0x07, 0x00, 0xf8])
        #expect(try read(green6).bytes == [0, 255, 0, 255, 0, 0])
        let deep = RawBMP(
            header: header, width: 1, height: 1, bits: 32, compression: 3, masks: [0x3ff0_0000, 0x000f_fc00, 0x3ff],
            pixels: [0xff, 0x03, 0x08, 0x00])
        #expect(try read(deep).bytes == [0, 128, 255])
        let broken = RawBMP(
            header: header, width: 1, height: 1, bits: 32, compression: 3, masks: [0xff00ff, 0xff00, 0],
            pixels: [0, 0, 0, 0])
        #expect(throws: ImageFileError.self) { try read(broken) }
    }

    @Test("Run lengths of 8 and 4 bits: runs, absolute parts, moves and ends")
    func runs() throws {
        // From the bottom: 2 2 1 1 0 (a run, an absolute part with its padding), then a move up a row and one to the right.
        let eight = RawBMP(
            width: 5, height: 3, compression: 1, palette: colours + Array(repeating: [0, 0, 0], count: 253),
            pixels: [2, 2, 0, 3, 1, 1, 0, 0, 0, 0, 0, 2, 1, 1, 1, 2, 0, 1])
        let four = RawBMP(
            width: 5, height: 3, bits: 4, compression: 2, palette: colours + Array(repeating: [0, 0, 0], count: 13),
            pixels: [2, 0x22, 0, 3, 0x11, 0x00, 0, 0, 0, 2, 1, 1, 1, 0x20, 0, 1])
        let expected = [[0, 2, 0, 0, 0], [0, 0, 0, 0, 0], [2, 2, 1, 1, 0]]
        for bmp in [eight, four] {
            #expect(try read(bmp).bytes == expected.joined().flatMap { colours[$0].reversed() })
            for end in 1...4 where end % 2 == 0 {
                var cut = bmp
                cut.pixels.removeLast(end)
                let error = #expect(throws: ImageFileError.self) { try read(cut) }
                #expect(error?.description.contains("truncated") == true)
            }
        }
        var long = eight
        long.pixels = [6, 1, 0, 1]
        let error = #expect(throws: ImageFileError.self) { try read(long) }
        #expect(error?.description.contains("beyond its row") == true)
    }

    @Test(
        "What is not read is named",
        arguments: [(40, 4, 24, "JPEG"), (64, 3, 1, "Huffman"), (64, 4, 24, "24 bits"), (40, 9, 8, "code 9")])
    func refused(header: Int, compression: Int, bits: Int, word: String) throws {
        let bmp = RawBMP(header: header, bits: bits, compression: compression, pixels: Array(repeating: 0, count: 99))
        let error = #expect(throws: ImageFileError.self) { try read(bmp) }
        #expect(error?.description.contains(word) == true)
    }

    @Test(
        "Headers that contradict themselves are damaged",
        arguments: [
            (13, 2, 8, 0, "header of 13 bytes"), (40, -2, 8, 0, "width below 0"), (40, 2, 7, 0, "7 bits a pixel"),
            (40, 2, 4, 1, "4 bits a pixel in the code 1"), (40, 2, 8, 3, "8 bits a pixel in the code 3"),
        ])
    func contradictions(header: Int, width: Int, bits: Int, compression: Int, word: String) throws {
        let bmp = RawBMP(
            header: header, width: width, bits: bits, compression: compression,
            pixels: Array(repeating: 0, count: 2000))
        let error = #expect(throws: ImageFileError.self) { try read(bmp) }
        #expect(error?.description.contains(word) == true, "\(error.map(String.init(describing:)) ?? "")")
    }

    @Test("Masks and run lengths that the file ends before are truncated")
    func missingParts() throws {
        let masks = RawBMP(bits: 16, compression: 3, masks: [0xf800], pixels: [])
        let runs = RawBMP(compression: 1, palette: colours, pixels: [], offset: 10_000)
        for bmp in [masks, runs] {
            let error = #expect(throws: ImageFileError.self) { try read(bmp) }
            #expect(error?.description.contains("truncated") == true)
        }
    }

    @Test("Run lengths without a mark of their end are whole once they fill the image")
    func runsWithoutEnd() throws {
        var bmp = RawBMP(compression: 1, palette: colours, pixels: [2, 1, 0, 0, 2, 2])
        #expect(try read(bmp).bytes == [2, 2, 1, 1].flatMap { colours[$0].reversed() })
        bmp.pixels = [2, 1, 0, 0, 1, 2]
        #expect(throws: ImageFileError.self) { try read(bmp) }
    }
}
