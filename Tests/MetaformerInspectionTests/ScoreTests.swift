import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Batches of frames, and what a context remembers of its scores.
@Suite("Batches and scores")
struct ScoreTests {
    let folder: TemporaryFolder
    let host: Host

    init() throws {
        folder = try TemporaryFolder()
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("model"))
        host = try Host(folder.path("model"))
    }

    private func frames(_ count: Int) throws -> [Frame] {
        try (0..<count).map { try disc(UInt64($0), size: 64 + 8 * ($0 % 3), format: .mono8) }
    }

    /// Calls the batch with a map for each frame, and every result beside a number of its own.
    private func batch(_ frames: [Frame], change: (inout [mf_image], inout [mf_result]) -> Void = { _, _ in }) -> (
        status: mf_status, results: [mf_result], maps: [[Float]], done: Int
    ) {
        let values = frames.map { UnsafeMutableBufferPointer<Float>.allocate(capacity: $0.width * $0.height) }
        defer { for buffer in values { buffer.deallocate() } }
        var maps = zip(frames, values).map { frame, buffer in
            mf_map(
                struct_size: MemoryLayout<mf_map>.size, width: Int32(frame.width), height: Int32(frame.height),
                row_stride: frame.width * 4, data: buffer.baseAddress)
        }
        for buffer in values { buffer.initialize(repeating: -99) }
        var results = frames.map { _ in emptyResult() }
        var done = -1
        let status = Frame.withImages(frames) { images in
            var images = Array(images)
            change(&images, &results)
            return mf_inspect_batch(host.context, images, nil, &maps, &results, frames.count, &done)
        }
        return (status, results, values.map(Array.init), done)
    }

    @Test("a batch gives what its frames give one by one") func batches() throws {
        let frames = try frames(5)
        let expected = try frames.map { try host.map($0) }
        let (status, results, maps, done) = batch(frames)
        #expect(status == MF_OK && done == 5)
        for index in frames.indices {
            #expect(results[index].score.bitPattern == expected[index].result.score.bitPattern)
            #expect(maps[index] == expected[index].map)
            #expect(results[index].elapsed_ns > 0)
        }
    }

    @Test("a mistake in any frame of a batch is found before the first is inspected") func mistakes() throws {
        let frames = try frames(3)
        for at in 0..<3 {
            let small = batch(frames) { images, _ in images[at].width = 20 }
            #expect(small.status == MF_E_LIMIT && small.done == -1 && host.message.contains("frame \(at)"))
            #expect(small.results.allSatisfy { $0.score == 0 } && small.maps.allSatisfy { $0.allSatisfy { $0 == -99 } })
        }
        let unsized = batch(frames) { _, results in results[0].struct_size = 8 }
        #expect(unsized.status == MF_E_INVALID && unsized.done == -1)
        #expect(batch([]).status == MF_E_INVALID)
        #expect(mf_inspect_batch(nil, nil, nil, nil, nil, 1, nil) == MF_E_INVALID)
        #expect(mf_inspect_batch(host.context, nil, nil, nil, nil, 1, nil) == MF_E_INVALID)
        #expect(batch(frames).status == MF_OK)
    }

    @Test("a batch that runs out of time says how far it came") func limit() throws {
        #expect(mf_context_set_time_limit(host.context, 1) == MF_OK)
        let late = batch(try frames(3))
        #expect(late.status == MF_E_DEADLINE && late.done == 0)
        #expect(late.results.allSatisfy { $0.score == 0 })
    }

    @Test("a context's quantiles are those of its scores, to a thirty-second") func quantiles() throws {
        var scores = mf_scores()
        var quantile: Float = -7
        #expect(mf_context_scores(host.context, &scores) == MF_E_INVALID)
        scores.struct_size = MemoryLayout<mf_scores>.size
        #expect(mf_context_scores(host.context, &scores) == MF_OK && scores.count == 0 && scores.mean == 0)
        #expect(mf_context_score_quantile(host.context, 0.5, &quantile) == MF_E_STATE && quantile == -7)

        var generator = SplitMix64(seed: 3)
        var seen: [Float] = []
        for _ in 0..<60 {
            let dark = generator.nextUnit()
            let input = try frame(64, 64) { x, y in dark * Double((x * 7 + y * 3) % 32) / 32 }
            if seen.count == 40 { #expect(mf_context_set_threshold(host.context, seen.sorted()[20]) == MF_OK) }
            seen.append(host.inspect(input).result.score)
        }
        let sorted = seen.sorted()
        #expect(mf_context_scores(host.context, &scores) == MF_OK)
        #expect(scores.count == 60 && scores.lowest == sorted[0] && scores.highest == sorted[59])
        let threshold = seen[0..<40].sorted()[20]
        #expect(scores.anomalous == UInt64(seen.dropFirst(40).count { $0 > threshold }))
        let mean = seen.reduce(0) { $0 + Double($1) } / 60
        #expect(Swift.abs(scores.mean - mean) <= 1e-9 * mean)
        for share in [0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1] {
            #expect(mf_context_score_quantile(host.context, share, &quantile) == MF_OK)
            let exact = sorted[max(Int((share * 60).rounded(.up)), 1) - 1]
            #expect(Swift.abs(quantile - exact) <= exact / 32, "\(share): \(quantile), \(exact)")
        }
        for share in [-0.1, 1.1, Double.nan] {
            #expect(mf_context_score_quantile(host.context, share, &quantile) == MF_E_INVALID)
        }
        #expect(mf_context_score_quantile(host.context, 0.5, nil) == MF_E_INVALID)
        #expect(mf_context_reset_scores(host.context) == MF_OK)
        #expect(mf_context_scores(host.context, &scores) == MF_OK && scores.count == 0)
        // What failed is no score.
        _ = host.inspect(try Frame(width: 20, height: 20, format: .mono8, bytes: [UInt8](repeating: 0, count: 400)))
        #expect(mf_context_scores(host.context, &scores) == MF_OK && scores.count == 0)
        #expect(mf_context_scores(nil, &scores) == MF_E_INVALID)
        #expect(mf_context_score_quantile(nil, 0.5, &quantile) == MF_E_INVALID)
        #expect(mf_context_reset_scores(nil) == MF_E_INVALID)
    }
}
