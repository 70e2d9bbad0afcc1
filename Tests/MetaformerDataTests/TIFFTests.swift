import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("TIFF files") struct TIFFTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func read(_ tiff: TIFFBuilder) throws -> Image {
        try Image(contentsOf: folder.write(tiff.file, to: "a.tif"))
    }

    @Test(
        "8 and 16 bits, grey and RGB, in either byte order", arguments: [(1, 8), (1, 16), (3, 8), (3, 16)],
        [false, true])
    func samples(kind: (channels: Int, bits: Int), isBigEndian: Bool) throws {
        let (channels, bits) = kind
        let image = pattern(channels: channels, bitDepth: bits)
        var bytes = image.bytes
        if bits == 16 && isBigEndian {
            for i in stride(from: 0, to: bytes.count, by: 2) { bytes.swapAt(i, i + 1) }
        }
        let tiff = TIFFBuilder(
            width: image.width, height: image.height, bits: bits, samples: channels,
            photometric: channels == 3 ? 2 : 1, isBigEndian: isBigEndian, blocks: [bytes])
        #expect(try read(tiff) == image)
    }

    @Test("Planes, one behind the other")
    func planes() throws {
        let image = pattern(channels: 3, bitDepth: 8)
        let blocks = (0..<3).map { c in stride(from: c, to: image.bytes.count, by: 3).map { image.bytes[$0] } }
        let tiff = TIFFBuilder(
            width: image.width, height: image.height, samples: 3, photometric: 2, isPlanar: true, blocks: blocks)
        #expect(try read(tiff) == image)
    }

    @Test("Tiles that reach over the edges")
    func tiles() throws {
        let image = pattern(width: 23, height: 17, channels: 3, bitDepth: 8)
        var blocks: [[UInt8]] = []
        for (top, left) in [(0, 0), (0, 16), (16, 0), (16, 16)] {
            var block = [UInt8](repeating: 77, count: 16 * 16 * 3)
            for y in top..<min(top + 16, 17) {
                for x in left..<min(left + 16, 23) {
                    for c in 0..<3 { block[((y - top) * 16 + x - left) * 3 + c] = UInt8(image[x, y, c]) }
                }
            }
            blocks.append(block)
        }
        let tiff = TIFFBuilder(width: 23, height: 17, samples: 3, photometric: 2, tile: 16, blocks: blocks)
        #expect(try read(tiff) == image)
        let error = #expect(throws: ImageFileError.self) {
            try Image(contentsOf: folder.write(tiff.file.dropLast(100), to: "cut.tif"))
        }
        #expect(error?.description.contains("truncated") == true)
        let vast = TIFFBuilder(width: 2, height: 2, tile: 8192, blocks: [[1, 2, 3, 4]])
        let refusal = #expect(throws: ImageFileError.self) { try read(vast) }
        #expect(refusal?.description.contains("tiles of 8192 x 8192") == true)
    }

    @Test("The orientation tag is applied", arguments: orientations.indices)
    func orientation(index: Int) throws {
        let (orientation, upright) = orientations[index]
        let stored = pattern(width: 5, height: 3, channels: 3, bitDepth: 16)
        let tiff = TIFFBuilder(
            width: 5, height: 3, bits: 16, samples: 3, photometric: 2, orientation: orientation, blocks: [stored.bytes])
        let image = try read(tiff)
        for y in 0..<3 {
            for x in 0..<5 {
                let (u, v) = upright(x, y, 5, 3)
                for c in 0..<3 { #expect(image[u, v, c] == stored[x, y, c]) }
            }
        }
    }

    @Test("Alpha is dropped; white-is-zero is turned")
    func extraSamplesAndInversion() throws {
        let alpha = TIFFBuilder(
            width: 2, height: 1, samples: 4, photometric: 2, blocks: [[1, 2, 3, 200, 4, 5, 6, 100]])
        #expect(try read(alpha).bytes == [1, 2, 3, 4, 5, 6])
        let inverted = TIFFBuilder(width: 2, height: 1, photometric: 0, blocks: [[0, 250]])
        #expect(try read(inverted).bytes == [255, 5])
    }

    @Test("Other samples and colours are refused in words")
    func unsupported() throws {
        let builders: [(TIFFBuilder, String)] = [
            (TIFFBuilder(width: 2, height: 1, bits: 64, format: 3, blocks: [Array(repeating: 0, count: 16)]), "64-bit"),
            (TIFFBuilder(width: 2, height: 1, bits: 16, format: 2, blocks: [[0, 0, 0, 0]]), "signed"),
            (TIFFBuilder(width: 1, height: 1, bits: 24, blocks: [[1, 2, 3]]), "24-bit"),
            (TIFFBuilder(width: 2, height: 1, compression: 34_712, blocks: [[0, 0]]), "method 34712"),
            (TIFFBuilder(width: 1, height: 1, samples: 4, photometric: 5, blocks: [[0, 0, 0, 0]]), "CMYK"),
        ]
        for (builder, word) in builders {
            let error = #expect(throws: ImageFileError.self) { try read(builder) }
            #expect(error?.description.contains(word) == true, "\(error.map(String.init(describing:)) ?? "")")
        }
    }

    @Test(
        "Colours that are not read are called by their names",
        arguments: [
            (4, "transparency mask"), (6, "YCbCr other"), (8, "L*a*b*"), (9, "L*a*b*"), (10, "L*a*b*"),
            (32_803, "raw mosaic"),
            (32_844, "LogLuv"), (32_845, "LogLuv"), (12_345, "kind 12345;"),
        ])
    func colours(photometric: Int, word: String) throws {
        let samples = [6, 8, 9, 10, 32_845].contains(photometric) ? 3 : 1
        let tiff = TIFFBuilder(
            width: 2, height: 1, samples: samples, photometric: photometric,
            blocks: [Array(repeating: 0, count: 2 * samples)])
        let error = #expect(throws: ImageFileError.self) { try read(tiff) }
        #expect(error?.description.contains(word) == true, "\(error.map(String.init(describing:)) ?? "")")
    }

    @Test("Colours without their samples are refused")
    func missingColours() throws {
        let error = #expect(throws: ImageFileError.self) {
            try read(TIFFBuilder(width: 2, height: 1, photometric: 2, blocks: [[1, 2]]))
        }
        #expect(error?.description.contains("1 samples a pixel") == true)
    }

    @Test("YCbCr inside is read by JPEG, as the file alone is")
    func jpegInside() throws {
        let jpeg = try Image(contentsOf: folder.write(JPEGFixtures.rgb, to: "a.jpg"))
        var tiff = TIFFBuilder(
            width: 24, height: 16, samples: 3, photometric: 6, compression: 7, blocks: [JPEGFixtures.rgb])
        #expect(try read(tiff) == jpeg)
        tiff.blocks = [Array(JPEGFixtures.rgb.prefix(JPEGFixtures.rgb.count / 2))]
        #expect(throws: ImageFileError.self) { try read(tiff) }
    }

    @Test("1, 2 and 4 bits fill the whole range, in rows that end with their byte")
    func fewBits() throws {
        let one = TIFFBuilder(width: 9, height: 2, bits: 1, blocks: [[0b1010_0011, 0x80, 0, 0]])
        #expect(try read(one).bytes == [255, 0, 255, 0, 0, 0, 255, 255, 255] + Array(repeating: 0, count: 9))
        let inverted = TIFFBuilder(width: 3, height: 1, bits: 1, photometric: 0, blocks: [[0b0100_0000]])
        #expect(try read(inverted).bytes == [255, 0, 255])
        #expect(try read(TIFFBuilder(width: 3, height: 1, bits: 2, blocks: [[0b00_01_11_00]])).bytes == [0, 85, 255])
        #expect(try read(TIFFBuilder(width: 3, height: 1, bits: 4, blocks: [[0x0f, 0x30]])).bytes == [0, 255, 51])
        let colours = TIFFBuilder(width: 1, height: 1, bits: 4, samples: 3, photometric: 2, blocks: [[0x0f, 0x80]])
        #expect(try read(colours).bytes == [0, 255, 136])
        let planes = TIFFBuilder(
            width: 2, height: 1, bits: 4, samples: 3, photometric: 2, isPlanar: true, blocks: [[0x0f], [0x10], [0xf0]])
        #expect(try read(planes).bytes == [0, 17, 255, 255, 0, 0])
        var tile = [UInt8](repeating: 0, count: 32)
        tile[2] = 0b0100_0000
        let tiled = TIFFBuilder(width: 2, height: 2, bits: 1, tile: 16, blocks: [tile])
        #expect(try read(tiled).bytes == [0, 0, 0, 255])
    }

    @Test("CCITT Group 4, where white is zero")
    func group4() throws {
        // The first row has two black pixels in the middle (horizontal mode), the second is as the first.
        var tiff = TIFFBuilder(
            width: 8, height: 2, bits: 1, photometric: 0, compression: 4, blocks: [[0x31, 0xf8, 0x00, 0x80, 0x08]])
        let row: [UInt8] = [255, 255, 255, 0, 0, 255, 255, 255]
        #expect(try read(tiff).bytes == row + row)
        tiff.blocks = [[0x31]]
        #expect(throws: ImageFileError.self) { try read(tiff) }
    }

    @Test("Packed samples of 12 bits fill 16", arguments: [false, true])
    func twelveBits(isBigEndian: Bool) throws {
        let tiff = TIFFBuilder(
            width: 3, height: 1, bits: 12, isBigEndian: isBigEndian, blocks: [[0xff, 0xf8, 0x00, 0x00, 0x10]])
        let image = try read(tiff)
        #expect(image.bitDepth == 16 && (0..<3).map { image[$0, 0, 0] } == [65_535, 32_776, 16])
    }

    @Test("Palettes of 1 to 8 bits", arguments: [1, 2, 4, 8])
    func palettes(bits: Int) throws {
        let count = 1 << bits
        var tiff = TIFFBuilder(
            width: 2, height: 1, bits: bits, photometric: 3,
            blocks: [bits == 8 ? [0, 1] : [[0b0100_0000], [0b0001_0000], [0x01]][bits / 2]])
        tiff.palette = Array(repeating: 0, count: 3 * count)
        tiff.palette[0] = 257 * 10
        tiff.palette[count + 1] = 65_535
        let image = try read(tiff)
        #expect(image.channels == 3 && image.bytes == [10, 0, 0, 0, 255, 0])
        // Some writers give values of 8 bits.
        tiff.palette[0] = 10
        tiff.palette[count + 1] = 255
        #expect(try read(tiff).bytes == [10, 0, 0, 0, 255, 0])
    }

    @Test("Alpha that colours are multiplied with is taken out of them, or refused where too little is left")
    func multipliedAlpha() throws {
        var tiff = TIFFBuilder(
            width: 2, height: 1, samples: 4, photometric: 2, blocks: [[50, 100, 0, 128, 7, 8, 9, 0]])
        tiff.extra = 1
        #expect(try read(tiff).bytes == [99, 199, 0, 7, 8, 9])
        tiff.extra = 2
        #expect(try read(tiff).bytes == [50, 100, 0, 7, 8, 9])
        var deep = TIFFBuilder(width: 1, height: 1, bits: 16, samples: 2, blocks: [[1, 2, 255, 255]])
        deep.extra = 1
        #expect(try read(deep)[0, 0, 0] == 0x0201)
        deep.blocks = [[1, 2, 255, 127]]
        var tiled = deep
        tiled.tile = 16
        tiled.blocks = [Array(repeating: 9, count: 16 * 16 * 4)]
        var planes = tiff
        planes.extra = 1
        planes.isPlanar = true
        planes.blocks = [[50, 7], [100, 8], [0, 9], [128, 0]]
        for refused in [deep, tiled, planes] {
            let error = #expect(throws: ImageFileError.self) { try read(refused) }
            #expect(error?.description.contains("transparency") == true)
        }
    }

    @Test("Maps of floats come back bit for bit", arguments: [FloatMap.Compression.none, .deflate])
    func maps(compression: FloatMap.Compression) throws {
        var values = (0..<301 * 211).map { Float(sin(Double($0) * 0.01)) }
        values[0...3] = [.infinity, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
        let map = FloatMap(width: 301, height: 211, values: values)
        let file = folder.url.appendingPathComponent("map.tif")
        try map.write(tiff: file, compression: compression)
        let back = try FloatMap(contentsOf: file)
        #expect(back.width == 301 && back.height == 211)
        #expect(back.values.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test("A map is no image, and an image no map")
    func mixedUp() throws {
        let map = folder.url.appendingPathComponent("map.tif")
        try FloatMap(width: 4, height: 4, values: Array(repeating: 1, count: 16)).write(tiff: map)
        #expect(throws: ImageFileError.self) { try Image(contentsOf: map) }
        let image = folder.url.appendingPathComponent("a.png")
        try pattern(channels: 1, bitDepth: 8).write(png: image)
        #expect(throws: ImageFileError.self) { try FloatMap(contentsOf: image) }
    }
}
