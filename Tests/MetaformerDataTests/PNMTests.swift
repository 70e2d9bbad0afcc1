import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("PBM, PGM and PPM files") struct PNMTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func read(_ head: String, _ samples: [UInt8] = []) throws -> Image {
        try Image(contentsOf: folder.write(Array(head.utf8) + samples, to: "a.pnm"))
    }

    @Test("Text and binary give the same images")
    func kinds() throws {
        #expect(try read("P2\n# a camera\n2 1 # across\n255\n7 255\n").bytes == [7, 255])
        #expect(try read("P5 2 1 255\n", [7, 255]).bytes == [7, 255])
        #expect(try read("P3\n1 2\n255\n1 2 3\n4 5 6").bytes == [1, 2, 3, 4, 5, 6])
        let colours = try read("P6\n1\n2\n255\n", [1, 2, 3, 4, 5, 6])
        #expect(colours.channels == 3 && colours.bytes == [1, 2, 3, 4, 5, 6])
        // A bit of 1 is black, and text may do without space.
        #expect(try read("P1\n3 2\n101\n0 1 0\n").bytes == [0, 255, 0, 255, 0, 255])
        #expect(try read("P4\n3 2\n", [0b1010_0000, 0b0100_0000]).bytes == [0, 255, 0, 255, 0, 255])
    }

    @Test("The highest value is the brightest: samples fill the whole range")
    func ranges() throws {
        #expect(try read("P5 3 1 15\n", [0, 5, 15]).bytes == [0, 85, 255])
        let twelve = try read("P5 2 1 4095\n", [0x0f, 0xff, 0x08, 0x00])
        #expect(twelve.bitDepth == 16 && twelve[0, 0, 0] == 65_535 && twelve[1, 0, 0] == 32_776)
        let sixteen = try read("P6 1 1 65535\n", [0x12, 0x34, 0, 1, 0xff, 0xff])
        #expect((0..<3).map { sixteen[0, 0, $0] } == [0x1234, 1, 65_535])
        // Beyond the highest there is nothing.
        #expect(try read("P2 2 1 100\n101 100").bytes == [255, 255])
    }

    @Test(
        "Cut or odd files are refused",
        arguments: [
            "P5 2 1 255\n\u{1}", "P2 2 1 255\n7", "P5 2", "P5 2 1 0\n\u{1}\u{1}", "P2 1 1 70000\n1", "P3 1 1 9\n1 x 2",
        ])
    func damaged(text: String) throws {
        let error = #expect(throws: ImageFileError.self) { try read(text) }
        guard case .corrupt? = error?.reason else {
            Issue.record("\(error.map(String.init(describing:)) ?? "")")
            return
        }
    }
}
