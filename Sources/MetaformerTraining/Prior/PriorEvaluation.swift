import Foundation
import MetaformerModels

/// How well response maps agree with foreground masks.
public struct PriorEvaluation: Sendable {
    /// Means over images.
    public struct Agreement: Sendable, Hashable, Codable {
        /// Intersection over union.
        public var iou = 0.0
        /// F-measure with β² = 0.3, as saliency is measured (Achanta et al., 2009).
        public var fMeasure = 0.0
    }

    public init() {}

    /// The agreement of a map, taken to be foreground where it is at least twice its mean, with a mask (above a half).
    ///
    /// The threshold is held to the map's maximum, so that a map always marks something.
    public func agreement(of map: [Float], with mask: [Float]) -> Agreement {
        precondition(map.count == mask.count && !map.isEmpty)
        let mean = map.reduce(0) { $0 + Double($1) } / Double(map.count)
        let threshold = min(Float(2 * mean), map.max() ?? 0)
        var (both, marked, wanted) = (0, 0, 0)
        for (value, truth) in zip(map, mask) {
            let (isMarked, isWanted) = (value >= threshold, truth > 0.5)
            if isMarked { marked += 1 }
            if isWanted { wanted += 1 }
            if isMarked && isWanted { both += 1 }
        }
        guard both > 0 else { return Agreement() }
        let (precision, recall) = (Double(both) / Double(marked), Double(both) / Double(wanted))
        return Agreement(
            iou: Double(both) / Double(marked + wanted - both),
            fMeasure: 1.3 * precision * recall / (0.3 * precision + recall))
    }

    /// The trivial rival: a Gaussian in the middle, a quarter of the side wide.
    public static func centredGaussian(size: Int) -> [Float] {
        let middle = Float(size - 1) / 2
        let sigma = Float(size) / 4
        return (0..<size * size).map { index in
            let (x, y) = (Float(index % size) - middle, Float(index / size) - middle)
            return Float(exp(Double(-(x * x + y * y) / (2 * sigma * sigma))))
        }
    }
}

/// The evaluation of a prior on photos with masks, beside two maps that look at nothing.
public struct PriorReport: Sendable, Hashable, Codable {
    public var images = 0
    public var prior = PriorEvaluation.Agreement()
    public var gaussian = PriorEvaluation.Agreement()
    /// Everything is foreground.
    public var constant = PriorEvaluation.Agreement()

    /// Evaluates a prior at its working size, or 256 where it has none.
    public init(
        _ prior: FrozenPrior, pairs: [(image: URL, mask: URL)], threads: Int = 0, progress: () -> Void = {}
    ) throws {
        guard !pairs.isEmpty else { throw TrainingError("there are no photos with masks to evaluate by") }
        let size = prior.configuration.workingSize ?? 256
        let runner = try ResponseRunner(prior, imageSize: size, threads: threads)
        let evaluation = PriorEvaluation()
        let gaussianMap = PriorEvaluation.centredGaussian(size: size)
        let constantMap = [Float](repeating: 1, count: size * size)
        func add(_ agreement: PriorEvaluation.Agreement, to sum: inout PriorEvaluation.Agreement) {
            sum.iou += agreement.iou / Double(pairs.count)
            sum.fMeasure += agreement.fMeasure / Double(pairs.count)
        }
        for pair in pairs {
            let mask = try ImageReader().planes(pair.mask, channels: 1, size: size)
            let image = try ImageReader().planes(pair.image, channels: prior.configuration.channels, size: size)
            add(evaluation.agreement(of: try runner.response(to: image), with: mask), to: &self.prior)
            add(evaluation.agreement(of: gaussianMap, with: mask), to: &gaussian)
            add(evaluation.agreement(of: constantMap, with: mask), to: &constant)
            progress()
        }
        images = pairs.count
    }
}

extension ContactSheet {
    /// A row for each photo: itself, its response map, and its edited image.
    public static func responses(
        of prior: FrozenPrior, to images: [URL], effect: VisualEffect, threads: Int = 0
    ) throws -> ContactSheet {
        let size = prior.configuration.workingSize ?? 256
        let runner = try ResponseRunner(prior, imageSize: size, threads: threads)
        let composer = try EffectComposer(effect, size: size)
        var sheet = ContactSheet(tile: size, columns: 3)
        for url in images {
            let planes = try ImageReader().planes(url, channels: 3, size: size)
            let map = try runner.response(to: planes)
            sheet.append([planes, map + map + map, try composer.composed(planes, mask: map)])
        }
        return sheet
    }
}
