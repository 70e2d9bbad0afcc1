import MetaformerData
import MetaformerEngine

/// How well anomaly maps tell defective pixels from good ones.
public struct Localization: Sendable, Equatable, Codable {
    public let imageCount: Int
    public let pixelCount: Int
    public let defectivePixelCount: Int
    /// Connected regions (8-connectivity) of all masks.
    public let regionCount: Int
    /// As those of `Classification`, over pixels.
    public let auroc: Double
    public let averagePrecision: Double
    public let bestF1: Double
    public let bestThreshold: Float
    /// The area under the curve of mean region overlap over the false-positive rate, up to the limit, divided by the limit.
    public let pro: Double
    /// How far `auroc` and `pro` can be from the exact values: 0 but for an evaluation by histogram.
    public let aurocError: Double
    public let proError: Double
}

/// A corner of the curves over the false-positive rate, which are straight between corners.
public struct CurvePoint: Sendable, Equatable {
    /// What is found at or above this threshold gives the point.
    public let threshold: Float
    public let falsePositiveRate: Double
    public let truePositiveRate: Double
    /// The mean over all regions of the share that is found.
    public let regionOverlap: Double
}

/// Gathers anomaly maps and masks of a test set, one image at a time, and measures them.
///
/// Pixels weigh the same across all images. The exact evaluation holds at most 16 bytes a pixel; one by histogram has a fixed
/// size and tells how far its areas can be off. Not for use by two threads at once; it uses several itself.
public final class MapEvaluation {
    /// Evenly spaced bins. Scores in one bin count as equal, scores outside as in the nearest.
    public struct Histogram: Sendable, Equatable {
        /// 2 to 16,777,216.
        public let bins: Int
        /// Below `high`, both finite.
        public let low: Float
        public let high: Float

        public init(bins: Int, low: Float, high: Float) {
            self.bins = bins
            self.low = low
            self.high = high
        }
    }

    private let handle: OpaquePointer

    /// - Parameters:
    ///   - threads: 0 for one a processor; results do not depend on it.
    ///   - histogram: nil for the exact evaluation.
    public init(threads: Int = 0, histogram: Histogram? = nil) throws(MetricError) {
        var options = mf_metric_options(threads: threads)
        if let histogram {
            // No bins would mean an exact evaluation: ask for what the engine refuses.
            options.bins = histogram.bins == 0 ? -1 : Int32(clamping: histogram.bins)
            options.low = histogram.low
            options.high = histogram.high
        }
        var handle: OpaquePointer?
        try MetricError.check { error in mf_evaluation_create(&options, &handle, error) }
        guard let handle else { throw MetricError(MF_E_STATE, "the engine gave no evaluation") }
        self.handle = handle
    }

    deinit { mf_evaluation_release(handle) }

    /// Adds an image; after an error nothing has changed.
    ///
    /// - Parameters:
    ///   - map: the scores of its pixels.
    ///   - mask: of the same size; nil for a good image.
    /// - Throws: where sizes differ, or a score is not finite.
    public func add(_ map: FloatMap, mask: DefectMask? = nil) throws(MetricError) {
        try MetricError.check { error in
            map.values.withUnsafeBufferPointer { values in
                // The engine only reads it.
                var scores = mf_map(
                    struct_size: MemoryLayout<mf_map>.size, width: Int32(map.width), height: Int32(map.height),
                    row_stride: map.width * MemoryLayout<Float>.stride,
                    data: UnsafeMutablePointer(mutating: values.baseAddress))
                guard let mask else { return mf_evaluation_add(handle, &scores, nil, error) }
                return mask.pixels.withUnsafeBufferPointer { pixels in
                    var marks = mf_mask(
                        struct_size: MemoryLayout<mf_mask>.size, width: Int32(mask.width), height: Int32(mask.height),
                        row_stride: mask.width, data: pixels.baseAddress)
                    return mf_evaluation_add(handle, &scores, &marks, error)
                }
            }
        }
    }

    /// Measures what was added.
    ///
    /// - Parameter proLimit: the highest false-positive rate of PRO, in (0, 1].
    /// - Throws: where no good or no defective pixel has been added.
    public func measure(proLimit: Double = 0.3) throws(MetricError) -> Localization {
        var result = mf_localization()
        result.struct_size = MemoryLayout<mf_localization>.size
        try MetricError.check { error in mf_evaluation_measure(handle, proLimit, &result, error) }
        return Localization(
            imageCount: Int(result.images), pixelCount: Int(result.pixels),
            defectivePixelCount: Int(result.defective_pixels), regionCount: Int(result.regions), auroc: result.auroc,
            averagePrecision: result.average_precision, bestF1: result.best_f1, bestThreshold: result.best_threshold,
            pro: result.pro, aurocError: result.auroc_error, proError: result.pro_error)
    }

    /// The exact curves, from the highest threshold down: from (0, 0) to (1, 1).
    ///
    /// - Throws: where no good or no defective pixel has been added.
    public func curve() throws(MetricError) -> [CurvePoint] {
        var count = 0
        try MetricError.check { error in mf_evaluation_curve(handle, nil, &count, error) }
        var points = [mf_curve_point](repeating: mf_curve_point(), count: count)
        try MetricError.check { error in mf_evaluation_curve(handle, &points, &count, error) }
        return points.map {
            CurvePoint(
                threshold: $0.threshold, falsePositiveRate: $0.false_positive_rate,
                truePositiveRate: $0.true_positive_rate, regionOverlap: $0.region_overlap)
        }
    }

    /// Each region's share of pixels that score at or above a threshold, in the order of images, and of first pixels in them.
    ///
    /// - Throws: where the threshold is not finite, or the evaluation is one by histogram.
    public func overlaps(at threshold: Float) throws(MetricError) -> [Double] {
        var count = 0
        try MetricError.check { error in mf_evaluation_overlaps(handle, threshold, nil, &count, error) }
        var overlaps = [Double](repeating: 0, count: count)
        try MetricError.check { error in mf_evaluation_overlaps(handle, threshold, &overlaps, &count, error) }
        return overlaps
    }
}
