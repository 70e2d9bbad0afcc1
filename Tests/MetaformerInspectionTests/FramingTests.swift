import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Frames of any size: kept aspect, tiles and seams. The model's input is 64 × 64.
@Suite("Framing")
struct FramingTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// One model, as it is framed in all ways: its file differs in the setting alone.
    private func host(_ framing: Framing, _ mode: Metaformer.Mode = .autoencoder) throws -> Host {
        let path = folder.path(framing.rawValue)
        let plain = try smallDescription(mode, channels: 1).file(seed: 5)
        var metadata = plain.metadata
        metadata["input.framing"] = framing.rawValue
        try TensorFile(entries: plain.entries, metadata: metadata).write(path: path)
        return try Host(path)
    }

    private func wave(_ x: Int, _ y: Int) -> Double {
        0.5 + 0.2 * sin(Double(x) * 0.11) + 0.2 * cos(Double(y) * 0.07 + Double(x) * 0.02)
    }

    @Test(
        "a kept aspect is the frame with its edges repeated, of which only the frame counts",
        arguments: [(64, 32), (40, 64), (64, 64)])
    func fit(width: Int, height: Int) throws {
        let (left, top) = ((64 - width) / 2, (64 - height) / 2)
        let own = try host(.letterbox).map(frame(width, height, wave))
        let padded = try frame(64, 64) { x, y in
            wave(min(max(x - left, 0), width - 1), min(max(y - top, 0), height - 1))
        }
        let content = { (x: Int, y: Int) in (0..<width).contains(x - left) && (0..<height).contains(y - top) }
        let expected = try withMask(64, 64, content) { try host(.stretch).map(padded, mask: $0) }
        #expect(own.result.score == expected.result.score)
        for y in 0..<height {
            for x in 0..<width { #expect(own.map[y * width + x] == expected.map[(y + top) * 64 + x + left]) }
        }
    }

    @Test("a frame keeps its aspect at any size", arguments: [(300, 60), (33, 400), (1000, 999)])
    func fitScaled(width: Int, height: Int) throws {
        let (result, map) = try host(.letterbox).map(frame(width, height, wave))
        #expect(map.allSatisfy { $0.isFinite && $0 <= result.score * 1.0001 })
        let highest = try #require(map.max())
        #expect(highest > 0.5 * result.score)
    }

    @Test("a tile that is the whole frame is the model's own map", arguments: [(64, 64), (48, 40)])
    func oneTile(width: Int, height: Int) throws {
        let input = try frame(width, height, wave)
        let tile = try host(.tile).map(input)
        // What is smaller than a tile lies in its middle, with its edges repeated.
        let (left, top) = ((64 - width) / 2, (64 - height) / 2)
        let padded = try frame(64, 64) { x, y in
            wave(min(max(x - left, 0), width - 1), min(max(y - top, 0), height - 1))
        }
        let whole = try host(.stretch).map(padded).map
        for y in 0..<height {
            for x in 0..<width { #expect(tile.map[y * width + x] == whole[(y + top) * 64 + x + left]) }
        }
    }

    /// 3t² − 2t³ over a quarter of the tile.
    private func weight(_ at: Int) -> Double {
        let t = min((Double(min(at, 63 - at)) + 0.5) / 16, 1)
        return t * t * (3 - 2 * t)
    }

    @Test("tiles are blended by smooth weights that add up to one") func blending() throws {
        let (width, height) = (150, 100)
        let (columns, rows) = ([0, 43, 86], [0, 36])
        let stretch = try host(.stretch)
        var (sum, weights) = (
            [Double](repeating: 0, count: width * height), [Double](repeating: 0, count: width * height)
        )
        for top in rows {
            for left in columns {
                let map = try stretch.map(frame(64, 64) { wave($0 + left, $1 + top) }).map
                for y in 0..<64 {
                    for x in 0..<64 {
                        let w = weight(x) * weight(y)
                        sum[(y + top) * width + x + left] += w * Double(map[y * 64 + x])
                        weights[(y + top) * width + x + left] += w
                    }
                }
            }
        }
        let (result, map) = try host(.tile).map(frame(width, height, wave))
        let worst = map.indices.map { Swift.abs(Double(map[$0]) - sum[$0] / weights[$0]) }.max()
        #expect(try #require(worst) <= 1e-5)
        #expect(result.score == map.max())
    }

    /// The regions of a map by flood fill, highest peak first.
    private func flood(_ map: [Float], _ width: Int, above threshold: Float) -> [mf_region] {
        var (open, found) = (map.map { $0 > threshold }, [mf_region]())
        for start in map.indices where open[start] {
            var (pending, left, right, top, bottom, area, peak) = (
                [start], width, 0, map.count, 0, Int32(0), map[start]
            )
            open[start] = false
            while let at = pending.popLast() {
                let (x, y) = (at % width, at / width)
                (left, right, top, bottom) = (min(left, x), max(right, x), min(top, y), max(bottom, y))
                (area, peak) = (area + 1, max(peak, map[at]))
                for v in max(y - 1, 0)...min(y + 1, map.count / width - 1) {
                    for u in max(x - 1, 0)...min(x + 1, width - 1) where open[v * width + u] {
                        open[v * width + u] = false
                        pending.append(v * width + u)
                    }
                }
            }
            found.append(
                mf_region(
                    x: Int32(left), y: Int32(top), width: Int32(right - left + 1), height: Int32(bottom - top + 1),
                    area: area, peak: peak))
        }
        return found.sorted { ($1.peak, $0.y, $0.x) < ($0.peak, $1.y, $1.x) }
    }

    @Test("the regions of a tiled map are those of a flood fill", arguments: [UInt64(1), 2, 3])
    func regionsOfTiles(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let dots = (0..<40).map { _ in (x: generator.nextUnit() * 260, y: generator.nextUnit() * 170) }
        let input = try frame(260, 170) { x, y in
            dots.contains { abs(Double(x) - $0.x) + abs(Double(y) - $0.y) < 5 } ? 1 : 0.3
        }
        let host = try host(.tile)
        let (_, map) = try host.map(input)
        let sorted = map.sorted()
        for share in [0.5, 0.8, 0.9, 0.97] {
            let threshold = sorted[Int(Double(map.count) * share)]
            #expect(mf_context_set_threshold(host.context, threshold) == MF_OK)
            let found = regions(of: try host.map(input).result)
            let expected = flood(map, 260, above: threshold)
            #expect(found.count == min(expected.count, Int(MF_MAX_REGIONS)) && !found.isEmpty)
            for (a, b) in zip(found, expected) {
                #expect(a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height)
                #expect(a.area == b.area && a.peak == b.peak)
            }
        }
    }

    @Test("a mask leaves the tiled map as it is where it inspects") func masked() throws {
        let input = try frame(260, 170, wave)
        let host = try host(.tile)
        let whole = try host.map(input).map
        let inside = { (x: Int, y: Int) in (150..<170).contains(x) && (20..<90).contains(y) }
        let (result, map) = try withMask(260, 170, inside) { try host.map(input, mask: $0) }
        var highest = -Float.infinity
        for i in map.indices where inside(i % 260, i / 260) {
            #expect(map[i] == whole[i])
            highest = max(highest, map[i])
        }
        #expect(result.score == highest)
    }

    @Test("a tiled map has no seams, and hardly knows where its tiles lie") func seams() throws {
        // Adapted on such waves, so that the map is that of a model which knows what it sees.
        let adaptation = try (0..<4).map { shift in try frame(200, 150) { wave($0 + 7 * shift, $1 + 11 * shift) } }
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("unadapted"))
        var options = Model.AdaptationOptions()
        options.framing = .tile
        options.epochs = 20
        options.batch = 8
        options.learningRate = 2e-3
        let adapted = try Model(path: folder.path("unadapted")).adapted(to: adaptation, options: options)
        #expect(adapted[setting: "input.framing"] == "tile")
        try adapted.save(path: folder.path("adapted"))
        let host = try Host(folder.path("adapted"))
        let (width, height, shift) = (260, 200, 21)
        let map = try host.map(frame(width, height, wave)).map
        // With something to find in it: of a good frame the map is noise, which every tile has of its own.
        let flawed = { (x: Int, y: Int) in (110..<134).contains(x) && (85..<109).contains(y) ? 0.02 : self.wave(x, y) }
        let found = try host.map(frame(width, height, flawed)).map
        let shifted = try host.map(frame(width - shift, height - shift) { flawed($0 + shift, $1 + shift) }).map
        let mean = found.reduce(0) { $0 + Double($1) } / Double(found.count)
        let (peak, otherPeak) = (Double(found.max() ?? 0), Double(shifted.max() ?? 0))
        // Away from the frame's own edges, which are others: the two tilings differ little beside what they found.
        var (difference, count) = (0.0, 0)
        for y in 40..<height - 40 {
            for x in 40..<width - 40 {
                let other = shifted[(y - shift) * (width - shift) + x - shift]
                difference += Double(abs(found[y * width + x] - other))
                count += 1
            }
        }
        difference /= Double(count)
        // A seam would be a column whose jump stands out among its neighbours': where a tile starts or ends it may not.
        let jumps = (1..<width).map { x in
            (0..<height).reduce(0) { $0 + Double(abs(map[$1 * width + x] - map[$1 * width + x - 1])) }
        }
        let starts = (0..<5).map { $0 * (width - 64) / 4 }
        let prominences = (starts.dropFirst() + starts.dropLast().map { $0 + 64 }).map { x in
            4 * jumps[x - 1] / (jumps[x - 3] + jumps[x - 2] + jumps[x] + jumps[x + 1])
        }
        let worst = try #require(prominences.max())
        #expect(difference < 0.1 * (peak - mean), "\(difference), \(peak), \(mean)")
        #expect(abs(peak - otherPeak) < 0.25 * peak, "\(peak), \(otherPeak)")
        #expect(worst < 1.3, "\(prominences)")
    }

    @Test("tiles adapt and inspect the same bits for any threads, cached or not") func tiledAdaptation() throws {
        try smallDescription(.full, channels: 1).file(seed: 5).write(path: folder.path("unadapted"))
        var model: OpaquePointer?
        try #require(mf_model_open_file(folder.path("unadapted"), nil, &model, nil) == MF_OK)
        defer { mf_model_release(model) }
        var files: [Data] = []
        for (threads, cache) in [(1, 0), (2, 0), (3, 1)] as [(Int32, UInt64)] {
            let status = try frame(150, 70, wave).withImage { image in
                withMask(150, 70, { x, y in x > 20 && (x + y) % 5 > 0 }) { mask in
                    var options = mf_adapt_options()
                    options.struct_size = MemoryLayout<mf_adapt_options>.size
                    options.threads = threads
                    options.cache_bytes = cache
                    options.framing = MF_FRAMING_TILE
                    options.masks = mask
                    options.mask_count = 1
                    options.flips = 1
                    options.shift = 2
                    options.epochs = 2
                    options.batch = 4
                    var adapted: OpaquePointer?
                    let status = mf_adapt(model, image, 1, &options, &adapted, nil)
                    defer { mf_model_release(adapted) }
                    return status == MF_OK ? mf_model_save(adapted, folder.path("adapted"), nil) : status
                }
            }
            try #require(status == MF_OK)
            files.append(try Data(contentsOf: URL(filePath: folder.path("adapted"))))
        }
        #expect(files[1] == files[0] && files[2] == files[0])
    }

    @Test("a frame too wide for a context is refused with advice, and the inspector makes room") func wide() throws {
        let input = try frame(8200, 40, wave)
        let host = try host(.tile)
        #expect(host.inspect(input).status == MF_E_LIMIT && host.message.contains("max_width"))
        #expect(host.inspect(try frame(100, 70, wave)).status == MF_OK)
        let inspector = try Inspector(Model(path: folder.path("tile")))
        try inspector.setThreshold(0.25)
        let inspection = try inspector.inspect(input)
        #expect(inspection.score.isFinite && inspection.threshold == 0.25)
    }

    @Test("a framing that does not exist is refused") func unknown() throws {
        let plain = try smallDescription(.autoencoder, channels: 1).file(seed: 5)
        var metadata = plain.metadata
        metadata["input.framing"] = "crop"
        try TensorFile(entries: plain.entries, metadata: metadata).write(path: folder.path("crop"))
        let failure = #expect(throws: EngineError.self) { try Model(path: folder.path("crop")) }
        #expect(failure?.status == MF_E_FORMAT && failure?.description.contains("crop") == true)
    }

    @Test("the map of the last inspection is given at any size, but of tiles", arguments: Framing.allCases)
    func mapOfAnySize(framing: Framing) throws {
        _ = try host(framing)
        let inspector = try Inspector(Model(path: folder.path(framing.rawValue)))
        try inspector.setThreshold(.infinity)
        #expect(throws: ModelError.self) { try inspector.map(width: 80, height: 60) }
        let found = try inspector.inspect(frame(80, 60, wave), wantsMap: true)
        guard framing != .tile else {
            #expect(throws: ModelError.self) { try inspector.map(width: 80, height: 60) }
            return
        }
        #expect(try inspector.map(width: 80, height: 60) == found.map)
        if framing == .stretch { #expect(try inspector.map(width: 64, height: 64) == inspector.plane("map")) }
        #expect(try inspector.map(width: 1, height: 3).count == 3)
        #expect(throws: ModelError.self) { try inspector.map(width: 0, height: 3) }
    }
}
