import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("Masks of defects") struct MaskFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func png(_ row: [UInt8], depth: Int = 8, colour: Int = 0, palette: [UInt8]? = nil) -> PNGBuilder {
        let samples = colour == 2 ? 3 : depth == 16 ? 2 : 1
        var png = PNGBuilder(width: row.count / samples, height: 1, depth: depth, colour: colour)
        if let palette { png.chunks = [("PLTE", palette)] }
        png.rows = [row]
        return png
    }

    private func mask(_ file: [UInt8], threshold: Int = 127) throws -> [UInt8] {
        try Image(maskAt: folder.write(file, to: "mask"), threshold: threshold).bytes
    }

    @Test("Half of the range divides a mask; where nothing is above, any value but 0 is a defect")
    func values() throws {
        #expect(try mask(png([0, 127, 128, 255]).file) == [0, 0, 255, 255])
        #expect(try mask(png([0, 1, 0, 1]).file) == [0, 255, 0, 255])
        #expect(try mask(png([0, 3, 7, 100]).file) == [0, 255, 255, 255])
        #expect(try mask(png([0, 1, 0, 255], depth: 16).file) == [255, 255])
        #expect(try mask(png([0, 0, 0, 1], depth: 16).file) == [0, 255])
        #expect(try mask(png([0x7f, 0xff, 0x80, 0], depth: 16).file) == [0, 255])
        #expect(try mask(png([0, 0, 0, 0, 2, 0], colour: 2).file) == [0, 255])
        #expect(try mask(png([0, 0]).file) == [0, 0])
        // Of numbered kinds all count, whatever the highest.
        #expect(try mask(png([0, 1, 2, 255]).file, threshold: 0) == [0, 255, 255, 255])
    }

    @Test("Of a palette of colours the first is background, and dark ones are defects too")
    func palettes() throws {
        let colours: [UInt8] = [0, 0, 0, 64, 0, 0, 255, 255, 255]
        #expect(try mask(png([0, 1, 2, 0], colour: 3, palette: colours).file) == [0, 255, 255, 0])
        let light: [UInt8] = [255, 255, 255, 64, 0, 0]
        #expect(try mask(png([0, 1, 0], colour: 3, palette: light).file) == [0, 255, 0])
        let greys: [UInt8] = [0, 0, 0, 255, 255, 255]
        #expect(try mask(png([0, 1, 0], colour: 3, palette: greys).file) == [0, 255, 0])
        let bmp = BMPBuilder(width: 3, height: 1, bits: 8, palette: [[0, 0, 0], [0, 0, 90]], rows: [[0, 1, 0]])
        #expect(try mask(bmp.file) == [0, 255, 0])
        var tiff = TIFFBuilder(width: 3, height: 1, photometric: 3, blocks: [[0, 1, 0]])
        tiff.palette = Array(repeating: 0, count: 768)
        tiff.palette[1] = 20_000
        #expect(try mask(tiff.file) == [0, 255, 0])
    }

    @Test("Masks of a bit a pixel, of BMP, TIFF and PBM")
    func bilevel() throws {
        let bmp = BMPBuilder(
            width: 4, height: 1, bits: 8, palette: [[0, 0, 0], [255, 255, 255]], rows: [[0, 1, 1, 0]])
        #expect(try mask(bmp.file) == [0, 255, 255, 0])
        #expect(try mask(TIFFBuilder(width: 4, height: 1, bits: 1, blocks: [[0b0110_0000]]).file) == [0, 255, 255, 0])
        #expect(try mask(Array("P1 4 1 1001".utf8)) == [0, 255, 255, 0])
    }

    @Test("A JPEG has no exact values: half of the range divides it, whatever the threshold", arguments: [0, 127])
    func jpeg(threshold: Int) throws {
        let image = try Image(
            maskAt: folder.write(JPEGFixtures.grey, to: "mask.jpg"), threshold: threshold)
        // Blocks of 20, 60, 100 above 140, 180, 220.
        #expect(image[4, 4, 0] == 0 && image[20, 4, 0] == 0 && image[4, 12, 0] == 255 && image[20, 12, 0] == 255)
    }

    @Test("A mask of another size is brought to the image's by the nearest pixel")
    func sizes() throws {
        let file = try folder.write(png([0, 255]).file, to: "mask")
        #expect(try Image(maskAt: file, size: (6, 2)).bytes == [0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255])
        #expect(try Image(maskAt: file, size: (1, 1)).bytes == [255])
        #expect(try Image(maskAt: file, size: (2, 1)).bytes == [0, 255])
    }
}
