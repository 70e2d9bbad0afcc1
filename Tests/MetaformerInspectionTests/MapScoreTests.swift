import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

@Suite("Scores of maps")
struct MapScoreTests {
    private func random(_ count: Int, _ range: ClosedRange<Double>, seed: UInt64) -> [Float] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { _ in
            Float(range.lowerBound + (range.upperBound - range.lowerBound) * generator.nextUnit())
        }
    }

    private func score(_ values: [Float], share: Double) throws -> Float {
        var score: Float = .nan
        try EngineError.check { error in mf_map_score(values, values.count, share, &score, error) }
        return score
    }

    @Test("the mean of the highest values is that of sorting them", arguments: [0.0001, 0.01, 0.37, 1])
    func againstSorting(_ share: Double) throws {
        for (seed, range) in [0.0...1, -3.0 ... -1, -1.0...1, 2.0...2, 0.0...1e-30].enumerated() {
            for count in [1, 7, 4096, 65536] {
                let values = random(count, range, seed: UInt64(seed * 100 + count))
                let kept = values.sorted(by: >).prefix(Int((share * Double(count)).rounded(.up)))
                let expected = kept.reduce(0.0) { $0 + Double($1) } / Double(kept.count)
                // A bin spans 1/128 of its values, of which the lowest of all those kept is one.
                let lowest = Double(Swift.abs(try #require(kept.last)))
                let found = Double(try score(values, share: share))
                #expect(abs(found - expected) <= lowest / 128 + abs(expected) * 1e-6, "\(count) in \(range)")
            }
        }
    }

    @Test("the maximum is exact") func maximum() throws {
        let values = random(5000, -2...7, seed: 4)
        #expect(try AnomalyMap.Score.maximum(values) == values.max())
        #expect(try score([.infinity, 1], share: 0.01) == .infinity)
    }

    @Test("a share that is none is refused", arguments: [-0.5, 1.5, .nan]) func refused(_ share: Double) throws {
        #expect(throws: EngineError.self) { try score([1], share: share) }
        #expect(throws: EngineError.self) { try score([], share: 0) }
    }

    @Test("inspection and adaptation score as the model file says", arguments: AnomalyMap.Score.allCases)
    func models(_ score: AnomalyMap.Score) throws {
        let folder = try TemporaryFolder()
        var description = smallDescription(.autoencoder)
        description.map.score = score
        try description.file(seed: 5).write(path: folder.path("model"))
        let frames = try (0..<4).map { try disc(UInt64($0)) }
        let adapted = try Model(path: folder.path("model")).adapted(to: frames)
        let inspector = try Inspector(adapted)
        for scratched in [false, true] {
            let found = try inspector.inspect(disc(9, scratched: scratched)).score
            #expect(try found == score(inspector.plane("map")))
        }
        // Of tiles the blended map is scored, which is at the frame's own size.
        var options = Model.AdaptationOptions()
        options.framing = .tile
        options.epochs = 1
        let tiled = try Inspector(
            Model(path: folder.path("model")).adapted(to: Array(frames.prefix(1)), options: options))
        let inspection = try tiled.inspect(disc(9, scratched: true), wantsMap: true)
        #expect(try inspection.score == score(inspection.map))
        // The mean of many values lies lower, and so must what it is compared with.
        description.map.score = score == .maximum ? .highestHundredth : .maximum
        try description.file(seed: 5).write(path: folder.path("other"))
        let other = try Model(path: folder.path("other")).adapted(to: frames)
        let thresholds = [adapted, other].compactMap { $0[setting: "threshold"].flatMap(Float.init) }
        try #require(thresholds.count == 2)
        #expect((thresholds[0] > thresholds[1]) == (score == .maximum))
    }

    @Test("what is normal is what the engine measures when it adapts") func normality() throws {
        let folder = try TemporaryFolder()
        let description = smallDescription(.full)
        try description.file(seed: 5).write(path: folder.path("model"))
        let frames = try (0..<5).map { try disc(UInt64($0)) }
        try Model(path: folder.path("model")).adapted(to: frames).save(path: folder.path("adapted"))
        let file = try TensorFile(path: folder.path("adapted"))
        let comparison = try MapComparison(description, parameters: file)
        let kind = try #require(MapComparison.kinds.firstIndex(of: description.map.kind))
        var parts = [Normality(positions: 64 * 64), Normality(positions: 64 * 64)]
        for (index, frame) in frames.enumerated() {
            let image = try frame.planes(channels: 3, height: 64, width: 64)
            parts[index % 2].add(try comparison.maps(of: image)[kind])
        }
        let (mean, gain) = parts[0].merging(parts[1]).parameters
        let measured = try (#require(file.floats("normal.mean")), #require(file.floats("normal.gain")))
        #expect(zip(mean, measured.0).allSatisfy { Swift.abs($0 - $1) <= 1e-5 * Swift.abs($1) + 1e-8 })
        #expect(zip(gain, measured.1).allSatisfy { Swift.abs($0 - $1) <= 1e-3 * $1 })
    }

    @Test("descriptions of earlier versions read as they were") func earlierDescriptions() throws {
        var settings = try smallDescription(.full).settings()
        let json = try #require(settings["description"])
        let earlier = json.replacing(",\"score\":\"maximum\"", with: "")
            .replacing(#/"gradientSimilarity":\{[^}]*\},/#, with: "")
        try #require(!earlier.contains("gradientSimilarity") && !earlier.contains("\"score\""))
        settings["description"] = earlier
        #expect(try ModelDescription(settings: settings) == smallDescription(.full))
    }

    @Test("a file with a share that is none is refused") func badSetting() throws {
        let folder = try TemporaryFolder()
        var file = try smallDescription(.autoencoder).file(seed: 5)
        file.metadata["score.share"] = "1.5"
        try file.write(path: folder.path("model"))
        let error = try #require(throws: EngineError.self) { try Model(path: folder.path("model")) }
        #expect("\(error)".contains("'score.share' is 1.5"))
    }
}
