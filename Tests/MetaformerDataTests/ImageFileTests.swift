import Foundation
import MetaformerData
import TestSupport
import Testing

/// A image in which every sample differs from its neighbours, odd in size so that rows fill no round number of bytes.
func pattern(width: Int = 23, height: Int = 17, channels: Int, bitDepth: Int) -> Image {
    let count = width * height * channels
    if bitDepth == 16 {
        let samples = (0..<count).map { UInt16(truncatingIfNeeded: $0 &* 40_503 &+ 7) }
        return Image(width: width, height: height, channels: channels, samples: samples)
    }
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 7) }
    return Image(width: width, height: height, channels: channels, bytes: bytes)
}

/// The eight orientations: where the stored pixel (x, y) of an image of w x h stands upright.
let orientations: [(Int, @Sendable (Int, Int, Int, Int) -> (Int, Int))] = [
    (1, { x, y, _, _ in (x, y) }), (2, { x, y, w, _ in (w - 1 - x, y) }),
    (3, { x, y, w, h in (w - 1 - x, h - 1 - y) }), (4, { x, y, _, h in (x, h - 1 - y) }),
    (5, { x, y, _, _ in (y, x) }), (6, { x, y, _, h in (h - 1 - y, x) }),
    (7, { x, y, w, h in (h - 1 - y, w - 1 - x) }), (8, { x, y, w, _ in (y, w - 1 - x) }),
]

@Suite("Image files") struct ImageFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("PNG: what is written is read", arguments: [1, 3], [8, 16])
    func pngRoundTrip(channels: Int, bitDepth: Int) throws {
        let image = pattern(channels: channels, bitDepth: bitDepth)
        let file = folder.url.appendingPathComponent("image.png")
        try image.write(png: file)
        #expect(try Image(contentsOf: file) == image)
    }

    @Test("PNG: 16 bits are stored with the high byte first")
    func pngByteOrder() throws {
        var png = PNGBuilder(width: 2, height: 1, depth: 16)
        png.rows = [[0x12, 0x34, 0xff, 0x00]]
        let image = try Image(contentsOf: folder.write(png.file, to: "a.png"))
        #expect(image.bitDepth == 16 && image[0, 0, 0] == 0x1234 && image[1, 0, 0] == 0xff00)
    }

    @Test("PNG: palettes are expanded, their transparency dropped")
    func pngPalette() throws {
        var png = PNGBuilder(width: 4, height: 1, depth: 2, colour: 3)
        png.chunks = [("PLTE", [10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 2, 3]), ("tRNS", [0, 128])]
        png.rows = [[0b10_00_11_01]]
        let image = try Image(contentsOf: folder.write(png.file, to: "a.png"))
        #expect(image.channels == 3 && image.bytes == [70, 80, 90, 10, 20, 30, 1, 2, 3, 40, 50, 60])
    }

    @Test("PNG: alpha is dropped from grey and from RGB")
    func pngAlpha() throws {
        var png = PNGBuilder(width: 2, height: 1, colour: 4)
        png.rows = [[5, 255, 9, 0]]
        #expect(try Image(contentsOf: folder.write(png.file, to: "a.png")).bytes == [5, 9])
        png.colour = 6
        png.rows = [[1, 2, 3, 0, 4, 5, 6, 99]]
        #expect(try Image(contentsOf: folder.write(png.file, to: "b.png")).bytes == [1, 2, 3, 4, 5, 6])
    }

    @Test("PNG: a bit a pixel becomes black and white")
    func pngBilevel() throws {
        var png = PNGBuilder(width: 8, height: 1, depth: 1)
        png.rows = [[0b1010_0011]]
        let image = try Image(contentsOf: folder.write(png.file, to: "a.png"))
        #expect(image.bytes == [255, 0, 255, 0, 0, 0, 255, 255])
    }

    @Test("PNG: interlaced files give the same image", arguments: [0, 2])
    func pngInterlaced(colour: Int) throws {
        let image = pattern(width: 13, height: 11, channels: colour == 2 ? 3 : 1, bitDepth: 8)
        let row = image.width * image.channels
        var png = PNGBuilder(width: 13, height: 11, colour: colour, isInterlaced: true)
        png.rows = (0..<11).map { Array(image.bytes[$0 * row..<($0 + 1) * row]) }
        #expect(try Image(contentsOf: folder.write(png.file, to: "a.png")) == image)
    }

    @Test("BMP: colours, palettes and both directions give the same image")
    func bmp() throws {
        let colours: [[UInt8]] = [[10, 20, 30], [200, 100, 50], [255, 0, 1]]
        let indices = [[0, 1, 2], [2, 2, 0]]
        let expected: [UInt8] = indices.joined().flatMap { Array(colours[$0].reversed()) }
        for isTopDown in [false, true] {
            for bits in [24, 32] {
                let rows: [[UInt8]] = indices.map { row in row.flatMap { colours[$0] + (bits == 32 ? [255] : []) } }
                let file = BMPBuilder(width: 3, height: 2, bits: bits, rows: rows, isTopDown: isTopDown).file
                let image = try Image(contentsOf: folder.write(file, to: "a.bmp"))
                #expect((image.width, image.height, image.channels) == (3, 2, 3) && image.bytes == expected)
            }
        }
        let rows = indices.map { $0.map { UInt8($0) } }
        let coloured = BMPBuilder(width: 3, height: 2, bits: 8, palette: colours, rows: rows)
        #expect(try Image(contentsOf: folder.write(coloured.file, to: "a.bmp")).bytes == expected)
        // As industrial cameras write them: a palette of greys is an image of one channel.
        let greys = (0..<256).map { [UInt8($0), UInt8($0), UInt8($0)] }
        let grey = BMPBuilder(width: 3, height: 2, bits: 8, palette: greys, rows: [[7, 8, 9], [0, 128, 255]])
        let image = try Image(contentsOf: folder.write(grey.file, to: "a.bmp"))
        #expect(image.channels == 1 && image.bytes == [7, 8, 9, 0, 128, 255])
    }

    @Test("JPEG: grey, RGB and progressive files show their blocks")
    func jpeg() throws {
        let grey = try Image(contentsOf: folder.write(JPEGFixtures.grey, to: "grey.jpg"))
        #expect(grey.width == 24 && grey.height == 16 && grey.channels == 1 && grey.bitDepth == 8)
        for block in 0..<6 {
            #expect(abs(grey[block % 3 * 8 + 4, block / 3 * 8 + 4, 0] - (20 + 40 * block)) <= 2)
        }
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255]]
        for file in [JPEGFixtures.rgb, JPEGFixtures.progressive] {
            let image = try Image(contentsOf: folder.write(file, to: "rgb.jpg"))
            #expect(image.channels == 3)
            for block in 0..<6 {
                for c in 0..<3 {
                    #expect(abs(image[block % 3 * 8 + 4, block / 3 * 8 + 4, c] - colours[block][c]) <= 6)
                }
            }
        }
    }

    @Test("JPEG: what is written is read, nearly; 16 bits are refused", arguments: [1, 3]) func writesJPEG(
        channels: Int
    ) throws {
        let bytes = (0..<40 * 30 * channels).map { UInt8(40 + $0 / channels % 40 * 4 + $0 % channels * 10) }
        let image = Image(width: 40, height: 30, channels: channels, bytes: bytes)
        let url = folder.url.appendingPathComponent("written.jpg")
        try image.write(jpeg: url)
        let read = try Image(contentsOf: url)
        #expect((read.width, read.height, read.channels) == (40, 30, channels))
        #expect(zip(read.bytes, bytes).allSatisfy { abs(Int($0) - Int($1)) <= 6 })
        #expect(try image.jpegData() == Data(contentsOf: url))
        let deep = Image(width: 2, height: 2, channels: 1, bitDepth: 16, bytes: [UInt8](repeating: 0, count: 8))
        let error = #expect(throws: ImageFileError.self) { try deep.write(jpeg: url) }
        #expect("\(try #require(error))".contains("8 bits"))
        #expect(try image.jpegData() == Data(contentsOf: url))
    }

    @Test("JPEG: EXIF orientation is applied", arguments: orientations.indices, [true, false])
    func jpegOrientation(index: Int, isBigEndian: Bool) throws {
        let (orientation, upright) = orientations[index]
        let stored = try Image(contentsOf: folder.write(JPEGFixtures.rgb, to: "stored.jpg"))
        let bytes = JPEGFixtures.with(orientation: orientation, isBigEndian: isBigEndian, in: JPEGFixtures.rgb)
        let image = try Image(contentsOf: folder.write(bytes, to: "turned.jpg"))
        #expect((image.width, image.height) == (orientation >= 5 ? (16, 24) : (24, 16)))
        for (x, y) in [(0, 0), (23, 0), (0, 15), (23, 15), (11, 4), (5, 9)] {
            let (u, v) = upright(x, y, 24, 16)
            for c in 0..<3 { #expect(image[u, v, c] == stored[x, y, c]) }
        }
    }

    @Test(
        "PNG: the orientation of eXIf is applied, before or behind the pixels", arguments: orientations.indices,
        [8, 16])
    func pngOrientation(index: Int, depth: Int) throws {
        let (orientation, upright) = orientations[index]
        let stored = pattern(width: 5, height: 3, channels: 3, bitDepth: depth)
        let source = folder.url.appendingPathComponent("source.png")
        try stored.write(png: source)
        let bytes = Array(try Data(contentsOf: source))
        let chunk = PNGBuilder.chunk(
            "eXIf", JPEGFixtures.exif(orientation: orientation, isBigEndian: index % 2 == 0))
        for place in [33, bytes.count - 12] {
            let image = try Image(
                contentsOf: folder.write(bytes[..<place] + chunk + bytes[place...], to: "turned.png"))
            #expect((image.width, image.height) == (orientation >= 5 ? (3, 5) : (5, 3)))
            for y in 0..<3 {
                for x in 0..<5 {
                    let (u, v) = upright(x, y, 5, 3)
                    for c in 0..<3 { #expect(image[u, v, c] == stored[x, y, c]) }
                }
            }
        }
    }

    @Test("PNG: an interlaced file is turned as well")
    func pngInterlacedOrientation() throws {
        let image = pattern(width: 13, height: 11, channels: 1, bitDepth: 8)
        var png = PNGBuilder(width: 13, height: 11, isInterlaced: true)
        png.chunks = [("eXIf", JPEGFixtures.exif(orientation: 6, isBigEndian: true))]
        png.rows = (0..<11).map { Array(image.bytes[$0 * 13..<($0 + 1) * 13]) }
        let turned = try Image(contentsOf: folder.write(png.file, to: "a.png"))
        #expect(turned.width == 11 && turned[10, 0, 0] == image[0, 0, 0] && turned[0, 12, 0] == image[12, 10, 0])
    }

    @Test("PNG and JPEG: where EXIF is missing, ImageMagick's profile and XMP tell the orientation")
    func otherOrientations() throws {
        let exif = Array("Exif".utf8) + [0, 0] + JPEGFixtures.exif(orientation: 6, isBigEndian: false)
        let digits = exif.map { String(format: "%02x", $0) }.joined()
        let xmp = #"<rdf:Description tiff:Orientation="6"/>"#
        let texts: [(String, [UInt8])] = [
            ("tEXt", Array("Raw profile type exif\0\nexif\n  \(exif.count)\n\(digits)\n".utf8)),
            ("iTXt", Array("XML:com.adobe.xmp\0\0\0\0\0\(xmp)".utf8)),
            ("iTXt", Array("XML:com.adobe.xmp\0\0\0\0\0<tiff:Orientation>6</tiff:Orientation>".utf8)),
        ]
        for text in texts {
            var png = PNGBuilder(width: 2, height: 1)
            png.chunks = [text]
            png.rows = [[1, 2]]
            let image = try Image(contentsOf: folder.write(png.file, to: "a.png"))
            #expect(image.width == 1 && image.bytes == [1, 2])
        }
        let segment = Array("http://ns.adobe.com/xap/1.0/\0\(xmp)".utf8)
        let jpeg = JPEGFixtures.with(segment: segment, in: JPEGFixtures.rgb)
        #expect(try Image(contentsOf: folder.write(jpeg, to: "a.jpg")).width == 16)
        // Where none of them tells it, the image is as it is stored.
        let silent = Array("http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Make=\"6\"/>".utf8)
        let stored = JPEGFixtures.with(segment: silent, in: JPEGFixtures.rgb)
        #expect(try Image(contentsOf: folder.write(stored, to: "a.jpg")).width == 24)
    }

    @Test("JPEG: without its end marker a whole image is read, with a remark", arguments: [1, 2])
    func jpegWithoutEnd(missing: Int) throws {
        for file in [JPEGFixtures.grey, JPEGFixtures.rgb, JPEGFixtures.progressive] {
            let whole = try Image(contentsOf: folder.write(file, to: "whole.jpg")) { Issue.record("\($0)") }
            var remarks: [String] = []
            let cut = try folder.write(file.dropLast(missing), to: "cut.jpg")
            #expect(try Image(contentsOf: cut) { remarks.append($0) } == whole)
            #expect(remarks.count == 1 && remarks[0].contains("end marker"))
        }
    }

    @Test("JPEG: a progressive file that ends after one of its scans is damaged")
    func jpegMissingScans() throws {
        let file = JPEGFixtures.progressive
        let scans = file.indices.dropLast().filter { file[$0] == 0xff && file[$0 + 1] == 0xda }
        #expect(scans.count > 3)
        for scan in scans.dropFirst() {
            let error = #expect(throws: ImageFileError.self) {
                try Image(contentsOf: folder.write(file[..<scan], to: "cut.jpg"))
            }
            #expect(error?.description.contains("truncated") == true)
        }
    }

    @Test("JPEG: as many scans are read as any writer makes, and no more")
    func jpegScans() throws {
        let head: [UInt8] =
            [0xff, 0xd8, 0xff, 0xdb, 0, 67, 0] + Array(repeating: 1, count: 64)  // quantisation
            + [0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]  // progressive, 8 x 8, grey
            + [0xff, 0xc4, 0, 20, 0, 1] + Array(repeating: 0, count: 16)  // the bit 0: no difference
        let scan: [UInt8] = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 0x7f]
        let file = { (scans: Int) in head + (0..<scans).flatMap { _ in scan } + [0xff, 0xd9] }
        let image = try Image(contentsOf: folder.write(file(500), to: "a.jpg"))
        #expect(image.width == 8 && image.bytes == Array(repeating: 128, count: 64))
        let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: folder.write(file(502), to: "a.jpg")) }
        #expect(error?.description.contains("more than 500 scans") == true)
    }

    @Test("JPEG: colours are RGB where Adobe's mark says so, and not turned once more")
    func jpegOfRGB() throws {
        // Behind the start, in the place of JFIF's mark, by which colours are YCbCr.
        let mark: [UInt8] = [0xff, 0xee, 0, 14] + Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 0]
        let file = JPEGFixtures.rgb[..<2] + mark + JPEGFixtures.rgb[20...]
        let image = try Image(contentsOf: folder.write(file, to: "a.jpg"))
        // Red and blue, as YCbCr has them.
        #expect(image.channels == 3 && abs(image[4, 4, 0] - 76) <= 3 && abs(image[4, 4, 2] - 255) <= 3)
        #expect(abs(image[20, 4, 0] - 29) <= 3 && abs(image[20, 4, 1] - 255) <= 3)
    }

    @Test("JPEG: kinds that are not read are called unsupported, not damaged", arguments: [0xc1, 0xc5] as [UInt8])
    func jpegKinds(frame: UInt8) throws {
        let start = try #require(
            JPEGFixtures.grey.indices.first { JPEGFixtures.grey[$0...].starts(with: [0xff, 0xc0]) })
        var file = JPEGFixtures.grey
        file[start + 1] = frame
        if frame == 0xc1 { file[start + 4] = 12 }  // bits a sample
        let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: folder.write(file, to: "a.jpg")) }
        guard case .unsupported? = error?.reason else {
            Issue.record("\(error.map(String.init(describing:)) ?? "")")
            return
        }
    }

    @Test("Files of other formats are called by their names")
    func otherFormats() throws {
        let files: [(String, String)] = [
            ("GIF89a  ", "GIF"), ("RIFF....WEBPVP8 ", "WebP"), ("....ftypavif", "AVIF"), ("P7\nWIDTH 1", "PAM"),
            ("....jP  \r\n\u{87}\n", "JPEG 2000"),
        ]
        for (text, word) in files {
            let bytes = text.unicodeScalars.map { UInt8($0.value) }
            let error = #expect(throws: ImageFileError.self) {
                try Image(contentsOf: folder.write(bytes, to: "a.png"))
            }
            #expect(error?.description.contains(word) == true, "\(error.map(String.init(describing:)) ?? "")")
        }
    }

    @Test("JPEG: an impossible orientation is ignored", arguments: [0, 9, 65_535])
    func jpegBadOrientation(orientation: Int) throws {
        let bytes = JPEGFixtures.with(orientation: orientation, isBigEndian: false, in: JPEGFixtures.rgb)
        #expect(try Image(contentsOf: folder.write(bytes, to: "a.jpg")).width == 24)
    }

    @Test("JPEG: CMYK is refused in words")
    func jpegCMYK() throws {
        let file = try folder.write(JPEGFixtures.cmyk, to: "a.jpg")
        let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: file) }
        #expect(error?.description.contains("CMYK") == true)
        #expect(error?.path.hasSuffix("a.jpg") == true)
    }

    @Test("The kind is told by the contents, not by the name")
    func contentsDecide() throws {
        #expect(try Image(contentsOf: folder.write(JPEGFixtures.rgb, to: "photo.png")).width == 24)
    }

    @Test("Files that are no images are refused with what they are")
    func notImages() throws {
        func reason(_ url: URL) -> ImageFileError.Reason? {
            do {
                _ = try Image(contentsOf: url)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason(folder.url.appendingPathComponent("missing.png")) == .notFound)
        #expect(reason(folder.url) == .isDirectory)
        #expect(try reason(folder.write([], to: "empty.png")) == .empty)
        #expect(try reason(folder.write(Array("hello, this is text".utf8), to: "text.png")) == .notAnImage)
        #expect(try reason(folder.write([0x89], to: "short.png")) == .notAnImage)
        #expect(reason(URL(fileURLWithPath: "/dev/zero")) == .inaccessible("not a regular file"))
    }

    @Test("A link that leads nowhere, and a name that no text can hold, are called so")
    func absent() throws {
        let link = folder.url.appendingPathComponent("link.png")
        try FileManager.default.createSymbolicLink(
            at: link, withDestinationURL: folder.url.appendingPathComponent("nowhere.png"))
        let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: link) }
        #expect(error?.reasonText.contains("a link to a file that is not there") == true)
        let name = folder.url.appendingPathComponent("\u{fffd}.png")
        let unnamed = #expect(throws: ImageFileError.self) { try Image(contentsOf: name) }
        #expect(unnamed?.reasonText.contains("not UTF-8") == true)
        let long = folder.url.appendingPathComponent(String(repeating: "a", count: 256) + ".png")
        #expect(throws: ImageFileError.self) { try Image(contentsOf: long) }
    }

    @Test("Writing into a folder that is not there fails and leaves nothing")
    func unwritable() throws {
        let file = folder.url.appendingPathComponent("no/such/folder/a.png")
        #expect(throws: ImageFileError(file, .notWritable("No such file or directory"))) {
            try pattern(channels: 1, bitDepth: 8).write(png: file)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }

    @Test("Writing replaces a file whole and leaves no temporary one")
    func replacing() throws {
        let file = try folder.write(Array(repeating: 1, count: 100_000), to: "a.png")
        let image = pattern(channels: 3, bitDepth: 8)
        try image.write(png: file)
        #expect(try Image(contentsOf: file) == image)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.png"])
    }

    @Test("A image counts as marked above half of its range")
    func markedPixels() {
        #expect(!Image(width: 2, height: 1, channels: 1, bytes: [0, 127]).hasPixels(above: 127))
        #expect(Image(width: 2, height: 1, channels: 1, bytes: [0, 128]).hasPixels(above: 127))
        #expect(!Image(width: 2, height: 1, channels: 1, samples: [255, 32_767]).hasPixels(above: 127))
        #expect(Image(width: 2, height: 1, channels: 1, samples: [0, 32_768]).hasPixels(above: 127))
    }
}
