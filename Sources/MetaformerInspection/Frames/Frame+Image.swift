import Foundation
import MetaformerData

extension Frame {
    /// An image as a frame, whose depth is not stated where it has 16 bits a sample and that is asked for. Throws an error that
    /// names the file where it is too small.
    public init(_ image: Image, of name: String, isUnstated: Bool = false) throws {
        if let obstacle = ImageCheck.obstacle(image) {
            throw ImageFileError(URL(fileURLWithPath: name), .tooSmall(obstacle))
        }
        if isUnstated, image.bitDepth == 16 {
            let format = image.channels == 1 ? Format.monoUnstated : .rgbUnstated
            try self.init(width: image.width, height: image.height, format: format, bytes: image.bytes)
            return
        }
        guard let format = Format(channels: image.channels, bits: image.bits) else {
            throw InspectionError("\(name): \(image.bits) bits a sample; there are 8, 10, 12, 14 and 16")
        }
        try self.init(width: image.width, height: image.height, format: format, bytes: image.bytes)
    }
}
