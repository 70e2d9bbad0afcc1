import ArgumentParser
import MetaformerInspection

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

    @Option(help: ArgumentHelp("The share of good products that the threshold may reject.", valueName: "x"))
    var falseAlarmRate = Model.AdaptationOptions().falseAlarmRate

    @Option(
        help: ArgumentHelp(
            """
            Any other option of adaptation that is a number, by its name in the C struct mf_adapt_options, such as \
            cache_bytes=1e8; it may be given several times.
            """, valueName: "name=x"))
    var option: [NamedNumber] = []

    /// All that adaptation depends on beside the images.
    func options(_ common: CommonOptions) -> Model.AdaptationOptions {
        var options = Model.AdaptationOptions()
        options.threads = common.threads
        options.epochs = epochs
        options.batch = batch
        options.learningRate = learningRate
        options.seed = common.seed
        options.flips = flips
        options.shift = shift
        options.falseAlarmRate = falseAlarmRate
        options.framing = framing
        options.named = Dictionary(option.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        return options
    }

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
        try requireFalseAlarmRate(falseAlarmRate)
    }
}

func requireFalseAlarmRate(_ rate: Float) throws {
    guard rate > 0, rate <= 0.5 else {
        throw ValidationError("--false-alarm-rate is \(rate); give a number above 0, at most 0.5.")
    }
}

/// A number with a name: "shift=3".
struct NamedNumber: ExpressibleByArgument {
    let name: String
    let value: Double

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let value = Double(parts[1]), value.isFinite else { return nil }
        (self.name, self.value) = (String(parts[0]), value)
    }
}

extension Framing: ExpressibleByArgument {}
