import ArgumentParser
import Foundation

/// How a command ends that does not simply succeed: 0 after help, 2 for a wrong command line, 1 for everything else.
struct CommandFailure {
    let exitCode: Int32
    /// What is printed: on standard output when the code is 0, else on standard error.
    let message: String

    init(_ error: any Error) {
        switch MetaformerCommand.exitCode(for: error) {
        case .success:
            exitCode = 0
            message = MetaformerCommand.fullMessage(for: error)
        case .validationFailure:
            exitCode = 2
            message = CommandFailure.prefixed(MetaformerCommand.fullMessage(for: error))
        case let code where error is ExitCode:
            // The command has said what is wrong.
            exitCode = code.rawValue
            message = ""
        default:
            exitCode = 1
            let text = CommandFailure.systemText(error) ?? MetaformerCommand.message(for: error)
            message = CommandFailure.prefixed(text)
        }
    }

    /// What the system said, where a library of the language's own has wrapped it up.
    private static func systemText(_ error: any Error) -> String? {
        guard type(of: error) is NSError.Type || error is CocoaError || error is POSIXError else { return nil }
        let error = error as NSError
        let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError ?? error
        let path =
            (error.userInfo[NSFilePathErrorKey] as? String) ?? (error.userInfo[NSURLErrorKey] as? URL)?.relativePath
        let reason: String
        switch (cause.domain, error.code) {
        case (NSPOSIXErrorDomain, _): reason = String(cString: strerror(Int32(clamping: cause.code)))
        case (_, CocoaError.fileNoSuchFile.rawValue), (_, CocoaError.fileReadNoSuchFile.rawValue):
            reason = "no such file or folder"
        case (_, CocoaError.fileWriteNoPermission.rawValue), (_, CocoaError.fileReadNoPermission.rawValue):
            reason = "permission denied"
        case (_, CocoaError.fileWriteOutOfSpace.rawValue): reason = "the disk is full"
        case (_, CocoaError.fileWriteVolumeReadOnly.rawValue): reason = "the file system can only be read"
        default: reason = "the system refuses (\(error.domain) \(error.code))"
        }
        return path.map { "\($0): \(reason)" } ?? reason
    }

    func exit() -> Never {
        if !message.isEmpty {
            let stream = exitCode == 0 ? FileHandle.standardOutput : FileHandle.standardError
            do {
                try stream.write(contentsOf: Data((message + "\n").utf8))
            } catch {
                Foundation.exit(1)
            }
        }
        Foundation.exit(exitCode)
    }

    private static func prefixed(_ text: String) -> String {
        let bare = text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text
        return "metaformer: error: \(bare)"
    }
}

/// Files that could not be read, which did not end the work on others.
struct UnreadableFiles {
    /// Each with the reason.
    private let files: [String]

    init(_ files: [String]) { self.files = files }

    /// Fails, and names some, where there are any.
    func report() throws {
        guard !files.isEmpty else { return }
        let shown = files.prefix(5).joined(separator: "\n  ")
        let rest = files.count > 5 ? "\n  and \(files.count - 5) more" : ""
        throw CommandError(
            "\(files.count) \(files.count == 1 ? "file" : "files") could not be used; all others were:\n  \(shown)\(rest)"
        )
    }
}

/// A failure that needs no type of its own: a message that names what is wrong and what would be right.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
