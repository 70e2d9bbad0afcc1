import ArgumentParser
import Foundation
import MetaformerData
import MetaformerEvaluation
import MetaformerModels

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures models on a data set: tables, maps and a report.",
        discussion: """
            Teaches every category from its good pictures, tests it, and writes results.csv, scores.csv, results.json, tables.md \
            (in the shape of the paper's tables, its figures beside ours), report.html, and anomaly maps in MVTec's layout for \
            submissions. An interrupted run goes on where it stopped when it is started again with the same folder.
            """
    )

    @Option(
        help: ArgumentHelp(
            "A model file, or scratch:A, scratch:A+P or scratch:A+P+T; may be given several times.", valueName: "file"))
    var model: [ModelSource] = []

    @Option(
        help: ArgumentHelp(
            "Only the model files of these configurations, such as A,A+P,A+P+T.", valueName: "list"))
    var configuration: String?

    @Option(
        help: ArgumentHelp(
            "Baselines: the autoencoders l2-ae and ssim-ae, from scratch; and 1-nn and gaussian, on features of a frozen "
                + "network.", valueName: "list"))
    var baselines: String?

    @Option(
        help: ArgumentHelp(
            "Weights of ResNet18 or EfficientNet-Lite0, for 1-nn and gaussian, as scripts/convert-weights.py writes them.",
            valueName: "file"), completion: .file())
    var weights: String?

    @OptionGroup var data: DatasetOptions

    @Option(help: ArgumentHelp("Good pictures to teach from, such as 1,2,4,8,16,all.", valueName: "list"))
    var shots = "all"

    @Option(help: ArgumentHelp("Seeds to repeat everything with: --seed and those that follow it.", valueName: "n"))
    var seeds = 1

    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @OptionGroup var teaching: TeachingOptions

    @Option(help: ArgumentHelp("The highest false-positive rate of PRO.", valueName: "x"))
    var proLimit = 0.3

    @Flag(help: "Write no anomaly maps.")
    var noMaps = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        try CommonOptions.requirePath(output, named: "--output")
        try requireProLimit(proLimit)
        _ = try shotList()
        _ = try baselineList()
        guard !model.isEmpty || baselines != nil else { throw ValidationError("give --model or --baselines.") }
        guard (1...1000).contains(seeds) else { throw ValidationError("--seeds is \(seeds); give 1 to 1000.") }
    }

    func run() throws {
        let (dataset, split) = try data.open(seed: common.seed)
        var plan = EvaluationPlan(dataset: dataset, candidates: try candidates())
        if !data.category.isEmpty { plan.categories = data.category }
        plan.shots = try shotList()
        plan.seeds = (0..<UInt64(seeds)).map { common.seed &+ $0 }
        plan.proLimit = proLimit
        plan.flips = teaching.flips
        plan.shift = teaching.shift
        plan.threads = common.threads
        plan.splitNote = split
        let folder = URL(fileURLWithPath: output)
        var run = try EvaluationRun(plan, folder: folder)
        run.writesMaps = !noMaps
        try prepare(folder)
        let results = try evaluated(run)
        let command = CommandLine.arguments.map(quoted).joined(separator: " ")
        let files = ResultFiles(
            results, plan: plan, provenance: Provenance(plan, version: engineVersion, command: command))
        try files.write(to: folder)
        if common.json { print(try files.json, terminator: "") } else { print(files.summary.text) }
        common.remark("\(output): report.html, tables.md, results.csv, scores.csv, results.json")
    }

    // MARK: What to evaluate

    private func candidates() throws -> [Candidate] {
        var candidates = try model.map { source in
            switch source {
            case .file(let path): try Candidate(file: path)
            case .scratch(let mode, let size): Candidate.scratch(mode, prior: size.configuration)
            }
        }
        if let configuration {
            let wanted = configuration.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            if let missing = wanted.first(where: { name in !candidates.contains { $0.name == name } }) {
                let there = candidates.map(\.name).joined(separator: ", ")
                throw CommandError("--configuration: no model given is of configuration \(missing); there are \(there)")
            }
            candidates = candidates.filter { wanted.contains($0.name) }
        }
        candidates += try baselineList()
        return candidates.map { candidate in
            var candidate = candidate
            candidate.epochs = teaching.epochs
            candidate.batch = teaching.batch ?? candidate.batch
            candidate.learningRate = teaching.learningRate ?? candidate.learningRate
            candidate.framing = teaching.framing
            return candidate
        }
    }

    private func baselineList() throws -> [Candidate] {
        try (baselines ?? "").split(separator: ",").map { name in
            switch name.trimmingCharacters(in: .whitespaces).lowercased() {
            case "l2-ae": .squaredErrorAutoencoder
            case "ssim-ae": .similarityAutoencoder
            case "1-nn": try features(.nearestNeighbour)
            case "gaussian": try features(.gaussian)
            default:
                throw ValidationError(
                    "--baselines: \(name) is none; there are l2-ae, ssim-ae, 1-nn and gaussian.")
            }
        }
    }

    private func features(_ kind: FeatureDetector.Kind) throws -> Candidate {
        guard let weights else {
            throw ValidationError("--baselines \(kind.rawValue.lowercased()) needs the --weights of a feature network.")
        }
        return try .features(kind, weights: weights)
    }

    private func shotList() throws -> [Shots] {
        let list = try shots.split(separator: ",").map { text in
            guard let shots = Shots(text.trimmingCharacters(in: .whitespaces)) else {
                throw ValidationError("--shots: \(text) is no number of pictures; give numbers from 1, or all.")
            }
            return shots
        }
        guard !list.isEmpty else { throw ValidationError("--shots is empty; give numbers from 1, or all.") }
        return Array(Set(list)).sorted()
    }

    // MARK: Running

    /// Makes the folder, unless it holds what is no evaluation.
    private func prepare(_ folder: URL) throws {
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: output, isDirectory: &isDirectory) {
            guard isDirectory.boolValue else { throw CommandError("\(output): is a file; name a folder to write") }
            let contents = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
            guard contents.isEmpty || contents.contains("units.jsonl") || contents.contains("maps") else {
                throw CommandError("\(output): holds other files; name a new or an empty folder")
            }
        }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw CommandError("\(output): cannot be made: \(error.localizedDescription)")
        }
    }

    private func evaluated(_ run: EvaluationRun) throws -> [UnitResult] {
        var shown: (label: String, bar: ProgressBar)?
        defer { shown?.bar.finish() }
        return try run.run { step in
            let label = "\(step.finished + 1)/\(step.total) \(step.stage)"
            if shown?.label != label {
                shown?.bar.finish()
                let bar = ProgressBar(total: step.stageTotal, label: label, quiet: common.quiet || common.json)
                shown = (label, bar)
            }
            shown?.bar.advance()
            return true
        }
    }

    private func quoted(_ argument: String) -> String {
        argument.contains { " \"'$\\".contains($0) } ? "'" + argument.replacing("'", with: "'\\''") + "'" : argument
    }
}
