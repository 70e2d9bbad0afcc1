import MetaformerData
import MetaformerEngine

/// Structural similarity of two images (Wang et al. 2004): an 11x11 Gaussian window with sigma 1.5, K = (0.01, 0.03), one
/// channel at a time, inside the image.
public struct ImageSimilarity: Sendable, Equatable {
    /// The mean over all windows and channels, at most 1.
    public let mean: Double
    /// A map a channel, 10 pixels narrower and lower than the images; value (x, y) is that of the window with this corner.
    public let maps: [FloatMap]

    /// Compares two images.
    ///
    /// - Parameters:
    ///   - first: values in [0, 1] as planes, channels first, each of `width * height`.
    ///   - second: those of the other image.
    ///   - width: pixels, 11 at least.
    ///   - height: pixels, 11 at least.
    ///   - channels: planes of each image.
    ///   - threads: 0 for one a processor; the result does not depend on it.
    /// - Throws: where the counts do not fit, a side is below 11, or a value is not finite.
    public init(
        _ first: [Float], _ second: [Float], width: Int, height: Int, channels: Int, threads: Int = 0
    ) throws(MetricError) {
        guard first.count == second.count, width > 0, height > 0, first.count == width * height * channels else {
            throw MetricError(
                MF_E_INVALID,
                "images of \(first.count) and \(second.count) values; \(channels) x \(height) x \(width) are needed")
        }
        var options = mf_metric_options(threads: threads)
        let size = (width: max(0, width - 10), height: max(0, height - 10))
        var values = [Float](repeating: 0, count: channels * size.width * size.height)
        var mean = 0.0
        try MetricError.check { error in
            mf_ssim(
                first, second, Int32(clamping: channels), Int32(clamping: height), Int32(clamping: width), &options,
                &values, &mean, error)
        }
        self.mean = mean
        let area = size.width * size.height
        maps = (0..<channels).map {
            FloatMap(width: size.width, height: size.height, values: Array(values[$0 * area..<($0 + 1) * area]))
        }
    }
}
