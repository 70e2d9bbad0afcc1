import Foundation

/// What commands print as results. All of it is written, or the command fails: a full disk is no success.
enum StandardOutput {
    static func print(_ value: some CustomStringConvertible, terminator: String = "\n") {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data((value.description + terminator).utf8))
        } catch {
            CommandFailure(CommandError("standard output cannot be written: is the disk full?")).exit()
        }
    }
}
