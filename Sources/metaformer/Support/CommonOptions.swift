import ArgumentParser
import Foundation
import MetaformerInspection

/// The options that every command takes.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Threads to use; 0: one for every core.", valueName: "n"))
    var threads = 0

    @Option(help: ArgumentHelp("Fixes every random choice: the same seed gives the same result.", valueName: "n"))
    var seed: UInt64 = 0

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "Print results and errors only: no progress, no remarks.")
    var quiet = false

    func validate() throws {
        guard (0...1024).contains(threads) else {
            throw ValidationError("--threads is \(threads); give 0 (one for every core) to 1024.")
        }
    }

    /// Refuses an empty path, which the system would take for the current folder; scripts with an unset variable give one.
    static func requirePath(_ path: String, named name: String) throws {
        guard !path.isEmpty else { throw ValidationError("\(name) is empty; name a path.") }
    }

    /// Prints a result as JSON.
    func printJSON(_ value: some Encodable) throws {
        StandardOutput.print(try JSONText.of(value), terminator: "")
    }

    /// Says on standard error what the user should know whatever else is printed.
    func warn(_ text: String) {
        FileHandle.standardError.write(Data("metaformer: warning: \(text)\n".utf8))
    }

    /// Prints a remark that is no result.
    func remark(_ text: String) {
        if !quiet && !json { StandardOutput.print(text) }
    }

    /// Says on standard error what should be looked at, and ends nothing.
    func note(_ text: String) {
        if !quiet { FileHandle.standardError.write(Data("metaformer: \(text)\n".utf8)) }
    }
}
