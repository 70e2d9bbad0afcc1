import Foundation
import MetaformerData
import MetaformerInspection
import MetaformerModels

/// How far a run is.
public struct EvaluationProgress: Sendable {
    public let unit: EvaluationUnit
    /// Units that are finished, of how many.
    public let finished: Int
    public let total: Int
    /// What is being done, and how much of it.
    public let stage: String
    public let done: Int
    public let stageTotal: Int
}

/// Adapts and tests all units of a plan, one after the other, each on all threads.
///
/// The folder receives `units.jsonl`, a line for every unit that is finished; a run that was interrupted goes on with the first
/// unit that has none. For the first seed of the largest number of shots of each method it also receives anomaly maps at the
/// images' own size (`maps/<unit>/<category>/test/<kind>/<image>.tiff`) and the images of the report's gallery.
public struct EvaluationRun {
    public let plan: EvaluationPlan
    public let folder: URL
    /// Whether maps are written.
    public var writesMaps = true

    /// - Throws: where the plan makes no sense.
    public init(_ plan: EvaluationPlan, folder: URL) throws {
        try plan.validate()
        self.plan = plan
        self.folder = folder
    }

    /// Runs what is not finished yet; `progress` returns whether to go on. Returns the results of all units, in the plan's order.
    public func run(progress: (EvaluationProgress) -> Bool = { _ in true }) throws -> [UnitResult] {
        var store = try UnitStore(folder: folder)
        var contents = FileChecksums(folder: folder)
        let units = plan.units
        var results: [UnitResult] = []
        for method in plan.methods {
            for category in plan.chosenCategories {
                let provenance = plan.provenance(of: method, category: category) { contents.checksum(of: $0) }
                contents.save()
                for unit in units where unit.method == method.name && unit.category == category {
                    let finished = results.count
                    if let known = store.result(of: unit, provenance: provenance) {
                        results.append(known)
                        continue
                    }
                    let result = try measure(unit, method, provenance) { stage, done, total in
                        progress(
                            EvaluationProgress(
                                unit: unit, finished: finished, total: units.count, stage: stage, done: done,
                                stageTotal: total))
                    }
                    try store.add(result)
                    results.append(result)
                }
            }
        }
        return results
    }

    /// Whether a unit is the one that its method and category are shown by.
    public func isFeatured(_ unit: EvaluationUnit) -> Bool { plan.isFeatured(unit) }

    private typealias StageProgress = (_ stage: String, _ done: Int, _ total: Int) -> Bool

    private func measure(
        _ unit: EvaluationUnit, _ method: Method, _ provenance: String, progress: StageProgress
    ) throws -> UnitResult {
        let training = try shots(unit)
        var unreadable: [UnreadableImage] = []
        let clock = ContinuousClock()
        let start = clock.now
        let (model, count) = try adapted(method, training, unit, &unreadable, progress)
        let adaptation = (clock.now - start) / .seconds(1)
        let inspector = try Inspector(model, threads: plan.adaptation.threads)
        let evaluation = try MapEvaluation(threads: plan.adaptation.threads)
        var items: [DatasetItem] = []
        var scores: [ImageScore] = []
        var (withoutMask, seconds, threshold) = (0, 0.0, Float.infinity)
        let all = plan.test(unit.category)
        for (index, item) in all.enumerated() {
            try proceed(progress("testing", index, all.count))
            let map: FloatMap
            let inspection: Inspection
            do {
                let image = try Image(contentsOf: item.url, bits: plan.bits)
                inspection = try inspector.inspect(Frame(image, of: item.url.relativePath), wantsMap: true)
                map = FloatMap(width: image.width, height: image.height, values: inspection.map)
            } catch {
                unreadable.append(UnreadableImage(error, item.url))
                continue
            }
            do {
                switch try item.truth(size: (map.width, map.height)) {
                case .good: try evaluation.add(map)
                case .defective(let mask): try evaluation.add(map, mask: mask)
                case .unknown: withoutMask += 1
                }
            } catch {
                // The image counts, its pixels do not.
                unreadable.append(UnreadableImage(error, item.maskURL ?? item.url))
                if item.label.isDefect { withoutMask += 1 }
            }
            if writesMaps && isFeatured(unit) { try write(map, of: item, unit) }
            seconds += inspection.seconds
            threshold = inspection.threshold
            items.append(item)
            scores.append(
                ImageScore(
                    path: plan.dataset.relativePath(of: item.url), label: item.label.name,
                    isDefective: item.label.isDefect, score: inspection.score))
        }
        let hasMasks = scores.count { $0.isDefective } > withoutMask
        var result = UnitResult(
            unit: unit, provenance: provenance, trainingCount: count,
            goodCount: scores.count { !$0.isDefective }, defectiveCount: scores.count { $0.isDefective },
            withoutMaskCount: withoutMask,
            images: try Classification(scores: scores.map(\.score), isDefective: scores.map(\.isDefective)),
            pixels: hasMasks ? try evaluation.measure(proLimit: plan.proLimit) : nil, proLimit: plan.proLimit,
            threshold: threshold, thresholdRule: model[setting: "threshold.rule"] ?? "the model's own",
            adaptationSeconds: adaptation, inspectionMilliseconds: 1000 * seconds / Double(max(1, items.count)),
            scores: scores, curve: hasMasks ? UnitResult.thinned(try evaluation.curve()) : [])
        if !unreadable.isEmpty { result.unreadable = unreadable.map(\.description) }
        if isFeatured(unit) {
            try Gallery(folder: folder).write(result, items: items, inspector: inspector, bits: plan.bits)
        }
        return result
    }

    /// The good images of a unit, drawn by its seed.
    private func shots(_ unit: EvaluationUnit) throws -> [DatasetItem] {
        let training = plan.training(unit.category)
        guard case .count(let count) = unit.shots else { return training }
        var generator = RandomGenerator(seed: unit.seed)
        return training.indices.shuffled(using: &generator).prefix(count).sorted().map { training[$0] }
    }

    private func adapted(
        _ method: Method, _ training: [DatasetItem], _ unit: EvaluationUnit, _ unreadable: inout [UnreadableImage],
        _ progress: StageProgress
    ) throws -> (model: Model, count: Int) {
        let (frames, count) = try usable(training, unit, &unreadable, progress)
        let isGrey = try frames.areGrey()
        var options = plan.adaptation
        options.seed = unit.seed
        do {
            let model = try method.adapted(
                to: frames, count: count, channels: isGrey ? 1 : 3, options: options, progress: progress)
            return (model, count)
        } catch  where !progress("stopping", 0, 1) {
            throw CancellationError()
        }
    }

    /// The frames for training that can be used, and how many they are.
    private func usable(
        _ training: [DatasetItem], _ unit: EvaluationUnit, _ unreadable: inout [UnreadableImage],
        _ progress: StageProgress
    ) throws -> (FrameFiles, count: Int) {
        let frames = FrameFiles(training.map(\.url), bits: plan.bits)
        var good: [URL] = []
        for (index, item) in training.enumerated() {
            try proceed(progress("reading", index, training.count))
            do {
                _ = try frames.frame(index)
                good.append(item.url)
            } catch {
                unreadable.append(UnreadableImage(error, item.url))
            }
        }
        if good.isEmpty, let first = unreadable.first {
            throw EvaluationError("\(unit.category): none of its good images can be used: \(first)")
        }
        return (good.count == training.count ? frames : FrameFiles(good, bits: plan.bits), good.count)
    }

    private func proceed(_ isWanted: Bool) throws { if !isWanted { throw CancellationError() } }

    private func write(_ map: FloatMap, of item: DatasetItem, _ unit: EvaluationUnit) throws {
        let file = folder.appendingPathComponent("maps/\(unit.folderName)/\(plan.dataset.mapPath(of: item))")
        try EvaluationError.making(file.deletingLastPathComponent())
        try map.write(tiff: file)
    }
}

extension EvaluationPlan {
    /// Whether a unit is the one that its method and category are shown by: the first seed of most shots.
    public func isFeatured(_ unit: EvaluationUnit) -> Bool { unit.shots == shots.max() && unit.seed == seeds.first }
}
