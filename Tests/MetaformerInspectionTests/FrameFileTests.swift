import Foundation
import MetaformerData
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

@Suite("Files of frames") struct FrameFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func image(_ name: String, level: UInt8) throws -> URL {
        let bytes = (0..<64 * 64).map { UInt8($0 % 64) + level }
        let url = folder.url.appending(path: name)
        try Image(width: 64, height: 64, channels: 1, bytes: bytes).write(png: url)
        return url
    }

    @Test("A model's file tells which files it was adapted to, by their contents")
    func record() throws {
        let files = try [image("a.png", level: 1), image("b.png", level: 2)]
        let frames = FrameFiles(files)
        for index in files.indices { _ = try frames.frame(index) }
        let model = try Model(smallDescription(.autoencoder, channels: 1).file(seed: 1))
        #expect(AdaptationRecord(of: model) == nil)
        let written = try frames.record(named: ["good/a.png", "good/b.png"]).file(of: model)
        #expect(written.entries == (try model.file().entries))
        let record = try #require(try AdaptationRecord(of: Model(written)))
        #expect(files.allSatisfy(record.contains))
        // Another image of the same name, and the same image under another name.
        _ = try image("a.png", level: 3)
        #expect(!record.contains(files[0]) && record.contains(files[1]))
        #expect(try !record.contains(image("c.png", level: 2)))
    }

    @Test("Only files that were read are in the record")
    func unread() throws {
        let files = try [image("a.png", level: 1), image("b.png", level: 2)]
        let frames = FrameFiles(files)
        _ = try frames.frame(1)
        let record = frames.record(named: ["a.png", "b.png"])
        #expect(!record.contains(files[0]) && record.contains(files[1]))
    }
}
