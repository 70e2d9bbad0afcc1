import MetaformerData
import MetaformerModels

/// Draws episodes: support and query of a group, views of one image, queries to repair.
struct EpisodeSampler {
    let configuration: MetaTrainingConfiguration
    let tasks: TaskSet
    let loader: SampleLoader

    private var size: Int { configuration.architecture.autoencoder.imageSize }

    /// An episode of a group. Throws where an image cannot be read.
    func episode(_ group: Int, _ generator: inout RandomGenerator) throws -> Episode {
        let isOneImage = generator.uniform() < configuration.oneImageShare
        var episode = isOneImage ? try views(group, &generator) : try images(group, &generator)
        guard configuration.repairShare > 0 else { return episode }
        for index in episode.query.indices where generator.uniform() < configuration.repairShare {
            let other = Int.random(in: 0..<tasks.groups.count, using: &generator)
            guard other != group || tasks.groups.count == 1,
                let name = tasks.groups[other].images.randomElement(using: &generator)
            else { continue }
            let patch = try loader.sample(tasks.url(of: name), named: name)
            episode.query[index] = blended(patch, into: episode.query[index], &generator)
        }
        return episode
    }

    /// Support and query of different images; where a group has too few, each of a half of it.
    private func images(_ group: Int, _ generator: inout RandomGenerator) throws -> Episode {
        let names = tasks.groups[group].images.shuffled(using: &generator)
        func load(_ names: some Sequence<String>) throws -> [Sample] {
            try names.map { try loader.sample(tasks.url(of: $0), named: $0) }
        }
        if configuration.sharesSupport {
            let samples = try load(names.prefix(configuration.supportSize))
            return Episode(support: samples, query: samples)
        }
        let isEnough = names.count >= configuration.supportSize + configuration.querySize
        let support = isEnough ? configuration.supportSize : min(configuration.supportSize, names.count / 2)
        return Episode(
            support: try load(names.prefix(support)),
            query: try load(names.dropFirst(support).prefix(configuration.querySize)))
    }

    private func views(_ group: Int, _ generator: inout RandomGenerator) throws -> Episode {
        guard let name = tasks.groups[group].images.randomElement(using: &generator) else {
            throw TrainingError("group \(group) has no images")
        }
        let sample = try loader.sample(tasks.url(of: name), named: name)
        let flips = generator.uniform() < 0.5
        let views = (0..<configuration.supportSize + configuration.querySize).map { _ in
            view(of: sample, flips: flips, &generator)
        }
        return Episode(
            support: Array(views.prefix(configuration.supportSize)),
            query: Array(views.dropFirst(configuration.supportSize)))
    }

    /// A crop of nine tenths to the whole of the image, a little brighter or darker: as a camera sees one product.
    private func view(of sample: Sample, flips: Bool, _ generator: inout RandomGenerator) -> Sample {
        let side = Float(size) * generator.uniform(0.85...1)
        let crop = Crop(
            left: generator.uniform() * (Float(size) - side), top: generator.uniform() * (Float(size) - side),
            side: side, flips: flips)
        let gain = generator.uniform(0.95...1.05)
        return Sample(
            image: crop.applied(to: sample.image, size: size).map { min(max($0 * gain, 0), 1) },
            response: crop.applied(to: sample.response, size: size))
    }

    /// A soft ellipse of another image; the target is the image without it. The patch brings its response along.
    private func blended(_ patch: Sample, into sample: Sample, _ generator: inout RandomGenerator) -> Sample {
        let radii = (0..<2).map { _ in Float(size) * generator.uniform(0.04...0.2) }
        let centre = (0..<2).map { _ in Float(size) * generator.uniform(0.1...0.9) }
        let strength = generator.uniform(0.5...1)
        let mask = (0..<size * size).map { index -> Float in
            let dx = (Float(index % size) - centre[0]) / radii[0]
            let dy = (Float(index / size) - centre[1]) / radii[1]
            // One in the middle, falling to zero over the outer fifth.
            return strength * min(max((1 - (dx * dx + dy * dy).squareRoot()) * 5, 0), 1)
        }
        func mix(_ a: [Float], _ b: [Float]) -> [Float] {
            a.indices.map { a[$0] + mask[$0 % (size * size)] * (b[$0] - a[$0]) }
        }
        return Sample(
            image: mix(sample.image, patch.image), response: mix(sample.response, patch.response),
            target: sample.target ?? sample.image)
    }
}

/// A square part of an image, enlarged bilinearly to the whole size.
struct Crop {
    var left: Float
    var top: Float
    var side: Float
    var flips: Bool

    /// Planes [C, size, size] to planes of the same shape.
    func applied(to planes: [Float], size: Int) -> [Float] {
        let ratio = side / Float(size)
        func positions(_ start: Float, reversed: Bool) -> [(Int, Int, Float)] {
            (0..<size).map { index in
                let at = start + (Float(reversed ? size - 1 - index : index) + 0.5) * ratio - 0.5
                let clamped = min(max(at, 0), Float(size - 1))
                let first = min(Int(clamped), size - 1)
                return (first, min(first + 1, size - 1), clamped - Float(first))
            }
        }
        let (columns, rows) = (positions(left, reversed: flips), positions(top, reversed: false))
        var result: [Float] = []
        result.reserveCapacity(planes.count)
        for plane in 0..<planes.count / (size * size) {
            for (upper, lower, down) in rows {
                let (a, b) = ((plane * size + upper) * size, (plane * size + lower) * size)
                for (first, second, right) in columns {
                    let top = planes[a + first] + right * (planes[a + second] - planes[a + first])
                    let bottom = planes[b + first] + right * (planes[b + second] - planes[b + first])
                    result.append(top + down * (bottom - top))
                }
            }
        }
        return result
    }
}
