import Foundation
import MetaformerData

/// An image that cannot be used, which ends nothing but itself.
public struct UnreadableImage: Error, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String

    public var description: String { "\(path): \(reason)" }

    public init(_ error: any Error, _ url: URL) {
        path = url.relativePath
        let text = (error as? ImageFileError)?.reasonText ?? "\(error)"
        let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)) != nil
        let isBroken = isLink && FileStatus(url) == nil
        reason =
            isBroken
            ? "a link to a file that is not there"
            : text.hasPrefix(path + ": ") ? String(text.dropFirst(path.count + 2)) : text
    }
}
