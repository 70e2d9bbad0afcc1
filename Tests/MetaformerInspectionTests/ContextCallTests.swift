import Foundation
import MetaformerEngine
import Testing

@testable import MetaformerInspection

/// Calls of a context around an inspection: what they refuse, and that they leave alone what they were given for results.
@Suite("Calls of a context")
struct ContextCallTests {
    /// The smallest model that there is: 32 x 32 pixels, adapted to nothing.
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("golden/models/1.safetensors").path
    private let host: Host
    private let ramp: Frame

    init() throws {
        host = try Host(Self.path)
        ramp = try frame(40, 36) { x, y in Double(x * y % 50) / 50 }
    }

    /// A map of a size over `values`, with what lies between its rows.
    private func withMap<Result>(
        _ width: Int, _ height: Int, _ values: inout [Float], _ body: (UnsafeMutablePointer<mf_map>) throws -> Result
    ) rethrows -> Result {
        try values.withUnsafeMutableBufferPointer { buffer in
            var map = mf_map(
                struct_size: MemoryLayout<mf_map>.size, width: Int32(width), height: Int32(height),
                row_stride: width * 4, data: buffer.baseAddress)
            return try body(&map)
        }
    }

    @Test("the map of the last inspection is given at any size, at the frame's as the inspection itself gives it")
    func maps() throws {
        let (_, expected) = try host.map(ramp)
        var values = [Float](repeating: -9, count: 40 * 36)
        #expect(withMap(40, 36, &values) { mf_context_map(host.context, $0) } == MF_OK && values == expected)
        var one: [Float] = [-9]
        #expect(withMap(1, 1, &one) { mf_context_map(host.context, $0) } == MF_OK)
        let (low, high) = (try #require(expected.min()), try #require(expected.max()))
        #expect(one[0] >= low && one[0] <= high)
    }

    @Test("a map that cannot be given is refused, and untouched") func refusedMaps() throws {
        var values = [Float](repeating: -9, count: 40 * 36)
        func refuse(_ status: mf_status, _ text: String, _ change: (inout mf_map) -> Void) {
            let returned = withMap(40, 36, &values) { map in
                change(&map.pointee)
                return mf_context_map(host.context, map)
            }
            #expect(returned == status && host.message.contains(text), "\(text): \(host.message)")
        }
        refuse(MF_E_STATE, "nothing has been inspected") { _ in }
        #expect(host.inspect(ramp).status == MF_OK)
        refuse(MF_E_INVALID, "size") { $0.struct_size = 0 }
        refuse(MF_E_INVALID, "without data") { $0.data = nil }
        refuse(MF_E_LIMIT, "0 x 36") { $0.width = 0 }
        refuse(MF_E_LIMIT, "40 x -1") { $0.height = -1 }
        refuse(MF_E_LIMIT, "each side is 1 to") { $0.width = MF_MAX_SIDE + 1 }
        refuse(MF_E_INVALID, "odd") { $0.row_stride = 162 }
        refuse(MF_E_INVALID, "a row takes 160 bytes") { $0.row_stride = 156 }
        #expect(values.allSatisfy { $0 == -9 } && mf_context_map(nil, nil) == MF_E_INVALID)
        // One frame of a batch that is not there, or not to be read, and none is inspected.
        var results = [emptyResult(), emptyResult()]
        var done = 7
        ramp.withImage { image in
            var images = [image.pointee, image.pointee]
            #expect(mf_inspect_batch(host.context, images, nil, nil, &results, 0, &done) == MF_E_INVALID)
            #expect(mf_inspect_batch(host.context, nil, nil, nil, &results, 2, &done) == MF_E_INVALID)
            images[1].data = nil
            #expect(mf_inspect_batch(host.context, images, nil, nil, &results, 2, &done) == MF_E_INVALID)
            #expect(host.message.contains("frame 1: frame: without data"), "\(host.message)")
        }
        #expect(done == 7 && results[0].threshold == 0)
    }

    @Test("frames become planes of any size, of one or three channels, and of nothing else") func planes() {
        var planes = [Float](repeating: -9, count: 3 * 6 * 5)
        var failure = emptyError()
        ramp.withImage { image in
            for (channels, height, width) in [(2, 6, 5), (1, 0, 5), (1, 6, 0), (3, 6, MF_MAX_SIDE + 1)]
                as [(Int32, Int32, Int32)]
            {
                #expect(mf_frame_planes(image, channels, height, width, &planes, &failure) == MF_E_INVALID)
                #expect(text(of: failure).contains("not \(channels) of \(width) x \(height)"), "\(text(of: failure))")
            }
            #expect(mf_frame_planes(nil, 1, 6, 5, &planes, nil) == MF_E_INVALID)
            #expect(mf_frame_planes(image, 1, 6, 5, nil, nil) == MF_E_INVALID)
            var other = image.pointee
            other.pixel_format = 7
            #expect(mf_frame_planes(&other, 1, 6, 5, &planes, nil) == MF_E_UNSUPPORTED)
            #expect(planes.allSatisfy { $0 == -9 })
            #expect(mf_frame_planes(image, 3, 6, 5, &planes, nil) == MF_OK)
        }
        #expect(planes.allSatisfy { (0...1).contains($0) } && planes[..<30] == planes[30..<60])
    }

    @Test("a set of frames fits the depth that a model was adapted to, or is told what does not")
    func depths() {
        var failure = emptyError()
        for (shallow, deep, highest, bits, word) in [
            (1, 0, 0, 8, ""), (0, 2, 4095, 12, ""), (0, 2, 1000, 12, ""), (0, 0, 0, 8, ""),
            (3, 1, 4095, 12, "some have 8 bits"), (0, 2, 4096, 12, "which is 14 bits"),
            (0, 1, 255, 12, "which is 8 bits"), (0, 4, 1000, 12, "values up to 1000"),
        ] as [(UInt64, UInt64, UInt16, Int32, String)] {
            let status = mf_depth_fit(shallow, deep, highest, bits, &failure)
            #expect(status == (word.isEmpty ? MF_OK : MF_E_INVALID))
            #expect(word.isEmpty || text(of: failure).contains(word), "\(text(of: failure))")
        }
    }
}
