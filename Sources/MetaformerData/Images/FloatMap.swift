import CImageCodecs
import Foundation

/// One real number for every pixel of an image, for instance how anomalous it is.
public struct FloatMap: Sendable, Equatable {
    /// Columns, 1 to 65,535.
    public let width: Int
    /// Rows, 1 to 65,535.
    public let height: Int
    /// The values in rows from top to bottom: (x, y) is number `y * width + x`.
    public let values: [Float]

    /// Wraps values that are in memory already.
    ///
    /// - Precondition: `values.count == width * height`, both sides 1 to 65,535.
    public init(width: Int, height: Int, values: [Float]) {
        precondition((1...Image.maximumSide).contains(width) && (1...Image.maximumSide).contains(height))
        precondition(values.count == width * height)
        self.width = width
        self.height = height
        self.values = values
    }

    public subscript(x: Int, y: Int) -> Float {
        precondition((0..<width).contains(x) && (0..<height).contains(y))
        return values[y * width + x]
    }

    /// Reads a TIFF file of one channel of 32-bit floats.
    public init(contentsOf url: URL) throws(ImageFileError) {
        let file = try EncodedImage(contentsOf: url)
        guard file.info.sample == MFC_SAMPLE_F32 else {
            throw ImageFileError(url, .unsupported("an image, where a map of 32-bit floats (TIFF) is needed"))
        }
        let bytes = try file.decode()
        let values = bytes.withUnsafeBytes { bytes in
            [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
                count = buffer.count
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            }
        }
        self.init(width: Int(file.info.width), height: Int(file.info.height), values: values)
    }

    /// How the values of a TIFF file are packed; both are read by every TIFF library, both without loss.
    public enum Compression: Sendable {
        case none, deflate
    }

    /// Writes a TIFF file of one channel of 32-bit floats. An existing file is replaced whole or not at all.
    public func write(tiff url: URL, compression: Compression = .deflate) throws(ImageFileError) {
        var info = mfc_image_info(
            width: UInt32(width), height: UInt32(height), channels: 1, sample: MFC_SAMPLE_F32)
        let packing = compression == .deflate ? MFC_TIFF_DEFLATE : MFC_TIFF_NONE
        let data = try encode(to: url) { buffer, message, size in
            values.withUnsafeBufferPointer {
                mfc_encode_tiff(&info, $0.baseAddress, packing, buffer, message, size)
            }
        }
        try data.replaceImageFile(at: url)
    }
}
