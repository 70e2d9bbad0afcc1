import Foundation
import MetaformerData
import MetaformerModels

/// Image files as frames, read as they are asked for. As many are kept as a limit of memory allows, so that small images are
/// decoded once and large ones do not add up. For one thread.
public final class FrameFiles {
    private let files: [URL]
    private let limit: Int
    private var kept: [Int: Frame] = [:]
    private var keptBytes = 0

    /// - Parameter limit: the most memory for frames that are kept, bytes.
    public init(_ files: [URL], limit: Int = 64 << 20) {
        self.files = files
        self.limit = limit
    }

    /// Whether all images are grey, by their headers.
    public func areGrey() throws -> Bool { try files.allSatisfy { try Image.isGrey(contentsOf: $0) } }

    /// The frame of a file. Throws an error that names the file where it cannot be read or is too small.
    public func frame(_ index: Int) throws -> Frame {
        if let frame = kept[index] { return frame }
        let image = try Image(contentsOf: files[index])
        let frame = try Frame(image, of: files[index].relativePath)
        if keptBytes + image.bytes.count <= limit {
            kept[index] = frame
            keptBytes += image.bytes.count
        }
        return frame
    }
}
