import Foundation
import MetaformerData
import MetaformerInspection

/// Image files as the floats that models take: by the same code that inspections go through.
public struct ImageReader: Sendable {
    public init() {}

    /// The frame of a file. Throws an error that names the file where it cannot be read or has under 32 pixels a side.
    public func frame(_ url: URL) throws -> Frame {
        try Frame(MetaformerData.Image(contentsOf: url), of: url.relativePath)
    }

    /// [channels, size, size] in [0, 1].
    public func planes(_ url: URL, channels: Int, size: Int) throws -> [Float] {
        try frame(url).planes(channels: channels, height: size, width: size)
    }
}

extension MetaformerData.Image {
    /// An 8-bit image of planes [3, height, width] with values in [0, 1].
    init(planes: [Float], width: Int, height: Int) {
        let count = width * height
        var bytes = [UInt8](repeating: 0, count: 3 * count)
        for index in 0..<count {
            for channel in 0..<3 {
                bytes[3 * index + channel] = UInt8((min(max(planes[channel * count + index], 0), 1) * 255).rounded())
            }
        }
        self.init(width: width, height: height, channels: 3, bytes: bytes)
    }
}
