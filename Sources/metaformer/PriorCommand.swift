import ArgumentParser
import Foundation
import MetaformerData
import MetaformerModels
import MetaformerTraining

struct PriorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prior",
        abstract: "Trains and evaluates the instance prior, which says where the object is.",
        subcommands: [Train.self, Evaluate.self, Render.self]
    )

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case compact, paper

        var training: PriorTrainingConfiguration { self == .paper ? .paper : .compact }
        /// The paper's 200 epochs of 4,061 effect photos in batches of 64.
        var steps: Int { self == .paper ? 12_690 : 1_200 }
    }

    struct Train: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "train",
            abstract: "Trains the instance prior as the generator of a visual-effect GAN.",
            discussion: """
                Photos without the effect and images with it need not be pairs. Those with it are photos that carry it \
                (--effect-images), or composed by foreground masks (--masks), or, without either, by masks that are \
                found by a heuristic from the colours of each photo (--heuristic). The folder gets metrics.jsonl, checkpoints, from which --resume goes on (for more \
                --steps, too), and beside each of them the prior as it then is, prior.safetensors.
                """
        )

        @Option(help: ArgumentHelp("The folder of photos.", valueName: "dir"), completion: .directory)
        var images: String

        @Option(help: "selective-colour, black or blur.")
        var effect: VisualEffect = .selectiveColour

        @Option(help: ArgumentHelp("A folder of photos that carry the effect.", valueName: "dir"))
        var effectImages: String?

        @Option(help: ArgumentHelp("A folder of foreground masks, named like their photos.", valueName: "dir"))
        var masks: String?

        @Option(
            help: ArgumentHelp(
                "Where neither masks nor effect photos are given, the foreground is what has colours of the middle that the "
                    + "border lacks (centre-surround), or the commonest hue (dominant-hue).", valueName: "rule"))
        var heuristic: ForegroundHeuristic?

        @Option(help: ArgumentHelp("Keep so many photos with masks back, to evaluate by.", valueName: "n"))
        var holdOut = 0

        @Option(help: "compact, for inspection PCs, or paper.")
        var preset: Preset = .compact

        @Option(help: ArgumentHelp("Steps of the generator.", valueName: "n"))
        var steps: Int?

        @Option(help: ArgumentHelp("Photos a step.", valueName: "n"))
        var batch: Int?

        @Option(help: ArgumentHelp("Steps of the discriminator to one of the generator.", valueName: "n"))
        var criticSteps: Int?

        @Option(help: ArgumentHelp("Rate of learning.", valueName: "x"))
        var rate: Float?

        @Option(
            help: ArgumentHelp(
                "Weight of the response's squared error against the masks, given or found by a heuristic; 0 leaves the domains "
                    + "unpaired, as in the paper.", valueName: "x"))
        var pairedWeight: Float?

        @OptionGroup var options: TrainingOptions

        @OptionGroup var common: CommonOptions

        private struct RunSettings: Encodable {
            let training: PriorTrainingConfiguration
            let domain: String
            let photos: Int
            let heldOut: [String]
        }

        private struct Result: Encodable {
            let prior: String
            let steps: Int
            let domain: String
            let photos: Int
            let heldOut: Int
            let distance: Double?
            let responseMean: Double?
            let seconds: Double
        }

        func validate() throws {
            try CommonOptions.requirePath(images, named: "--images")
            if masks != nil, effectImages != nil { throw ValidationError("give --masks or --effect-images, not both.") }
            if heuristic != nil, masks != nil || effectImages != nil {
                throw ValidationError("--heuristic is for photos alone: leave out --masks and --effect-images.")
            }
            if holdOut < 0 || (holdOut > 0 && masks == nil) {
                throw ValidationError("--hold-out keeps photos with masks back: give --masks and a number from 0.")
            }
            for (name, value) in [("--steps", steps), ("--batch", batch), ("--critic-steps", criticSteps)] {
                if let value, value < 1 { throw ValidationError("\(name) is \(value); give at least 1.") }
            }
            if let rate, !(rate > 0 && rate < 1) {
                throw ValidationError("--rate is \(rate); give a number between 0 and 1.")
            }
            if let pairedWeight {
                guard pairedWeight >= 0, pairedWeight.isFinite else {
                    throw ValidationError("--paired-weight is \(pairedWeight); give a number from 0.")
                }
                if pairedWeight > 0, effectImages != nil {
                    throw ValidationError(
                        "--paired-weight compares responses with masks, which --effect-images do not have.")
                }
            }
        }

        func run() throws {
            let all = try MaskedPhotos(images: images, masks: masks)
            let (photos, held) = holdOut > 0 ? try all.holdingOut(holdOut, seed: common.seed) : (all, [])
            let (domain, name) = try domain(photos)
            let heldNames = held.map(\.lastPathComponent)
            let made = try options.makeRun(
                RunSettings(training: settings(), domain: name, photos: photos.photos.count, heldOut: heldNames))
            if !held.isEmpty {
                let list = Data((heldNames.joined(separator: "\n") + "\n").utf8)
                try AtomicFile.write(list, to: options.folder.appendingPathComponent("held-out.txt"))
            }
            let training = try PriorTraining(
                settings(), inputs: photos.photos, domain: domain, threads: common.threads)
            let file = options.folder.appendingPathComponent("prior.safetensors").path
            let outcome = try options.train(training, made, steps: steps ?? preset.steps, label: "prior", common) {
                try training.prior.file().write(path: file)
            }
            if common.json {
                try common.printJSON(
                    Result(
                        prior: file, steps: outcome.steps, domain: name, photos: photos.photos.count,
                        heldOut: held.count, distance: outcome.metrics["critic.distance"],
                        responseMean: outcome.metrics["response.mean"], seconds: outcome.seconds))
            }
            common.remark("\(file): \(outcome.steps) steps on \(photos.photos.count) photos, effect by \(name)")
            try options.endIfStopped(outcome, common)
        }

        private func domain(_ photos: MaskedPhotos) throws -> (EffectDomain, String) {
            if let effectImages {
                return (.photos(try MaskedPhotos(images: effectImages, masks: nil).photos), "effect photos")
            }
            guard masks == nil else { return (.masks(photos.pairs), "masks") }
            let rule = heuristic ?? .centreSurround
            return (.byHeuristic(photos.photos, rule), "\(rule.rawValue) colours")
        }

        private func settings() -> PriorTrainingConfiguration {
            var settings = preset.training
            settings.effect = effect
            settings.seed = common.seed
            if let batch { settings.batch = batch }
            if let criticSteps { settings.criticSteps = criticSteps }
            if let rate { settings.rate.start = rate }
            if let pairedWeight { settings.pairedWeight = pairedWeight }
            return settings
        }
    }

    struct Evaluate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "evaluate",
            abstract: "Compares response maps with foreground masks.",
            discussion: """
                A map is foreground where it is at least twice its mean. Beside the prior stand two maps that look at \
                nothing: a Gaussian in the middle, and foreground everywhere.
                """
        )

        @Option(help: ArgumentHelp("The prior, or a model with one.", valueName: "file"), completion: .file())
        var prior: String

        @Option(help: ArgumentHelp("The folder of photos.", valueName: "dir"), completion: .directory)
        var images: String

        @Option(help: ArgumentHelp("The folder of their masks.", valueName: "dir"), completion: .directory)
        var masks: String

        @Option(help: ArgumentHelp("A text file that names the photos to evaluate by, one a line.", valueName: "file"))
        var list: String?

        @OptionGroup var common: CommonOptions

        func run() throws {
            let names = try list.map(MaskedPhotos.names)
            let photos = try MaskedPhotos(images: images, masks: masks, names: names)
            let frozen = try FrozenPrior(path: prior)
            let progress = ProgressBar(
                total: photos.pairs.count, label: "judging", quiet: common.quiet || common.json)
            let report = try PriorReport(frozen, pairs: photos.pairs, threads: common.threads) { progress.advance() }
            progress.finish()
            if common.json { return try common.printJSON(report) }
            StandardOutput.print("\(report.images) photos           IoU    F-measure")
            let rows = [
                ("prior", report.prior), ("centred Gaussian", report.gaussian), ("everything", report.constant),
            ]
            for (name, agreement) in rows {
                let format = FloatingPointFormatStyle<Double>.number.precision(.fractionLength(3))
                let label = name + String(repeating: " ", count: 20 - name.count)
                StandardOutput.print(
                    "\(label) \(agreement.iou.formatted(format))    \(agreement.fMeasure.formatted(format))")
            }
        }
    }

    struct Render: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "render",
            abstract: "Shows photos, their response maps and the effect in one image."
        )

        @Option(help: ArgumentHelp("The prior, or a model with one.", valueName: "file"), completion: .file())
        var prior: String

        @Option(help: ArgumentHelp("The folder of photos.", valueName: "dir"), completion: .directory)
        var images: String

        @Option(help: ArgumentHelp("The PNG file to write.", valueName: "file"), completion: .file())
        var output: String

        @Option(help: ArgumentHelp("A text file that names the photos, one a line.", valueName: "file"))
        var list: String?

        @Option(help: ArgumentHelp("How many photos, drawn at random.", valueName: "n"))
        var count = 12

        @Option(help: "selective-colour, black or blur.")
        var effect: VisualEffect = .selectiveColour

        @OptionGroup var common: CommonOptions

        func validate() throws {
            guard (1...200).contains(count) else { throw ValidationError("--count is \(count); give 1 to 200.") }
        }

        func run() throws {
            try requireFolder(of: output)
            let photos = try MaskedPhotos(images: images, masks: nil, names: list.map(MaskedPhotos.names)).photos
            var generator = RandomGenerator(seed: common.seed)
            let chosen = photos.shuffled(using: &generator).prefix(count)
            let sheet = try ContactSheet.responses(
                of: FrozenPrior(path: prior), to: Array(chosen), effect: effect, threads: common.threads)
            try sheet.image?.write(png: URL(fileURLWithPath: output))
            if common.json { try common.printJSON(["photos": chosen.count]) }
            common.remark("\(output): \(chosen.count) photos")
        }
    }
}

extension VisualEffect: ExpressibleByArgument {}

extension ForegroundHeuristic: ExpressibleByArgument {}
