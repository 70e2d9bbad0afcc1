import ArgumentParser

@main
struct Metaformer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metaformer",
        abstract: "Inspects images for defects, taught from a handful of good pictures.",
        subcommands: []
    )
}
