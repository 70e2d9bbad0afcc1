import ArgumentParser
import Foundation

@main
struct Metaformer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metaformer",
        abstract: "Inspects images for defects, taught from a handful of good pictures.",
        subcommands: [SampleCommand.self, DataCommand.self]
    )

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            CommandFailure(error).exit()
        }
    }
}
