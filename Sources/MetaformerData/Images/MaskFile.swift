import CImageCodecs
import Foundation

extension Image {
    /// Reads a file of a defect's mask: grey, 255 where a pixel is marked and 0 where none is.
    ///
    /// Marked is what is above the threshold, of 255, in any channel. But where nothing is above half of the range, values
    /// number the kinds of defects, or are just 0 and 1: any but 0 is marked. Of a palette of colours any index but 0 is. A
    /// JPEG file has no exact values: half of the range divides it.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - threshold: 0 to 255.
    ///   - size: that of the image that it is the mask of, to which a mask of another size is brought; nil: its own.
    public init(
        maskAt url: URL, threshold: Int = DatasetItem.usualMaskThreshold, size: (width: Int, height: Int)? = nil
    ) throws(ImageFileError) {
        let file = try EncodedImage(contentsOf: url, as: MFC_MASKS)
        let isLossy = file.isLossy
        let image = try Image(file) { _ in }
        let half = DatasetItem.usualMaskThreshold
        let limit = isLossy ? max(threshold, half) : image.hasPixels(above: half) ? threshold : 0
        let marks = image.marks(above: limit)
        guard let size, size != (image.width, image.height) else {
            self = marks
            return
        }
        self = marks.resampled(width: size.width, height: size.height)
    }

    /// Grey, 255 where any channel is above a threshold of 0 to 255; 16-bit samples are compared in that scale.
    public func marks(above threshold: Int) -> Image {
        let channels = channels
        func marks<Sample: BinaryInteger>(_ samples: UnsafeBufferPointer<Sample>, _ limit: Int) -> [UInt8] {
            (0..<samples.count / channels).map { pixel in
                (0..<channels).contains { samples[pixel * channels + $0] > limit } ? 255 : 0
            }
        }
        let pixels = bytes.withUnsafeBytes { bytes in
            bitDepth == 16
                ? marks(bytes.bindMemory(to: UInt16.self), Image.limit16(threshold))
                : marks(bytes.bindMemory(to: UInt8.self), threshold)
        }
        return Image(width: width, height: height, channels: 1, bytes: pixels)
    }

    /// The highest 16-bit sample that is not above a threshold of 0 to 255.
    static func limit16(_ threshold: Int) -> Int { threshold * 257 + (threshold > 0 ? 128 : 0) }

    /// Brought to another size by the nearest pixel. 8 bits a sample, a single channel.
    func resampled(width: Int, height: Int) -> Image {
        let columns = (0..<width).map { ($0 * 2 + 1) * self.width / (2 * width) }
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height)
        for y in 0..<height {
            let row = (y * 2 + 1) * self.height / (2 * height) * self.width
            for column in columns { pixels.append(bytes[row + column]) }
        }
        return Image(width: width, height: height, channels: 1, bytes: pixels)
    }
}
