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
            message = CommandFailure.prefixed(MetaformerCommand.message(for: error))
        }
    }

    func exit() -> Never {
        if !message.isEmpty {
            let stream = exitCode == 0 ? FileHandle.standardOutput : FileHandle.standardError
            try? stream.write(contentsOf: Data((message + "\n").utf8))
        }
        Foundation.exit(exitCode)
    }

    private static func prefixed(_ text: String) -> String {
        let bare = text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text
        return "metaformer: error: \(bare)"
    }
}

/// A failure that needs no type of its own: a message that names what is wrong and what would be right.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
