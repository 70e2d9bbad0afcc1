import CImageCodecs
import Foundation

/// Why an image file cannot be read or written.
public struct ImageFileError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    public enum Reason: Equatable, Sendable {
        case notFound
        case isDirectory
        case empty
        /// Its first bytes are not those of a format that is read.
        case notAnImage
        /// A kind of image that is deliberately not read, and what it is.
        case unsupported(String)
        /// A side or the area is beyond the limits, or memory is too small for it.
        case tooLarge(String)
        /// A side is shorter than what is to be done with the image allows.
        case tooSmall(String)
        /// Truncated or damaged, in the words of the library that reads it.
        case corrupt(String)
        /// The file system refuses, in its own words.
        case inaccessible(String)
        case notWritable(String)
    }

    /// The file as it was named.
    public let path: String
    public let reason: Reason

    public init(_ url: URL, _ reason: Reason) {
        self.path = url.relativePath
        self.reason = reason
    }

    public var description: String { "\(path): \(reasonText)" }

    public var errorDescription: String? { description }

    /// What is wrong and what would be right, without the name of the file.
    public var reasonText: String {
        switch reason {
        case .notFound: "no such file"
        case .isDirectory: "is a folder; name an image file"
        case .empty: "the file is empty"
        case .notAnImage: "not a \(ImageFormat.sentence) file"
        case .unsupported(let kind): "cannot be read: \(kind)"
        case .tooLarge(let size): "too large: \(size)"
        case .tooSmall(let size): "too small: \(size)"
        case .corrupt(let detail): "damaged: \(detail)"
        case .inaccessible(let detail): "cannot be read: \(detail)"
        case .notWritable(let detail): "cannot be written: \(detail)"
        }
    }

    init(_ url: URL, status: mfc_status, message: String) {
        switch status {
        case MFC_UNKNOWN_FORMAT: self.init(url, .notAnImage)
        case MFC_UNSUPPORTED: self.init(url, .unsupported(message))
        case MFC_TOO_LARGE: self.init(url, .tooLarge(message))
        case MFC_NO_MEMORY: self.init(url, .tooLarge("memory is out"))
        default: self.init(url, .corrupt(message))
        }
    }
}
