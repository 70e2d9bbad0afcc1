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
            (TIFFBuilder(width: 8, height: 1, bits: 1, blocks: [[255]]), "1-bit"),
            (TIFFBuilder(width: 1, height: 1, samples: 4, photometric: 5, blocks: [[0, 0, 0, 0]]), "colour kind 5"),
        ]
        for (builder, word) in builders {
            let error = #expect(throws: ImageFileError.self) { try read(builder) }
            #expect(error?.description.contains(word) == true, "\(error.map(String.init(describing:)) ?? "")")
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
        let picture = folder.url.appendingPathComponent("a.png")
        try pattern(channels: 1, bitDepth: 8).write(png: picture)
        #expect(throws: ImageFileError.self) { try FloatMap(contentsOf: picture) }
    }
}
