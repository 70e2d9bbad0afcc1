import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Frames that come one at a time.
@Suite("Frames from a source") struct FrameSourceTests {
    private func bytes(_ model: Model) throws -> Data {
        let folder = try TemporaryFolder()
        try model.save(path: folder.path("model"))
        return try Data(contentsOf: URL(filePath: folder.path("model")))
    }

    @Test("give the same model as all at once, in closed form and by gradient", arguments: [true, false])
    func same(inClosedForm: Bool) throws {
        let model = try Model(
            (inClosedForm ? smallFeatureDescription() : smallDescription(.autoencoder, channels: 3)).file(seed: 5))
        var options = Model.AdaptationOptions()
        if !inClosedForm { options.epochs = 1 }
        let frames = try (0..<5).map { try disc(UInt64($0)) }
        var asked: [Int] = []
        let streamed = try model.adapted(toFrames: 5, options: options) { index in
            asked.append(index)
            // A frame of its own each time, which nothing else holds.
            return try disc(UInt64(index))
        }
        #expect(try bytes(streamed) == bytes(model.adapted(to: frames, options: options)))
        #expect(Set(asked) == Set(0..<5))
        // Read once, and once more to be scored.
        if inClosedForm { #expect(asked.count <= 10) }
    }

    @Test("what goes wrong with one is what the adaptation fails with") func failure() throws {
        struct Lost: Error, Equatable {}
        let model = try Model(smallFeatureDescription().file(seed: 5))
        #expect(throws: Lost()) {
            try model.adapted(toFrames: 3) { index in
                if index == 2 { throw Lost() }
                return try disc(UInt64(index))
            }
        }
    }

    @Test("calibrate as well") func calibration() throws {
        let model = try Model(smallFeatureDescription().file(seed: 5)).adapted(toFrames: 3) { try disc(UInt64($0)) }
        let frames = try (10..<14).map { try disc(UInt64($0)) }
        let streamed = try model.calibrated(goodFrames: 4) { frames[$0] }
        let once = try model.calibrated(good: frames)
        #expect(streamed[setting: "threshold"] == once[setting: "threshold"])
    }

    @Test("a host that gives none, or frames besides, is told so") func misuse() throws {
        let model = try Model(smallFeatureDescription().file(seed: 5))
        let frame = try disc(1)
        func adapt(_ source: mf_frame_source, _ frames: UnsafePointer<mf_image>?) -> (mf_status, String) {
            var (adapted, failure) = (OpaquePointer?.none, emptyError())
            let status = withUnsafePointer(to: source) { source in
                var options = mf_adapt_options()
                options.struct_size = MemoryLayout<mf_adapt_options>.size
                options.source = source
                return mf_adapt(model.handle, frames, 1, &options, &adapted, &failure)
            }
            #expect(adapted == nil)
            return (status, text(of: failure))
        }
        var source = mf_frame_source(struct_size: MemoryLayout<mf_frame_source>.size, read: nil, opaque: nil)
        #expect(adapt(source, nil) == (MF_E_INVALID, "mf_frame_source: needs its function"))
        source.read = { _, _, _, _ in 1 }
        #expect(adapt(source, nil) == (MF_E_IO, "frame 0: the host could not give it"))
        #expect(frame.withImage { adapt(source, $0) }.0 == MF_E_INVALID)
        source.read = { _, _, _, _ in 0 }
        let (status, message) = adapt(source, nil)
        #expect(status != MF_OK && message.hasPrefix("frame 0: "), "\(message)")
        source.struct_size = 3
        #expect(adapt(source, nil).0 == MF_E_INVALID)
    }
}
