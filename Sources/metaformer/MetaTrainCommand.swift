import ArgumentParser
import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels
import MetaformerTraining

struct MetaTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meta-train",
        abstract: "Trains the universal model on meta-tasks.",
        discussion: """
            Learns parameters that adapt to a new product in a few steps, by MAML over the tasks of a file of tasks build. \
            The folder gets metrics.jsonl with a line a step, checkpoints, and beside each of them model.safetensors as it \
            then is, which adapt --model takes. A run that was stopped (by Ctrl-C, after its step) or killed goes on with --resume and the same options, and gives bit for \
            bit what it would have given.
            """
    )

    enum Preset: String, ExpressibleByArgument, CaseIterable { case standard, paper }

    @Option(
        help: """
            pixels: A and T of the paper, by MAML; or features: T over the features of --initial, a model of features build, \
            with tasks made of the photographs of --images.
            """)
    var target = ModelDescription.Target.pixels

    @Option(help: ArgumentHelp("The file of tasks.", valueName: "file"), completion: .file())
    var tasks: String?

    @Option(
        help: ArgumentHelp("The prior of prior train, or a model with one.", valueName: "file"), completion: .file())
    var prior: String?

    @Option(help: ArgumentHelp("The folder of the images, where it was moved.", valueName: "dir"))
    var images: String?

    @Option(
        help: ArgumentHelp(
            "A model to go on from, such as one of --mode joint; random parameters where left out.", valueName: "file"),
        completion: .file())
    var initial: String?

    @Option(help: "The parts of the model: A, A+P or A+P+T.")
    var configuration: Metaformer.Mode = .full

    @Option(help: "maml, fomaml (first order), or joint (no meta-learning).")
    var mode: LearningMode = .maml

    @Option(help: "standard, or paper: the published settings.")
    var preset: Preset = .standard

    @Option(help: ArgumentHelp("Rows and columns of the model's images, a multiple of 32.", valueName: "n"))
    var size = 256

    @Option(help: ArgumentHelp("1 for grey, 3 for colour.", valueName: "n"))
    var channels = 3

    @OptionGroup var transformer: TransformerOptions

    @Option(help: ArgumentHelp("Passes over all tasks.", valueName: "n"))
    var epochs: Int?

    @Option(help: ArgumentHelp("Epochs of first-order gradients at the start of maml.", valueName: "n"))
    var firstOrderEpochs: Int?

    @Option(help: ArgumentHelp("Tasks a step.", valueName: "n"))
    var tasksPerStep: Int?

    @Option(help: ArgumentHelp("Images that a task adapts to.", valueName: "n"))
    var support: Int?

    @Option(help: ArgumentHelp("Images that a task is evaluated by.", valueName: "n"))
    var query: Int?

    @Option(help: ArgumentHelp("Inner steps.", valueName: "n"))
    var innerSteps: Int?

    @Option(help: ArgumentHelp("Inner rate, for the loss summed over the support.", valueName: "x"))
    var innerRate: Float?

    @Flag(help: "Learn an inner rate for each step and parameter.")
    var learnRates = false

    @Option(help: ArgumentHelp("Outer rate of learning.", valueName: "x"))
    var rate: Float?

    @Option(help: ArgumentHelp("The share of tasks made of views of one image.", valueName: "x"))
    var oneImage: Float?

    @Option(help: ArgumentHelp("The share of queries to repair.", valueName: "x"))
    var repair: Float?

    @OptionGroup var features: FeatureTrainingOptions

    @OptionGroup var options: TrainingOptions

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let steps: Int
        let loss: Double?
        let validationAfter: Double?
        let seconds: Double
    }

    /// All that a run depends on; a resumed one must have the same.
    private struct RunSettings: Encodable {
        let training: MetaTrainingConfiguration
        let tasks: String
        let prior: String?
        let initial: String?
    }

    func validate() throws {
        guard target == .pixels else {
            guard initial != nil, images != nil else {
                throw ValidationError("--target features needs --initial, a model of features build, and --images.")
            }
            do {
                try features.settings(mode: mode, seed: common.seed, rate: rate, tasksPerStep: tasksPerStep).check()
            } catch {
                throw ValidationError("\(error)")
            }
            return
        }
        guard let tasks else { throw ValidationError("--target pixels needs --tasks, a file of tasks build.") }
        try CommonOptions.requirePath(tasks, named: "--tasks")
        guard size >= 32, size % 32 == 0, size <= 1024 else {
            throw ValidationError("--size is \(size); give a multiple of 32 up to 1024.")
        }
        guard channels == 1 || channels == 3 else { throw ValidationError("--channels is \(channels); give 1 or 3.") }
        if configuration != .autoencoder, prior == nil {
            throw ValidationError("\(configuration.rawValue) needs --prior; only A is trained without.")
        }
        try transformer.check(size: size)
        do { try settings().check() } catch { throw ValidationError("\(error)") }
    }

    func run() throws {
        let group = try ProcessGroup.join()
        let outcome = try target == .pixels ? train(group) : trainOverFeatures(group)
        group.finish()
        if group.isFirst { try options.endIfStopped(outcome, common) }
    }

    private func trainOverFeatures(_ group: ProcessGroup) throws -> TrainingOptions.Outcome {
        let (initial, images) = (initial ?? "", images ?? "")
        let settings = features.settings(mode: mode, seed: common.seed, rate: rate, tasksPerStep: tasksPerStep)
        let photographs = try Dataset(directory: URL(fileURLWithPath: images)).items.map(\.url)
        let made = try options.makeRun(
            FeatureTrainingOptions.RunSettings(
                training: settings, initial: digest(initial), photographs: photographs.count), group)
        let progress = ProgressBar(
            total: settings.episodes, label: "making tasks", quiet: common.quiet || common.json || !group.isFirst)
        let training = try FeatureMetaTraining(
            settings, model: TensorFile(path: initial), photographs: photographs,
            cache: options.folder.appendingPathComponent("tasks"), threads: common.threads, group: group
        ) {
            progress.advance()
            return true
        }
        progress.finish()
        let model = options.folder.appendingPathComponent("model.safetensors").path
        let outcome = try options.train(
            training, made, steps: settings.steps, label: "meta-training", common, group
        ) {
            try training.modelFile(origin: "T by meta-train, seed \(common.seed)").write(path: model)
        }
        guard group.isFirst else { return outcome }
        let (loss, validation) = (outcome.metrics["loss"], outcome.metrics["validation"])
        if common.json {
            try common.printJSON(
                Result(
                    model: model, steps: outcome.steps, loss: loss, validationAfter: validation,
                    seconds: outcome.seconds))
        }
        let text = validation.map { ", validation loss \($0.formatted(.number.precision(.significantDigits(4))))" }
        common.remark("\(model): \(outcome.steps) steps\(text ?? "")")
        return outcome
    }

    private func train(_ group: ProcessGroup) throws -> TrainingOptions.Outcome {
        let tasks = tasks ?? ""
        let taskSet = try TaskSet(contentsOf: URL(fileURLWithPath: tasks), directory: images)
        let frozen = try prior.map { try FrozenPrior(path: $0) }
        let made = try options.makeRun(
            RunSettings(
                training: settings(), tasks: try digest(tasks), prior: try prior.map(digest),
                initial: try initial.map(digest)),
            group)
        let training = try MetaTraining(
            settings(), tasks: taskSet, prior: frozen, cache: options.folder.appendingPathComponent("responses"),
            initial: initial, threads: common.threads, group: group)
        let model = options.folder.appendingPathComponent("model.safetensors").path
        let outcome = try options.train(training, made, steps: training.steps, label: "meta-training", common, group) {
            try training.modelFile(origin: "meta-train \(mode.rawValue), seed \(common.seed)").write(path: model)
        }
        guard group.isFirst else { return outcome }
        let validation = outcome.metrics["validation.best"]
        if common.json {
            try common.printJSON(
                Result(
                    model: model, steps: outcome.steps, loss: outcome.metrics["loss.query"],
                    validationAfter: validation, seconds: outcome.seconds))
        }
        let loss = validation.map { ", validation loss \($0.formatted(.number.precision(.significantDigits(4))))" }
        common.remark("\(model): \(outcome.steps) steps\(loss ?? "")")
        return outcome
    }

    /// What tells a file from another, for the settings of a run.
    private func digest(_ path: String) throws -> String { try Digest(contentsOf: URL(fileURLWithPath: path)).text }

    private func settings() -> MetaTrainingConfiguration {
        var architecture = Metaformer.Configuration(mode: configuration, imageSize: size, channels: channels)
        transformer.apply(to: &architecture.transformer)
        var settings: MetaTrainingConfiguration =
            preset == .paper
            ? .paper(architecture: architecture) : MetaTrainingConfiguration(architecture: architecture)
        settings.mode = mode
        settings.seed = common.seed
        if let epochs { settings.epochs = epochs }
        if let firstOrderEpochs { settings.firstOrderEpochs = firstOrderEpochs }
        if let tasksPerStep { settings.tasksPerStep = tasksPerStep }
        if let support { settings.supportSize = support }
        if let query { settings.querySize = query }
        if let innerSteps { settings.inner.steps = innerSteps }
        if let innerRate { settings.inner.rate = innerRate }
        settings.inner.learnsRates = learnRates
        if let rate { settings.outerRate.start = rate }
        if let oneImage { settings.oneImageShare = oneImage }
        if let repair { settings.repairShare = repair }
        return settings
    }
}

extension LearningMode: ExpressibleByArgument {}
extension ModelDescription.Target: ExpressibleByArgument {}

/// What meta-training over features has of its own.
struct FeatureTrainingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Tasks to make, of --target features.", valueName: "n"))
    var episodes = FeatureTrainingConfiguration().episodes

    @Option(help: ArgumentHelp("Steps, of --target features.", valueName: "n"))
    var steps = FeatureTrainingConfiguration().steps

    @Option(
        help: ArgumentHelp(
            "The bound of T's weight of the gap, of --target features: the power that it is taken to.", valueName: "x"))
    var bound = FeatureTrainingConfiguration().bound

    @Option(
        help: ArgumentHelp(
            "How much the views of a task vary, of --target features: 1 for shifts up to 6.5 % and angles up to 6.5°.",
            valueName: "x"))
    var variation = FeatureTrainingConfiguration().variation

    @Flag(help: "Give T the response of P beside the gaps, of --target features.")
    var response = false

    /// All that a run depends on; a resumed one must have the same.
    struct RunSettings: Encodable {
        let training: FeatureTrainingConfiguration
        let initial: String
        let photographs: Int
    }

    func settings(
        mode: LearningMode, seed: UInt64, rate: Float?, tasksPerStep: Int?
    ) -> FeatureTrainingConfiguration {
        var settings = FeatureTrainingConfiguration()
        settings.adaptsToTasks = mode != .joint
        settings.usesResponse = response
        settings.variation = variation
        settings.episodes = episodes
        settings.steps = steps
        settings.bound = bound
        settings.seed = seed
        if let rate { settings.rate = rate }
        if let tasksPerStep { settings.tasksPerStep = tasksPerStep }
        return settings
    }
}

/// The shape of the transformer T, where it is not the standard one.
struct TransformerOptions: ParsableArguments {
    enum Direction: String, ExpressibleByArgument, CaseIterable {
        case literal, reverse
    }

    @Option(
        help: """
            What T attends to: literal, from the reconstruction's patches to the response map's, as the paper words it; or \
            reverse.
            """)
    var direction: Direction = .literal

    @Flag(help: "Smooth the edges between T's patches by a 3 x 3 convolution.")
    var smoothPatches = false

    @Option(help: ArgumentHelp("Rows and columns of T's patches; they must divide --size.", valueName: "n"))
    var patch = Transformer.Configuration().patchSize

    @Option(help: ArgumentHelp("Width of T's tokens, a multiple of 8.", valueName: "n"))
    var width = Transformer.Configuration().width

    @Option(help: ArgumentHelp("Layers of T's encoder, and of its decoder.", valueName: "n"))
    var layers = Transformer.Configuration().encoderLayers

    func check(size: Int) throws {
        guard patch >= 2, size % patch == 0 else {
            throw ValidationError("--patch is \(patch); give a number from 2 that divides --size, \(size).")
        }
        let heads = Transformer.Configuration().heads
        guard width >= heads, width % heads == 0, width <= 4096 else {
            throw ValidationError("--width is \(width); give a multiple of \(heads) up to 4096.")
        }
        guard (1...32).contains(layers) else { throw ValidationError("--layers is \(layers); give 1 to 32.") }
    }

    func apply(to configuration: inout Transformer.Configuration) {
        configuration.direction = direction == .literal ? .responseToReconstruction : .reconstructionToResponse
        configuration.smoothsPatches = smoothPatches
        configuration.patchSize = patch
        configuration.width = width
        configuration.hiddenWidth = 4 * width
        configuration.encoderLayers = layers
        configuration.decoderLayers = layers
    }
}
