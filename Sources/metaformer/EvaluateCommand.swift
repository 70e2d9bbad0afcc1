import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerGraph
import MetaformerModels

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures models on a data set: tables, maps and a report.",
        discussion: """
            Adapts every category from its good images, tests it, and writes results.csv, scores.csv, results.json, tables.md, \
            report.html, and anomaly maps in MVTec's layout for submissions. What is found and falsely rejected at the threshold \
            comes first, and with how many images; tables in the shape of the paper's follow where the data are the paper's, or \
            configurations of its model are compared. An interrupted run goes on where it stopped when it is started again with the same folder.
            """
    )

    @Option(
        help: ArgumentHelp(
            "A model file, paper, \(ModelSource.scratchNames); may be given several times; the universal model where "
                + "neither this nor --baselines alone is given.", valueName: "file"))
    var model: [ModelSource] = []

    @Option(
        help: ArgumentHelp(
            "Evaluate each model file in these configurations, such as A,A+P,A+P+T; in its own where left out.",
            valueName: "list"))
    var configuration: String?

    @Option(
        help: ArgumentHelp(
            "Evaluate each model file for images of these sizes, such as 256,384,512; in its own where left out.",
            valueName: "list"))
    var sizes: String?

    @Option(
        help: ArgumentHelp(
            "Give scratch:A+P and scratch:A+P+T the learned prior of this file: of prior train, or a model with one.",
            valueName: "file"), completion: .file())
    var prior: String?

    @Option(
        help: ArgumentHelp(
            "Baselines: the autoencoders l2-ae and ssim-ae, from scratch; and 1-nn and gaussian, on features of a frozen "
                + "network.", valueName: "list"))
    var baselines: String?

    @Option(
        help: ArgumentHelp(
            "Weights of ResNet18 or EfficientNet-Lite0 for 1-nn and gaussian, as scripts/convert-weights.py writes them; the "
                + "universal model's network where left out.",
            valueName: "file"), completion: .file())
    var weights: String?

    @OptionGroup var data: DatasetOptions

    @Option(help: ArgumentHelp("Good images to adapt to, such as 1,2,4,8,16,all.", valueName: "list"))
    var shots = "all"

    @Option(help: ArgumentHelp("Seeds to repeat everything with: --seed and those that follow it.", valueName: "n"))
    var seeds = 1

    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @OptionGroup var adaptation: AdaptationArguments

    @Option(help: ArgumentHelp("The highest false-positive rate of PRO.", valueName: "x"))
    var proLimit = 0.3

    @Flag(help: "Write no anomaly maps.")
    var noMaps = false

    @OptionGroup var depth: DepthOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        try CommonOptions.requirePath(output, named: "--output")
        try requireProLimit(proLimit)
        _ = try shotList()
        _ = try baselineList()
        _ = try modeList()
        _ = try sizeList()
        if configuration != nil, !sources.contains(where: \.isFile) {
            throw ValidationError("--configuration takes parts of model files; give --model a file.")
        }
        if prior != nil, !model.contains(where: \.takesPrior) {
            throw ValidationError("--prior goes with --model scratch:A+P and scratch:A+P+T only.")
        }
        guard (1...1000).contains(seeds) else { throw ValidationError("--seeds is \(seeds); give 1 to 1000.") }
    }

    func run() throws {
        let (dataset, split) = try data.open(seed: common.seed)
        var plan = EvaluationPlan(dataset: dataset, methods: try methods())
        if !data.category.isEmpty { plan.categories = data.category }
        plan.shots = try shotList()
        plan.seeds = (0..<UInt64(seeds)).map { common.seed &+ $0 }
        plan.proLimit = proLimit
        plan.adaptation = adaptation.options(common)
        plan.bits = try depth.resolve(for: plan.urls, common)
        plan.splitNote = split
        var run = try EvaluationRun(plan, folder: URL(fileURLWithPath: output))
        run.writesMaps = !noMaps
        let folder = try EvaluationFolder(path: output)
        defer { withExtendedLifetime(folder) {} }
        let results = try evaluated(run)
        let command = CommandLine.arguments.map(quoted).joined(separator: " ")
        let files = ResultFiles(
            results, plan: plan, provenance: Provenance(plan, version: engineVersion, command: command))
        try files.write(to: folder.url)
        if common.json {
            StandardOutput.print(try files.json, terminator: "")
        } else {
            StandardOutput.print(files.summary.text)
        }
        common.remark("\(output): report.html, tables.md, results.csv, scores.csv, results.json")
        let unreadable = Set(results.flatMap { $0.unreadable ?? [] })
        try UnreadableFiles(unreadable.sorted()).report()
    }

    // MARK: What to evaluate

    private var sources: [ModelSource] {
        model.isEmpty && (baselines == nil || configuration != nil) ? [.shipped(.universal)] : model
    }

    private func methods() throws -> [Method] {
        let (modes, sizes, learned) = (try modeList(), try sizeList(), try prior.map { try FrozenPrior(path: $0) })
        let files = try sources.compactMap { source in
            switch source {
            case .shipped(let model): try model.path()
            case .file(let path): path
            case .scratch: nil
            }
        }
        var methods = try files.flatMap { path in
            try modes.flatMap { mode in
                var method = try Method(file: path, mode: mode)
                method.name = folder(of: path, among: files) + method.name
                return try sizes.map { try $0.map(method.resized) ?? method }
            }
        }
        for case .scratch(let mode, let size) in sources {
            methods.append(
                .scratch(
                    mode, prior: size.configuration, trained: mode == .autoencoder ? nil : learned,
                    priorOrigin: try prior.map { "\($0), \(try Digest(contentsOf: URL(fileURLWithPath: $0)).text)" }
                        ?? ""))
        }
        if let optimizer = adaptation.optimizer { methods = methods.map { $0.updated(by: optimizer.optimizer) } }
        return methods + (try baselineList())
    }

    /// The folder of a file that has the name of another, to tell them apart.
    private func folder(of path: String, among paths: [String]) -> String {
        let url = URL(fileURLWithPath: path)
        let isAlone = paths.count { URL(fileURLWithPath: $0).lastPathComponent == url.lastPathComponent } == 1
        return isAlone ? "" : url.deletingLastPathComponent().lastPathComponent + "/"
    }

    /// nil stands for a file's own configuration.
    private func modeList() throws -> [Metaformer.Mode?] {
        guard let configuration else { return [nil] }
        let names = configuration.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        guard !names.isEmpty else { throw ValidationError("--configuration is empty; give A, A+P or A+P+T.") }
        return try names.map { name in
            guard let mode = Metaformer.Mode(rawValue: name) else {
                throw ValidationError("--configuration: \(name) is none; there are A, A+P and A+P+T.")
            }
            return mode
        }
    }

    /// nil stands for a file's own size.
    private func sizeList() throws -> [Int?] {
        guard let sizes else { return [nil] }
        guard !sources.contains(where: { !$0.isFile }) else {
            throw ValidationError("--sizes goes with the universal model, or files made of it.")
        }
        return try sizes.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let size = Int(text.trimmingCharacters(in: .whitespaces)) else {
                throw ValidationError("--sizes: '\(text)' is no size; give numbers such as 256,384,512.")
            }
            return size
        }
    }

    private func baselineList() throws -> [Method] {
        try (baselines ?? "").split(separator: ",").map { text in
            let name = text.trimmingCharacters(in: .whitespaces).lowercased()
            switch name {
            case "1-nn": return try features(.nearestNeighbour)
            case "gaussian": return try features(.gaussian)
            case "l2-ae": return .squaredErrorAutoencoder
            case "ssim-ae": return .similarityAutoencoder
            default:
                throw ValidationError(
                    "--baselines: \(name) is none; there are l2-ae, ssim-ae, 1-nn and gaussian.")
            }
        }
    }

    private func features(_ kind: FeatureDetector.Kind) throws -> Method {
        try .features(kind, weights: weights ?? UniversalModel.universal.path())
    }

    private func shotList() throws -> [Shots] {
        let list = try shots.split(separator: ",").map { text in
            guard let shots = Shots(text.trimmingCharacters(in: .whitespaces)) else {
                throw ValidationError("--shots: \(text) is no number of images; give numbers from 1, or all.")
            }
            return shots
        }
        guard !list.isEmpty else { throw ValidationError("--shots is empty; give numbers from 1, or all.") }
        return Array(Set(list)).sorted()
    }

    // MARK: Running

    private func evaluated(_ run: EvaluationRun) throws -> [UnitResult] {
        var progress = StagedProgress(quiet: common.quiet || common.json)
        defer { progress.finish() }
        let interruption = Interruption()
        do {
            return try run.run { step in
                progress.advance("\(step.finished + 1)/\(step.total) \(step.stage)", total: step.stageTotal)
                return !interruption.isAsked
            }
        } catch is CancellationError {
            progress.finish()
            common.note("stopped; what is finished is kept in \(output), and the same command goes on from there")
            throw ExitCode(130)
        }
    }

    private func quoted(_ argument: String) -> String {
        argument.contains { " \"'$\\".contains($0) } ? "'" + argument.replacing("'", with: "'\\''") + "'" : argument
    }
}
