import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels

/// A meta-task of the target features: queries as T sees them after A was adapted to the support in closed form.
///
/// φ and A have nothing to learn, so the gaps of a task stay as they are: they are made once, and T is trained on them.
struct FeatureEpisode: Sendable {
    /// Queries: the first are good, the others have a fault.
    static let (goodCount, defectiveCount) = (2, 4)
    static let queryCount = goodCount + defectiveCount

    /// The groups' squared distances on the finest grid, [queryCount, groups, h, w].
    let gaps: [Float]
    /// P's response on the same grid, [queryCount, 1, h, w]; empty where T does without it.
    let responses: [Float]
    /// The share of each place that is defective, [queryCount, h, w].
    let masks: [Float]
}

/// Makes tasks of photographs: support and good queries are views of one, and faults are blended into the other queries.
final class FeatureEpisodeBuilder {
    private let model: FeatureModel
    private let photographs: [URL]
    private let textures: [URL]
    private let configuration: FeatureTrainingConfiguration
    private let features: Runner
    private let observe: Runner
    private let fit: Runner
    private let gap: Runner
    /// [groups, h, w] of the gaps.
    let shape: Shape

    /// - Parameter file: a model over features; its frozen parts are used.
    init(
        _ file: TensorFile, photographs: [URL], for configuration: FeatureTrainingConfiguration, threads: Int
    ) throws {
        self.configuration = configuration
        model = FeatureModel(try configuration.features(of: ModelDescription(settings: file.metadata)))
        self.photographs = photographs
        textures = photographs.filter { $0.lastPathComponent.hasPrefix(configuration.texturePrefix) }
        guard !photographs.isEmpty else { throw TrainingError("there are no photographs to make tasks of") }
        let featuresGraph = try model.featuresGraph()
        let graphs = [
            featuresGraph, try model.observeGraph(of: featuresGraph), try model.fitGraph(of: featuresGraph),
            try model.gapGraph(of: featuresGraph),
        ]
        let runners = try graphs.map { try Runner(program: $0.program().data, threads: threads) }
        (features, observe, fit, gap) = (runners[0], runners[1], runners[2], runners[3])
        shape = Shape(Array(graphs[3].outputs[0].tensor.shape.dims.dropFirst()))
        var shared: [String: FloatBuffer] = [:]
        for specification in graphs.flatMap(\.parameters) where shared[specification.name] == nil {
            let values = file.floats(specification.name) ?? specification.initialValues(seed: 0)
            shared[specification.name] = FloatBuffer(values)
        }
        for runner in runners {
            for (name, buffer) in shared where runner.slot(named: name) != nil { try runner.bind(name, to: buffer) }
            try runner.bindRemaining()
        }
        for (name, _) in featuresGraph.outputs {
            guard let buffer = features.buffer(name) else { continue }
            for runner in [observe, gap] where runner.slot(named: name) != nil { try runner.bind(name, to: buffer) }
        }
        observe.buffer("mask")?.fill(1)
        sums = shared.filter { ModelDescription.isSum($0.key) }.map(\.value)
    }

    private let sums: [FloatBuffer]
    /// Whether A is adapted to the support of all tasks, where it is not to each.
    private var knowsAllTasks = false

    /// The product of a task, once its support was added to the sums.
    private func observeSupport(_ number: Int) throws -> (views: ProductViews, generator: RandomGenerator) {
        var generator = RandomGenerator(seed: configuration.seed, stream: UInt64(number))
        let size = model.imageShape[2]
        let views = ProductViews(
            of: try read(photograph(using: &generator), size), size: size, variation: configuration.variation,
            using: &generator)
        for _ in 0..<generator.choice([1, 2, 3, 4, 4, 6, 8]) {
            let image = views.view(using: &generator)
            guard !knowsAllTasks else { continue }
            features.buffer("image")?.assign(image)
            try features.run()
            try observe.run()
        }
        return (views, generator)
    }

    private func adaptToAllTasks() throws {
        for number in 0..<configuration.episodes { _ = try observeSupport(number) }
        try fit.run()
        knowsAllTasks = true
    }

    /// The task of a number: the same whenever it is made.
    func episode(_ number: Int) throws -> FeatureEpisode {
        if configuration.adaptsToTasks {
            for sum in sums { sum.fill(0) }
        } else if !knowsAllTasks {
            try adaptToAllTasks()
        }
        var (views, generator) = try observeSupport(number)
        if configuration.adaptsToTasks { try fit.run() }
        let size = model.imageShape[2]
        let other = ProductViews(of: try read(photograph(using: &generator), size), size: size, using: &generator)
            .view(using: &generator)
        var (gaps, responses, masks): ([Float], [Float], [Float]) = ([], [], [])
        let places = shape[1] * shape[2]
        for query in 0..<FeatureEpisode.queryCount {
            var planes = views.view(using: &generator)
            var mask = [Float](repeating: 0, count: places)
            if query >= FeatureEpisode.goodCount {
                let fault = BlendedDefect(into: planes, size: size, other: other, using: &generator)
                planes = fault.planes
                mask = pooled(fault.mask, size)
            }
            features.buffer("image")?.assign(planes)
            try features.run()
            try gap.run()
            gaps += gap.buffer("gaps")?.values ?? []
            responses += features.buffer("response")?.values ?? []
            masks += mask
        }
        return FeatureEpisode(gaps: gaps, responses: responses, masks: masks)
    }

    /// Textures are taken more often than they are there: surfaces are what is inspected most.
    private func photograph(using generator: inout RandomGenerator) -> URL {
        !textures.isEmpty && generator.uniform() < 0.45 ? generator.choice(textures) : generator.choice(photographs)
    }

    private func read(_ url: URL, _ size: Int) throws -> Photograph {
        try Photograph(
            Image(contentsOf: url), named: url.relativePath, viewSize: size,
            isTexture: textures.contains(url))
    }

    /// The mean of a mask over each place.
    private func pooled(_ mask: [Float], _ size: Int) -> [Float] {
        let (height, width) = (shape[1], shape[2])
        let (down, across) = (size / height, size / width)
        return (0..<height * width).map { place in
            var sum: Float = 0
            for y in 0..<down {
                for x in 0..<across {
                    sum += mask[(place / width * down + y) * size + place % width * across + x]
                }
            }
            return sum / Float(down * across)
        }
    }
}

/// Tasks of a run, kept in a folder: a run that goes on finds them there.
struct FeatureEpisodeStore {
    private let folder: URL
    /// Tasks of a file.
    static let blockCount = 20

    init(folder: URL) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Tasks 0 … count − 1; those that are missing are made. `progress` returns whether to go on.
    func episodes(_ count: Int, by builder: FeatureEpisodeBuilder, progress: () -> Bool) throws -> [FeatureEpisode] {
        var episodes: [FeatureEpisode] = []
        for start in stride(from: 0, to: count, by: FeatureEpisodeStore.blockCount) {
            let numbers = start..<min(start + FeatureEpisodeStore.blockCount, count)
            let path = folder.appendingPathComponent("tasks-\(start)-\(numbers.count).safetensors").path
            if let block = try? read(path, numbers) {
                episodes += block
                for _ in block { guard progress() else { throw CancellationError() } }
                continue
            }
            let block = try numbers.map { number in
                guard progress() else { throw CancellationError() }
                return try builder.episode(number)
            }
            try write(block, numbers, path)
            episodes += block
        }
        return episodes
    }

    private func read(_ path: String, _ numbers: Range<Int>) throws -> [FeatureEpisode]? {
        let file = try TensorFile(path: path)
        let block = numbers.compactMap { number -> FeatureEpisode? in
            guard let gaps = file.floats("\(number).gaps"), let masks = file.floats("\(number).masks") else {
                return nil
            }
            return FeatureEpisode(gaps: gaps, responses: file.floats("\(number).responses") ?? [], masks: masks)
        }
        return block.count == numbers.count ? block : nil
    }

    private func write(_ block: [FeatureEpisode], _ numbers: Range<Int>, _ path: String) throws {
        let entries = zip(numbers, block).flatMap { number, episode in
            [("gaps", episode.gaps), ("responses", episode.responses), ("masks", episode.masks)].compactMap {
                name, values in
                values.isEmpty
                    ? nil
                    : TensorFile.Entry(name: "\(number).\(name)", shape: [values.count], contents: .floats(values))
            }
        }
        try TensorFile(entries: entries, metadata: [:]).write(path: path)
    }
}
