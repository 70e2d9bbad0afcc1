import Foundation
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// A small product: a bright disc, with a dark scratch where it is defective, in colour or grey.
func disc(_ seed: UInt64, size: Int = 96, scratched: Bool = false, format: Frame.Format = .rgb8) throws -> Frame {
    var generator = SplitMix64(seed: seed)
    let centre = (
        x: Double(size) / 2 + generator.nextUnit() * 4 - 2, y: Double(size) / 2 + generator.nextUnit() * 4 - 2
    )
    var bytes: [UInt8] = []
    for y in 0..<size {
        for x in 0..<size {
            let radius =
                ((Double(x) - centre.x) * (Double(x) - centre.x) + (Double(y) - centre.y) * (Double(y) - centre.y))
                .squareRoot()
            var value = radius < Double(size) / 3 ? 190 - radius : 40
            if scratched, Swift.abs(x - y) < 3, radius < Double(size) / 4 { value = 20 }
            value += generator.nextUnit() * 6
            bytes.append(UInt8(value))
            if format == .rgb8 { bytes += [UInt8(value * 0.9), UInt8(value * 0.7)] }
        }
    }
    return try Frame(width: size, height: size, format: format, bytes: bytes)
}

/// A model that is quick to adapt: 64 × 64 pixels.
func smallDescription(_ mode: Metaformer.Mode, channels: Int = 3) -> ModelDescription {
    var description = ModelDescription(mode: mode, channels: channels, origin: "test")
    description.pixels = Metaformer.Configuration(mode: mode, imageSize: 64, channels: channels, latentSize: 16)
    description.epochs = 3
    description.learningRate = 1e-3
    return description
}

/// Gives scores and maps of a model that knows no product.
func scoring(_ model: Model, threads: Int = 0) throws -> Inspector {
    let inspector = try Inspector(model, threads: threads)
    try inspector.setThreshold(.infinity)
    return inspector
}

@Suite("Model files, adaptation and inspection")
struct DeploymentTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func model(_ mode: Metaformer.Mode, channels: Int = 3) throws -> Model {
        let path = folder.path("\(mode.rawValue)-\(channels).safetensors")
        try smallDescription(mode, channels: channels).file(seed: 5).write(path: path)
        return try Model(path: path)
    }

    @Test("a model file reads back bit for bit") func roundTrip() throws {
        let file = try smallDescription(.full).file(seed: 5)
        try file.write(path: folder.path("a"))
        let read = try TensorFile(path: folder.path("a"))
        #expect(Set(read.entries.map(\.name)) == Set(file.entries.map(\.name)))
        for entry in file.entries { #expect(read.entries.first { $0.name == entry.name } == entry) }
        for (key, value) in file.metadata { #expect(read.metadata[key] == value) }
        let description = try ModelDescription(settings: read.metadata)
        #expect(description == smallDescription(.full))
        try Model(path: folder.path("a")).save(path: folder.path("b"))
        let written = try Data(contentsOf: URL(filePath: folder.path("a")))
        let saved = try Data(contentsOf: URL(filePath: folder.path("b")))
        #expect(written == saved)
    }

    @Test("adaptation gives the same bits for any number of threads", arguments: Metaformer.Mode.allCases)
    func threadsDoNotMatter(_ mode: Metaformer.Mode) throws {
        let model = try model(mode)
        let frames = try (0..<3).map { try disc(UInt64($0)) }
        var files: [Data] = []
        var maps: [[UInt32]] = []
        for threads in [1, 2, 3, 4, 8] {
            var options = Model.AdaptationOptions()
            options.threads = threads
            options.seed = 9
            options.flips = true
            options.shift = 3
            let adapted = try model.adapted(to: frames, options: options)
            try adapted.save(path: folder.path("adapted"))
            files.append(try Data(contentsOf: URL(filePath: folder.path("adapted"))))
            let inspection = try Inspector(adapted, threads: threads).inspect(disc(50, scratched: true), wantsMap: true)
            maps.append(inspection.map.map(\.bitPattern) + [inspection.score.bitPattern])
        }
        for index in files.indices.dropFirst() {
            #expect(files[index] == files[0])
            #expect(maps[index] == maps[0])
        }
    }

    @Test("adaptation learns, and keeps the prior as it is", arguments: [Metaformer.Mode.autoencoder, .full])
    func adaptationLearns(_ mode: Metaformer.Mode) throws {
        let model = try model(mode)
        var losses: [Float] = []
        var options = Model.AdaptationOptions()
        options.epochs = 25
        let adapted = try model.adapted(to: [disc(1)], options: options) { step in
            if step.stage == "adapting" { losses.append(step.loss) }
            return true
        }
        let (first, last) = (try #require(losses.first), try #require(losses.last))
        #expect(losses.count == 25 && last < 0.8 * first, "\(first) to \(last)")
        try model.save(path: folder.path("before"))
        try adapted.save(path: folder.path("after"))
        let (before, after) = (try TensorFile(path: folder.path("before")), try TensorFile(path: folder.path("after")))
        for entry in before.entries where !entry.name.hasPrefix("program/") {
            let isSame = after.entries.first { $0.name == entry.name } == entry
            #expect(isSame == entry.name.hasPrefix("prior."), "\(entry.name)")
        }
        #expect(adapted[setting: "adapted.images"] == "1")
        #expect(adapted[setting: "threshold.from"] == "shifted copies of one image")
    }

    @Test("an adapted model tells a scratch from a good product") func detects() throws {
        var options = Model.AdaptationOptions()
        options.epochs = 60
        options.learningRate = 2e-3
        let frames = try (0..<6).map { try disc(UInt64($0), format: .mono8) }
        let adapted = try model(.autoencoder, channels: 1).adapted(to: frames, options: options)
        let inspector = try Inspector(adapted)
        let good = try (100..<104).map { try inspector.inspect(disc($0, format: .mono8)).score }
        let bad = try (200..<204).map { try inspector.inspect(disc($0, scratched: true, format: .mono8)) }
        let (highestGood, lowestBad) = (try #require(good.max()), try #require(bad.map(\.score).min()))
        #expect(highestGood < lowestBad)
        #expect(adapted[setting: "threshold.from"] == "cross-validation")
        // The box of a scratch lies within the disc's middle half, where the scratch is.
        for inspection in bad where inspection.isAnomalous {
            let region = try #require(inspection.regions.first)
            #expect(region.x >= 10 && region.y >= 10 && region.x + region.width <= 86 && region.y + region.height <= 86)
        }
    }

    @Test("the map has the frame's size, and its highest value is near the score") func maps() throws {
        let inspector = try scoring(model(.prior))
        for (width, height) in [(64, 64), (200, 48), (33, 257)] {
            let frame = try Frame(
                width: width, height: height, format: .mono16,
                bytes: (0..<width * height * 2).map { UInt8(truncatingIfNeeded: $0 * 37) })
            let inspection = try inspector.inspect(frame, wantsMap: true)
            #expect(inspection.map.count == width * height)
            let highest = try #require(inspection.map.max())
            #expect(highest <= inspection.score * 1.0001 && highest > 0.5 * inspection.score)
        }
        let (response, reconstruction) = (try inspector.plane("response"), try inspector.plane("reconstruction"))
        #expect(response.count == 64 * 64 && reconstruction.count == 3 * 64 * 64)
        #expect(throws: ModelError.self) { try inspector.plane("colour") }
    }

    @Test("a threshold can be set, and decides the verdict") func thresholds() throws {
        let inspector = try scoring(model(.autoencoder))
        let frame = try disc(3)
        let score = try inspector.inspect(frame).score
        try inspector.setThreshold(score.nextDown)
        let above = try inspector.inspect(frame)
        #expect(above.isAnomalous && !above.regions.isEmpty)
        try inspector.setThreshold(score)
        let equal = try inspector.inspect(frame)
        #expect(!equal.isAnomalous)
        #expect(throws: ModelError.self) { try inspector.setThreshold(.nan) }
    }

    @Test("a model that knows no product gives no verdict, and scores where a threshold is set") func unadapted() throws
    {
        let model = try model(.autoencoder)
        #expect(!model.isAdapted)
        let inspector = try Inspector(model)
        let failure = #expect(throws: ModelError.self) { try inspector.inspect(disc(1)) }
        #expect(failure?.description.contains("knows no product yet") == true)
        #expect(failure?.description.contains("mf_adapt") == true)
        try inspector.setThreshold(.infinity)
        let inspection = try inspector.inspect(disc(1))
        #expect(inspection.score.isFinite && !inspection.isAnomalous)
        let adapted = try model.adapted(to: [disc(1)])
        #expect(adapted.isAdapted)
        #expect(try Inspector(adapted).inspect(disc(1)).threshold == adapted[setting: "threshold"].flatMap(Float.init))
    }

    @Test("progress can stop an adaptation") func cancellation() throws {
        let model = try model(.autoencoder)
        #expect(throws: EngineError.self) {
            try model.adapted(to: [disc(1), disc(2)]) { $0.stage == "reading" }
        }
    }

    @Test("a loss that is not finite ends an adaptation with advice") func divergence() throws {
        let model = try model(.autoencoder)
        var options = Model.AdaptationOptions()
        options.learningRate = 0.9
        options.epochs = 200
        do {
            let adapted = try model.adapted(to: [disc(1)], options: options)
            // Adam's steps are bounded: where it does not diverge, every parameter must be finite.
            try adapted.save(path: folder.path("large"))
            for entry in try TensorFile(path: folder.path("large")).entries {
                if case .floats(let values) = entry.contents { #expect(values.allSatisfy { $0.isFinite }) }
            }
        } catch let error as EngineError {
            #expect(error.description.contains("lower learning rate"))
        }
    }

    @Test("frames that are too small are refused by name and size") func smallFrames() throws {
        let frame = try Frame(width: 31, height: 40, format: .mono8, bytes: [UInt8](repeating: 0, count: 31 * 40))
        let inspector = try scoring(model(.autoencoder))
        let message = #expect(throws: ModelError.self) { try inspector.inspect(frame) }
        #expect(message?.description.contains("31 x 40") == true)
        // And the context goes on.
        _ = try inspector.inspect(disc(1))
    }
}

@Suite("Normalised maps")
struct NormalizationTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// The adapted mean and gain, recomputed from the maps that the same parameters give without them.
    @Test("adaptation measures the good images' maps") func measured() throws {
        var plain = smallDescription(.autoencoder, channels: 1)
        plain.map.isNormalized = false
        var normalized = plain
        normalized.map.isNormalized = true
        let frames = try (0..<4).map { try disc(UInt64($0), size: 64, format: .mono8) }
        try normalized.file(seed: 5).write(path: folder.path("unadapted"))
        try Model(path: folder.path("unadapted")).adapted(to: frames).save(path: folder.path("adapted"))
        let adapted = try TensorFile(path: folder.path("adapted"))
        let (mean, gain) = (try #require(adapted.floats("normal.mean")), try #require(adapted.floats("normal.gain")))

        // The adapted parameters in a model whose maps are as they are.
        var parameters: [String: [Float]] = [:]
        for entry in adapted.entries {
            if case .floats(let values) = entry.contents { parameters[entry.name] = values }
        }
        try plain.file(parameters: parameters).write(path: folder.path("plain"))
        let inspector = try scoring(Model(path: folder.path("plain")))
        let maps = try frames.map { try inspector.inspect($0, wantsMap: true).map }
        let count = Double(maps.count)
        let means = mean.indices.map { k in maps.reduce(0) { $0 + Double($1[k]) } / count }
        let variances = mean.indices.map { k in
            maps.reduce(0) { $0 + (Double($1[k]) - means[k]) * (Double($1[k]) - means[k]) } / count
        }
        let cells = Double(mean.count)
        let floor =
            0.5 * (variances.reduce(0, +) / cells).squareRoot() + 0.05 * means.reduce(0) { $0 + Swift.abs($1) } / cells
        for k in mean.indices {
            #expect(Swift.abs(Double(mean[k]) - means[k]) <= 1e-5 * (Swift.abs(means[k]) + 1e-3))
            let expected = 1 / (variances[k].squareRoot() + floor)
            #expect(Swift.abs(Double(gain[k]) - expected) <= 2e-3 * expected)
        }
        // And the adapted model's own map is the difference, measured by them.
        let own = try Inspector(Model(path: folder.path("adapted"))).inspect(frames[0], wantsMap: true).map
        for k in own.indices {
            #expect(Swift.abs(own[k] - (maps[0][k] - mean[k]) * gain[k]) <= 1e-3 * (1 + Swift.abs(own[k])))
        }
    }

    @Test("an unadapted model's map is the plain one") func unadapted() throws {
        var plain = smallDescription(.autoencoder)
        plain.map.isNormalized = false
        try plain.file(seed: 5).write(path: folder.path("plain"))
        try smallDescription(.autoencoder).file(seed: 5).write(path: folder.path("normalized"))
        let maps = try ["plain", "normalized"].map { name in
            try scoring(Model(path: folder.path(name))).inspect(disc(1), wantsMap: true).map.map(\.bitPattern)
        }
        #expect(maps[0] == maps[1])
    }
}
