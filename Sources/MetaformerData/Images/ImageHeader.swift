import Foundation

extension Image {
    /// Whether the image in a file has one channel, by its header alone.
    public static func isGrey(contentsOf url: URL) throws(ImageFileError) -> Bool {
        try EncodedImage(contentsOf: url).info.channels == 1
    }
}
