import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("Bits in use of 16") struct SampleDepthTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func file(_ name: String, _ samples: [UInt16]) throws -> URL {
        let url = folder.url.appendingPathComponent(name)
        try Image(width: samples.count, height: 1, channels: 1, samples: samples).write(png: url)
        return url
    }

    private func shallow(_ name: String) throws -> URL {
        let url = folder.url.appendingPathComponent(name)
        try Image(width: 2, height: 1, channels: 1, bytes: [0, 255]).write(png: url)
        return url
    }

    @Test(
        "The values over the whole set tell",
        arguments: [(255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (16_383, 14), (16_384, 16)])
    func recognised(highest: Int, bits: Int) throws {
        let urls = [try file("0.png", [0, 17]), try file("1.png", [3, UInt16(highest)])]
        let depth = SampleDepth(of: urls, threads: 2)
        #expect(depth.bits == bits && depth.deepCount == 2 && depth.highest == highest)
        #expect(depth.text?.contains("\(bits) of 16 bits") == true)
    }

    @Test("Files of 8 bits, and those that cannot be read, tell nothing")
    func others() throws {
        let broken = try folder.write(Array("text".utf8), to: "broken.png")
        let missing = folder.url.appendingPathComponent("missing.png")
        let depth = SampleDepth(of: [try shallow("0.png"), broken, missing])
        #expect(depth.bits == nil && depth.text == nil && depth.shallowCount == 1)
        #expect(SampleDepth(of: [try shallow("0.png"), try file("1.png", [900])]).bits == 10)
    }

    @Test("A file that is read with fewer bits has white there, and no value beyond")
    func reading() throws {
        let url = try file("0.png", [0, 4095])
        let image = try Image(contentsOf: url, bits: 12)
        #expect(image.bits == 12 && image.highestValue == 4095 && image[1, 0, 0] == 4095)
        #expect(try Image(contentsOf: url, bits: nil).highestValue == 65_535)
        #expect(try Image(contentsOf: shallow("8.png"), bits: 12).bits == 8)
        let error = #expect(throws: ImageFileError.self) { try Image(contentsOf: url, bits: 10) }
        #expect(error?.description.contains("a value of 4095, where 10 bits go up to 1023") == true)
        let bytes = try Image(contentsOf: file("1.png", [7, 255]), bits: 8)
        #expect(bytes.bitDepth == 8 && bytes.bytes == [7, 255])
    }

    @Test("Images fit a model of as many bits; a few may be dark, several or very dark ones are of another depth")
    func fitting() throws {
        func fits(_ count: Int, highest: UInt16, _ adaptedBits: Int) throws -> Bool {
            let urls = try (0..<count).map { try file("\($0).png", [highest]) }
            guard case .success(let bits) = SampleDepth(of: urls).fitting(adaptedBits: adaptedBits) else {
                return false
            }
            return bits == adaptedBits
        }
        #expect(try fits(1, highest: 4000, 12))
        #expect(try fits(1, highest: 1000, 12))
        #expect(try !fits(4, highest: 1000, 12))
        #expect(try !fits(1, highest: 4000, 16))
        #expect(try !fits(1, highest: 5000, 12))
        #expect(try !fits(1, highest: 4000, 8))
        let eight = SampleDepth(of: [try shallow("8.png")])
        #expect(try eight.fitting(adaptedBits: 8).get() == nil)
        let error = #expect(throws: SampleDepth.Mismatch.self) { try eight.fitting(adaptedBits: 12).get() }
        #expect(error?.description.contains("12 bits, but these have 8 bits") == true)
        #expect(error?.description.contains("--bits") == true)
    }
}
