import Foundation
import MetaformerGraph
import MetaformerModels

/// Makes models over features that know no product, of a network's weights and photographs: these say only how large its features
/// are, and how much they vary.
public struct FeatureModelBuilder {
    /// What was made, and of what.
    public struct Outcome {
        public let file: TensorFile
        /// How many photographs were read, and those that could not be, each with the reason.
        public let readCount: Int
        public let unreadable: [String]
    }

    private let weights: String
    private let prior: FrozenPrior?
    private let imageSize: Int

    /// - Parameters:
    ///   - path: the network's weights, as scripts/convert-weights.py writes them.
    ///   - prior: for the whole model; nil for one without P and T.
    ///   - imageSize: rows and columns of the model's images, a multiple of 32.
    public init(weights path: String, prior: FrozenPrior? = nil, imageSize: Int) {
        (weights, self.prior, self.imageSize) = (path, prior, imageSize)
    }

    /// So many files of a list, spread evenly over it; all where there are no more.
    public static func spread(_ count: Int, of files: [URL]) -> [URL] {
        files.count > count ? (0..<count).map { files[$0 * files.count / count] } : files
    }

    /// Measures the network's features over photographs. `progress` is called after each.
    ///
    /// - Parameters:
    ///   - photographs: image files; those that cannot be read are left out.
    ///   - seed: of the parameters of T, which has learned nothing yet.
    ///   - threads: worker threads, 0 for one a processor.
    ///   - progress: called after each photograph.
    /// - Throws: where the weights are not the network's, or no photograph can be read.
    public func build(
        _ photographs: [URL], seed: UInt64 = 0, threads: Int = 0, progress: () -> Void = {}
    ) throws -> Outcome {
        var configuration = FeatureModel.Configuration(mode: prior == nil ? .autoencoder : .full, imageSize: imageSize)
        if let prior { configuration.prior = prior.configuration }
        var (read, unreadable): (Int, [String]) = (0, [])
        let frozen = try withoutActuallyEscaping(progress) { progress in
            let planes = photographs.lazy.compactMap { url -> [Float]? in
                defer { progress() }
                do {
                    let planes = try ImageReader().planes(url, channels: 3, size: imageSize)
                    read += 1
                    return planes
                } catch {
                    unreadable.append("\(error)")
                    return nil
                }
            }
            return try FrozenFeatures(configuration, weights: weights, images: planes, threads: threads)
        }
        let description = ModelDescription(
            features: configuration, scorePrior: .ofOtherProducts,
            origin: "\(configuration.network.rawValue), features measured over \(read) photographs")
        var parameters = frozen.parameters.merging(prior?.parameters ?? [:]) { own, _ in own }
        // T has learned nothing yet, and weighs all places alike.
        for new in try ModelPrograms(description).parameters where new.name.hasPrefix("transformer.") {
            parameters[new.name] = new.initialValues(seed: seed)
        }
        return Outcome(file: try description.file(parameters: parameters), readCount: read, unreadable: unreadable)
    }
}
