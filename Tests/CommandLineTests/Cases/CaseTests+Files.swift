import Foundation
import MetaformerData
import TestSupport
import Testing

/// What the bytes of files say.
extension CaseTests {
    @Test("bmp-os2-palette: a BMP of the 12-byte header has the score of its image, each time") func os2Palette()
        throws
    {
        let (width, height) = (48, 40)
        let greys = (0..<width * height).map { UInt8(252 + ($0 % width / 6 + $0 / width) % 4) }
        let bits = (0..<width * height).map { UInt8($0 % width / 6 % 2) }
        try place(Image(width: width, height: height, channels: 1, bytes: greys), at: "set/grey.png")
        try place(Image(width: width, height: height, channels: 1, bytes: bits.map { $0 * 255 }), at: "set/bits.png")
        let palette = (0..<256).flatMap { Array(repeating: UInt8($0), count: 3) }
        try place(os2(greys, width, height, bits: 8, palette: palette), at: "set/grey8.bmp")
        try place(os2(bits, width, height, bits: 1, palette: [0, 0, 0, 255, 255, 255]), at: "set/bits1.bmp")
        try plates("good/0.png", "good/1.png")
        try adapt("good")
        for round in ["out", "again"] {
            #expect(try run("inspect", "--model", "m.safetensors", "set", "--output", round).exitCode == 0)
            let rows = try rows(round)
            #expect(try score(rows["grey8.bmp"]) == score(rows["grey.png"]))
            #expect(try score(rows["bits1.bmp"]) == score(rows["bits.png"]))
            #expect(try score(rows["bits.png"]) != score(rows["grey.png"]))
        }
        #expect(try run("data", "check", "set").output.contains("pixels   all grey 8 bit"))
    }

    /// A BMP file with OS/2's header, from the bottom row up.
    private func os2(_ indices: [UInt8], _ width: Int, _ height: Int, bits: Int, palette: [UInt8]) -> [UInt8] {
        let rows = (0..<height).reversed().flatMap { y -> [UInt8] in
            let row = indices[y * width..<(y + 1) * width]
            guard bits == 1 else { return Array(row) }
            let packed = stride(from: row.startIndex, to: row.endIndex, by: 8).map { first in
                row[first..<first + 8].reduce(0) { $0 << 1 | $1 }
            }
            return packed + Array(repeating: 0, count: (4 - packed.count % 4) % 4)
        }
        func number(_ value: Int, _ bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(value >> (8 * $0) & 255) } }
        let start = 14 + 12 + palette.count
        return Array("BM".utf8) + number(start + rows.count, 4) + number(0, 4) + number(start, 4) + number(12, 4)
            + number(width, 2) + number(height, 2) + number(1, 2) + number(bits, 2) + palette + rows
    }

    @Test("png-exif-orientation: PNG and JPEG of one image stand upright alike") func exifOrientation() throws {
        // As a camera on its side writes it: its top row is the right column of what ought to be seen.
        let upright = CaseTests.plate(3, hole: true)
        let stored = (0..<upright.bytes.count).map { index in
            let (x, y) = (index % upright.height, index / upright.height)
            return UInt8(upright[upright.width - 1 - y, x, 0])
        }
        try place(upright, at: "set/upright.png")
        try placeTurned(
            Image(width: upright.height, height: upright.width, channels: 1, bytes: stored), at: "set/turned.png")
        let exif = Array("Exif\0\0".utf8) + CaseTests.exif(orientation: 6)
        let segment: [UInt8] = [0xff, 0xe1, 0, UInt8(exif.count + 2)] + exif
        try place(CaseTests.jpeg, at: "plain.jpg")
        try place(CaseTests.jpeg[..<2] + segment + CaseTests.jpeg[2...], at: "set/photo.jpg")
        try placeTurned(Image(contentsOf: folder.url.appendingPathComponent("plain.jpg")), at: "set/photo.png")
        try plates("good/0.png", "good/1.png")
        try adapt("good")
        #expect(
            try run("inspect", "--model", "m.safetensors", "set", "--output", "out", "--maps", "full").exitCode == 0)
        let rows = try rows("out")
        #expect(try score(rows["turned.png"]) == score(rows["upright.png"]))
        #expect(try score(rows["photo.png"]) == score(rows["photo.jpg"]))
        for name in ["photo.png", "photo.jpg"] {
            let map = try FloatMap(contentsOf: folder.url.appendingPathComponent("out/\(name).map.tif"))
            #expect((map.width, map.height) == (40, 48))
        }
        #expect(try run("data", "check", "set").output.contains("photo.png: the same pixels as photo.jpg"))
    }

    /// A PNG file whose EXIF says that it is to be turned to the right by a quarter.
    private func placeTurned(_ image: Image, at path: String) throws {
        try place(image, at: path)
        let png = Array(try Data(contentsOf: folder.url.appendingPathComponent(path)))
        try place(png[..<33] + CaseTests.chunk("eXIf", CaseTests.exif(orientation: 6)) + png[33...], at: path)
    }

    private static func exif(orientation: Int) -> [UInt8] {
        [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, UInt8(orientation), 0, 0, 0, 0, 0, 0, 0]
    }

    private static func chunk(_ type: String, _ bytes: [UInt8]) -> [UInt8] {
        func big(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 255) } }
        let body = Array(type.utf8) + bytes
        let sum = ~body.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
        }
        return big(bytes.count) + body + big(Int(sum))
    }

    /// 48 x 40 pixels, grey: stripes of 8 pixels and a square.
    static let jpeg = Array(
        Data(
            base64Encoded: """
                /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
                sKDAkKCgr/wAALCAAoADABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAACAkG/8QAGBABAAMBAAAAAAAAAAAAAAAAABlnpuT/2gAIAQEAAD8Az5QC
                +UAvlAL5QC+UAvlAL5QC+UCX8kVM6LnVAF8oBfKBL+N25s70KgC+UAvlAL5QP//Z
                """, options: .ignoreUnknownCharacters) ?? Data())

    @Test("too-small: what is too small is an error of data check, as it is one of adapt and inspect") func tooSmall()
        throws
    {
        try place(CaseTests.plate(width: 1, height: 1), at: "set/1x1.png")
        try place(CaseTests.plate(width: 31, height: 256), at: "set/31x256.png")
        let check = try run("data", "check", "set")
        #expect(check.exitCode == 1 && check.output.contains("error: cannot be used: 2"))
        #expect(check.output.contains("  31x256.png: 31 x 256 pixels; each side must have at least 32"))
        let adapted = try run("adapt", "--good", "set", "--output", "m")
        #expect(adapted.exitCode == 1 && adapted.errors.contains("1x1.png: too small: 1 x 1 pixels"))
        try plates("good/0.png")
        try adapt("good")
        let inspected = try run("inspect", "--model", "m.safetensors", "set", "--output", "out")
        #expect(inspected.exitCode == 1 && inspected.output.hasPrefix("2 images: 0 good, 0 defective, 2 unreadable"))
    }

    @Test("unread-endings: what is read is read whatever it is called, and what is not is named") func unreadEndings()
        throws
    {
        try plates("set/000.png")
        let png = try Data(contentsOf: folder.url.appendingPathComponent("set/000.png"))
        let grey = CaseTests.plate(5)
        try place(Array("P5\n48 40\n255\n".utf8) + grey.bytes, at: "set/p.ppm")
        for name in ["p.jfif", "p.JPE"] { try place(CaseTests.jpeg, at: "set/\(name)") }
        let palette = (0..<256).flatMap { Array(repeating: UInt8($0), count: 3) }
        try place(os2(CaseTests.plate(6).bytes, 48, 40, bits: 8, palette: palette), at: "set/p.dib")
        for name in ["p.webp", "p.gif", "p.jp2"] { try place(png, at: "set/\(name)") }
        let check = try run("data", "check", "set")
        #expect(check.exitCode == 0 && check.output.contains("unassigned  unlabelled       5"))
        #expect(
            !check.output.contains("nothing is wrong") && check.output.contains("note: images that are not read: 3"))
        for name in ["p.gif", "p.jp2", "p.webp"] { #expect(check.output.contains("  \(name): ")) }
        try plates("good/0.png")
        try adapt("good")
        let outcome = try run("inspect", "--model", "m.safetensors", "set", "--output", "out")
        #expect(outcome.exitCode == 0 && outcome.errors.contains("5 taken, not taken: 1 left out (GIF images"))
        #expect(try rows("out").keys.sorted() == ["000.png", "p.JPE", "p.dib", "p.jfif", "p.ppm"])
        #expect(try score(rows("out")["p.jfif"]) == score(rows("out")["p.JPE"]))
        // Where nothing else is there, that is why.
        for name in ["p.webp", "q.webp"] { try place(png, at: "alone/\(name)") }
        let alone = try run("data", "check", "alone")
        #expect(alone.exitCode == 1 && alone.errors.contains("2: WebP images (.webp) are not read"))
    }
}
