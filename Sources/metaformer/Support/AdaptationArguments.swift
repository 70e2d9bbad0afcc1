import ArgumentParser
import MetaformerModels

/// How a model is adapted: the options of every command that adapts models.
struct AdaptationArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Passes over the images; the model's own where left out.", valueName: "n"))
    var epochs: Int?

    @Option(help: ArgumentHelp("Images a step; the model's own where left out.", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp("Rate of learning; the model's own where left out.", valueName: "x"))
    var learningRate: Float?

    @Option(
        help: """
            adam or sgd; the model's own where left out. sgd follows the gradient of the summed loss: with --epochs 1 and all \
            images as one batch it is the single step of the paper's Eq. 6.
            """)
    var optimizer: OptimizerChoice?

    @Flag(help: "A mirrored product is still a good one: show it mirrored as well.")
    var flips = false

    @Option(
        help: ArgumentHelp("Show the images shifted by up to so many pixels of the model's input.", valueName: "n"))
    var shift = 0

    @Option(
        help: ArgumentHelp(
            """
            How images of any size come to the model: stretch, letterbox (their aspect is kept) or tile (at their own scale, in \
            overlapping tiles); the model's own where left out.
            """, valueName: "how"))
    var framing: Framing?

    func validate() throws {
        if let epochs, !(1...1_000_000).contains(epochs) {
            throw ValidationError("--epochs is \(epochs); give 1 to 1000000.")
        }
        if let batch, !(1...1_000_000).contains(batch) {
            throw ValidationError("--batch is \(batch); give 1 to 1000000.")
        }
        if let learningRate, !(learningRate > 0 && learningRate < 1) {
            throw ValidationError("--learning-rate is \(learningRate); give a number between 0 and 1.")
        }
        if shift < 0 { throw ValidationError("--shift is \(shift); give 0 or more.") }
    }
}

extension Framing: ExpressibleByArgument {}
