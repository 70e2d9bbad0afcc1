import ArgumentParser
import MetaformerInspection

struct ThresholdCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "threshold",
        abstract: "Gives an adapted model another threshold.",
        discussion: "To set it by further images instead, see calibrate."
    )

    @Option(help: ArgumentHelp("The model file that adapt wrote.", valueName: "file"), completion: .file())
    var model: String

    @Argument(help: ArgumentHelp("The score above which an image is defective.", valueName: "value"))
    var value: Float

    @Option(
        help: ArgumentHelp("The model file to write; that of --model where left out.", valueName: "file"),
        completion: .file())
    var output: String?

    /// The arguments with a negative value last, where it cannot be taken for an option.
    static func takingNegativeValue(_ arguments: [String]) -> [String] {
        guard arguments.first == configuration.commandName, !arguments.contains("--"),
            let index = arguments.indices.dropFirst().first(where: {
                arguments[$0].hasPrefix("-") && Float(arguments[$0]) != nil && !arguments[$0 - 1].hasPrefix("--")
            })
        else { return arguments }
        var arguments = arguments
        let value = arguments.remove(at: index)
        return arguments + ["--", value]
    }

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let before: Float
        let threshold: Float
    }

    func validate() throws {
        try CommonOptions.requirePath(model, named: "--model")
        if let output { try CommonOptions.requirePath(output, named: "--output") }
        guard value.isFinite else { throw ValidationError("<value> is \(value); give a finite number.") }
    }

    func run() throws {
        let output = output ?? self.model
        try requireFolder(of: output)
        let model = try Model(path: self.model)
        guard let before = model[setting: "threshold"].flatMap(Float.init) else {
            throw CommandError("\(self.model): knows no product yet: adapt it to good images first")
        }
        try model.withThreshold(value).save(path: output)
        if common.json { try common.printJSON(Result(model: output, before: before, threshold: value)) }
        common.remark("\(output): threshold \(value), before \(before)")
    }
}
