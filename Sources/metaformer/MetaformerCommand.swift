import ArgumentParser
import Foundation

@main
struct MetaformerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metaformer",
        abstract: "Inspects images for defects, taught from a handful of good pictures.",
        subcommands: [
            AdaptCommand.self, CalibrateCommand.self, ThresholdCommand.self, InspectCommand.self, EvaluateCommand.self,
            MetricsCommand.self,
            PriorCommand.self,
            TasksCommand.self, FeaturesCommand.self, MetaTrainCommand.self, InfoCommand.self, ExportCommand.self,
            DataCommand.self,
            SampleCommand.self,
            BenchCommand.self,
        ]
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
