import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels

/// Computes response maps R = P(I) of images of one size.
public final class ResponseRunner {
    private let runner: Runner
    private let image: FloatBuffer
    private let response: FloatBuffer

    public init(_ prior: FrozenPrior, imageSize: Int, threads: Int = 0) throws {
        let graph = Graph()
        let shape: Shape = [1, prior.configuration.channels, imageSize, imageSize]
        let scope = Scope(graph)
        let output = try InstancePrior(prior.configuration)(graph.input("image", shape), in: scope["prior"])
        runner = try Runner(program: Program(graph: graph, outputs: [("response", output)]).data, threads: threads)
        image = FloatBuffer(count: shape.count)
        response = FloatBuffer(count: imageSize * imageSize)
        try runner.bind("image", to: image)
        try runner.bind("response", to: response)
        for parameter in scope.parameters {
            guard let values = prior.parameters[parameter.name], values.count == parameter.shape.count else {
                throw TrainingError("the prior has no parameter \"\(parameter.name)\" of shape \(parameter.shape)")
            }
            try runner.bind(parameter.name, to: FloatBuffer(values))
        }
    }

    /// [1, size, size] in [0, 1] of planes [C, size, size].
    public func response(to planes: [Float]) throws -> [Float] {
        precondition(planes.count == image.count)
        image.assign(planes)
        try runner.run()
        return response.values
    }
}

/// Samples of image files, whose response maps are computed once and kept in a folder as 16-bit PNG files.
public final class SampleLoader {
    private let size: Int
    private let channels: Int
    private let runner: ResponseRunner?
    private let cache: URL

    /// - Parameters:
    ///   - size: rows and columns of a sample.
    ///   - channels: 1 or 3.
    ///   - prior: nil for the autoencoder alone.
    ///   - cache: a folder of this prior's and this size's own.
    ///   - threads: worker threads, 0 for one a processor.
    public init(size: Int, channels: Int, prior: FrozenPrior?, cache: URL, threads: Int = 0) throws {
        self.size = size
        self.channels = channels
        self.cache = cache
        runner = try prior.map { try ResponseRunner($0, imageSize: size, threads: threads) }
        if let prior, prior.configuration.channels != channels {
            throw TrainingError(
                "the prior takes images of \(prior.configuration.channels) channels, the model those of \(channels)")
        }
    }

    public func sample(_ url: URL, named name: String) throws -> Sample {
        let image = try ImageReader().planes(url, channels: channels, size: size)
        guard let runner else { return Sample(image: image) }
        let file = cache.appendingPathComponent(name + ".png")
        if let stored = try? MetaformerData.Image(contentsOf: file), stored.width == size, stored.height == size,
            stored.channels == 1, stored.bitDepth == 16
        {
            return Sample(image: image, response: SampleLoader.values(stored))
        }
        let response = try runner.response(to: image)
        guard response.allSatisfy(\.isFinite) else {
            throw TrainingError("\(url.relativePath): the prior's response to it is not finite; train the prior again")
        }
        let stored = MetaformerData.Image(
            width: size, height: size, channels: 1,
            samples: response.map { UInt16((min(max($0, 0), 1) * 65535).rounded()) })
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try stored.write(png: file)
        // What is read back is what every later run sees.
        return Sample(image: image, response: SampleLoader.values(stored))
    }

    private static func values(_ image: MetaformerData.Image) -> [Float] {
        image.bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 2).map { Float(bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) / 65535 }
        }
    }
}
