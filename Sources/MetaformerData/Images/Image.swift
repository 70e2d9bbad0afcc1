/// An image in memory: grey or RGB, 8 or 16 bits a sample.
///
/// Samples are interleaved, in rows from top to bottom without padding: sample `c` of pixel (x, y) is number
/// `(y * width + x) * channels + c`.
public struct Image: Sendable, Equatable {
    /// Columns, 1 to 65,535.
    public let width: Int
    /// Rows, 1 to 65,535.
    public let height: Int
    /// 1 (grey) or 3 (red, green, blue).
    public let channels: Int
    /// 8 or 16: bits that a sample is stored in.
    public let bitDepth: Int
    /// Those that are in use, 8 to 16: white is 2^bits - 1.
    public let bits: Int
    /// The samples: a byte each, or a `UInt16` each in the byte order of the machine.
    public let bytes: [UInt8]

    /// Wraps samples that are in memory already.
    ///
    /// - Parameters:
    ///   - width: pixels.
    ///   - height: pixels.
    ///   - channels: 1 or 3.
    ///   - bitDepth: of a sample, 8 or 16.
    ///   - bits: those in use; all where nil.
    ///   - bytes: the samples, rows from top to bottom, channels of a pixel side by side.
    /// - Precondition: 1 or 3 channels, 8 or 16 bits, and as many bytes as these need.
    public init(
        width: Int, height: Int, channels: Int, bitDepth: Int = 8, bits: Int? = nil, bytes: [UInt8]
    ) {
        precondition((1...Image.maximumSide).contains(width) && (1...Image.maximumSide).contains(height))
        precondition(channels == 1 || channels == 3)
        precondition(bitDepth == 8 || bitDepth == 16)
        precondition((8...bitDepth).contains(bits ?? bitDepth))
        precondition(bytes.count == width * height * channels * (bitDepth / 8))
        self.width = width
        self.height = height
        self.channels = channels
        self.bitDepth = bitDepth
        self.bits = bits ?? bitDepth
        self.bytes = bytes
    }

    /// Wraps 16-bit samples.
    public init(width: Int, height: Int, channels: Int, samples: [UInt16]) {
        let bytes = samples.withUnsafeBytes { Array($0) }
        self.init(width: width, height: height, channels: channels, bitDepth: 16, bytes: bytes)
    }

    /// The value of white.
    public var highestValue: Int { 1 << bits - 1 }

    /// The longest side that is read or written, in pixels.
    public static let maximumSide = 65_535

    /// The largest area that is read or written, in pixels.
    public static let maximumPixelCount = 512 << 20

    /// The sample of one channel of one pixel, in the range of the image's bit depth.
    public subscript(x: Int, y: Int, channel: Int) -> Int {
        precondition((0..<width).contains(x) && (0..<height).contains(y) && (0..<channels).contains(channel))
        let index = (y * width + x) * channels + channel
        guard bitDepth == 16 else { return Int(bytes[index]) }
        return bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) }
    }

    /// Whether any pixel is brighter than a threshold of 0 to 255 in any channel; 16-bit samples are compared in that scale.
    public func hasPixels(above threshold: Int) -> Bool {
        guard bitDepth == 16 else { return bytes.contains { Int($0) > threshold } }
        return bytes.withUnsafeBytes { $0.bindMemory(to: UInt16.self).contains { $0 > Image.limit16(threshold) } }
    }
}
