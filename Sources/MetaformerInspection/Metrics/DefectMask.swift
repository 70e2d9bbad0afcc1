import MetaformerData

/// Which pixels of an image are defective.
public struct DefectMask: Sendable, Equatable {
    public let width: Int
    public let height: Int
    /// A byte a pixel, in rows from top to bottom: 0 for good, 1 for defective.
    public private(set) var pixels: [UInt8]

    /// Wraps pixels that are in memory already; any value but 0 is defective.
    ///
    /// - Precondition: `pixels.count == width * height`.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(pixels.count == width * height)
        self.width = width
        self.height = height
        self.pixels = pixels.map { $0 == 0 ? 0 : 1 }
    }

    /// Takes an image of a mask: defective is what is brighter than a threshold of 0 to 255 in any channel; 16-bit samples are compared
    /// in that scale.
    public init(_ image: Image, threshold: Int = DatasetItem.usualMaskThreshold) {
        self.init(width: image.width, height: image.height, pixels: image.marks(above: threshold).bytes)
    }

    /// Whether no pixel is defective.
    public var isEmpty: Bool { !pixels.contains(1) }

    /// Adds what another mask of the same size marks.
    ///
    /// - Precondition: both are of one size.
    public mutating func formUnion(_ other: DefectMask) {
        precondition(other.width == width && other.height == height)
        for i in pixels.indices { pixels[i] |= other.pixels[i] }
    }
}
