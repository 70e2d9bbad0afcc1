import CImageCodecs
import Foundation

extension Image {
    /// The bytes of a PNG file.
    public func pngData() throws(ImageFileError) -> Data {
        var info = mfc_image_info(
            width: UInt32(width), height: UInt32(height), channels: UInt32(channels),
            sample: bitDepth == 16 ? MFC_SAMPLE_U16 : MFC_SAMPLE_U8)
        return try encode(to: URL(fileURLWithPath: "PNG")) { buffer, message, size in
            bytes.withUnsafeBytes { mfc_encode_png(&info, $0.baseAddress, buffer, message, size) }
        }
    }
}
