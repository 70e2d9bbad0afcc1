import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("Damaged and hostile image files") struct DamagedFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A valid file of each kind.
    private func samples() throws -> [(name: String, bytes: [UInt8])] {
        let url = folder.url.appendingPathComponent("source")
        var samples: [(String, [UInt8])] = [
            ("grey.jpg", JPEGFixtures.grey), ("rgb.jpg", JPEGFixtures.rgb),
            ("progressive.jpg", JPEGFixtures.progressive),
            ("exif.jpg", JPEGFixtures.with(orientation: 6, isBigEndian: true, in: JPEGFixtures.rgb)),
        ]
        for (channels, depth) in [(1, 8), (3, 16)] {
            try pattern(channels: channels, bitDepth: depth).write(png: url)
            samples.append(("\(channels)x\(depth).png", Array(try Data(contentsOf: url))))
        }
        let image = pattern(channels: 3, bitDepth: 8)
        let tiff = TIFFBuilder(
            width: image.width, height: image.height, samples: 3, photometric: 2, blocks: [image.bytes])
        samples.append(("rgb.tif", tiff.file))
        var interlaced = PNGBuilder(width: 9, height: 9, isInterlaced: true)
        interlaced.rows = (0..<9).map { row in (0..<9).map { UInt8(row * 9 + $0) } }
        let bmp = BMPBuilder(width: 5, height: 3, bits: 24, rows: Array(repeating: Array(10..<25), count: 3))
        samples.append(("rgb.bmp", bmp.file))
        samples.append(("grey.pgm", Array("P5 5 3 255\n".utf8) + (0..<15).map { UInt8($0 * 16) }))
        samples.append(("bits.tif", TIFFBuilder(width: 9, height: 2, bits: 12, blocks: [Array(0..<28)]).file))
        samples.append(("interlaced.png", interlaced.file))
        return samples
    }

    @Test("Every cut of every kind of file is refused")
    func truncation() throws {
        for (name, bytes) in try samples() {
            // The last marker of a JPEG, without which every pixel is there, ends the cuts; see ImageFileTests.
            // And the padding of a BMP file's last row may be left out.
            let end = name.hasSuffix("jpg") ? bytes.count - 2 : name.hasSuffix("bmp") ? bytes.count - 1 : bytes.count
            for count in 0..<end {
                let file = try folder.write(bytes[..<count], to: "cut")
                #expect(throws: ImageFileError.self, "\(name) cut at \(count) of \(bytes.count)") {
                    try Image(contentsOf: file)
                }
            }
        }
    }

    @Test("Every cut of a map is refused", arguments: [FloatMap.Compression.none, .deflate])
    func truncatedMaps(compression: FloatMap.Compression) throws {
        let map = folder.url.appendingPathComponent("map.tif")
        try FloatMap(width: 9, height: 7, values: (0..<63).map(Float.init)).write(tiff: map, compression: compression)
        let bytes = try Data(contentsOf: map)
        let whole = try FloatMap(contentsOf: map)
        for count in 0..<bytes.count {
            let file = try folder.write(bytes[..<count], to: "cut")
            // Values of the directory stand last; a cut there may lose nothing that pixels need.
            guard let read = try? FloatMap(contentsOf: file) else { continue }
            #expect(read == whole && count > bytes.count - 32, "cut at \(count) of \(bytes.count)")
        }
    }

    @Test("Damaged bytes give an error or an image, never more than that")
    func byteFlips() throws {
        var generator = RandomGenerator(seed: 2021)
        for (_, bytes) in try samples() {
            for _ in 0..<400 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let at = Int.random(in: 0..<bytes.count, using: &generator)
                    damaged[at] = UInt8.random(in: 0...255, using: &generator)
                }
                let file = try folder.write(damaged, to: "damaged")
                guard let image = try? Image(contentsOf: file) else { continue }
                #expect(image.bytes.count == image.width * image.height * image.channels * image.bitDepth / 8)
            }
        }
    }

    @Test("A damaged checksum of a PNG is noticed")
    func checksum() throws {
        var png = PNGBuilder(width: 4, height: 1)
        png.rows = [[1, 2, 3, 4]]
        var bytes = png.file
        bytes[29] ^= 1  // the first byte behind the header chunk
        let file = try folder.write(bytes, to: "a.png")
        let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: file) }
        #expect(error?.description.contains("CRC") == true)
    }

    @Test(
        "Sizes over the limits are refused before memory is taken",
        arguments: [(65_536, 1), (1, 65_536), (30_000, 30_000), (2_000_000_000, 2_000_000_000)])
    func limits(width: Int, height: Int) throws {
        var png = PNGBuilder(width: width, height: height)
        png.rows = [[0]]
        let tiff = TIFFBuilder(width: width, height: height, blocks: [[0]])
        for (name, bytes) in [("a.png", png.file), ("a.tif", tiff.file)] {
            let file = try folder.write(bytes, to: name)
            let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: file) }
            guard case .tooLarge(let size)? = error?.reason else {
                Issue.record("\(name): \(error.map(String.init(describing:)) ?? "")")
                continue
            }
            #expect(size.hasPrefix("\(width) x \(height) pixels"))
        }
    }

    @Test("The largest allowed sides are read")
    func longest() throws {
        let file = folder.url.appendingPathComponent("a.png")
        let image = Image(width: 65_535, height: 1, channels: 1, bytes: Array(repeating: 9, count: 65_535))
        try image.write(png: file)
        #expect(try Image(contentsOf: file) == image)
    }

    @Test("An empty header is refused")
    func zeroSize() throws {
        var png = PNGBuilder(width: 0, height: 5)
        png.rows = [[0]]
        let file = try folder.write(png.file, to: "a.png")
        #expect(throws: ImageFileError.self) { try Image(contentsOf: file) }
    }
}
