import ArgumentParser
import Foundation
import MetaformerGraph

@main
struct MetaformerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metaformer",
        abstract: "Finds defects in images, from a handful of good ones.",
        version: "metaformer \(engineVersion)",
        subcommands: [
            AdaptCommand.self, CalibrateCommand.self, ThresholdCommand.self, InspectCommand.self, EvaluateCommand.self,
            MetricsCommand.self,
            PriorCommand.self,
            TasksCommand.self, FeaturesCommand.self, MetaTrainCommand.self, InfoCommand.self, ExportCommand.self,
            KeygenCommand.self, SignCommand.self, VerifyCommand.self,
            DataCommand.self,
            SampleCommand.self,
            BenchCommand.self,
        ]
    )

    static func main() {
        do {
            let (arguments, remarks) = RetiredSpellings.updated(Array(CommandLine.arguments.dropFirst()))
            for remark in remarks { FileHandle.standardError.write(Data("metaformer: \(remark)\n".utf8)) }
            var command = try parseAsRoot(ThresholdCommand.takingNegativeValue(arguments))
            try command.run()
        } catch {
            CommandFailure(error).exit()
        }
    }
}
