import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerInspection

/// What is to be evaluated.
public struct EvaluationPlan: Sendable {
    public var dataset: Dataset
    /// nil for all that the data set has.
    public var categories: [String]?
    public var methods: [Method]
    public var shots: [Shots] = [.all]
    public var seeds: [UInt64] = [0]
    public var proLimit = 0.3
    /// How every model is adapted, but for the seed, which is the unit's; tests run on its threads as well.
    public var adaptation = Model.AdaptationOptions()
    /// Bits in use of files of 16 bits a sample; nil for all.
    public var bits: Int?
    /// How the data were split, in words, where it was not the data set's own way.
    public var splitNote = ""

    public init(dataset: Dataset, methods: [Method]) {
        self.dataset = dataset
        self.methods = methods
    }

    var chosenCategories: [String] { categories ?? dataset.categories }

    /// The files of all images that are adapted to or tested.
    public var urls: [URL] { chosenCategories.flatMap { training($0) + test($0) }.map(\.url) }

    /// All units, category by category. With all images only what a seed still decides differs: all seeds are run.
    public var units: [EvaluationUnit] {
        chosenCategories.flatMap { category in
            methods.flatMap { method in
                shots.sorted().flatMap { shots in
                    seeds.map { EvaluationUnit(method: method.name, category: category, shots: shots, seed: $0) }
                }
            }
        }
    }

    /// Those for training, else good ones that are not for testing.
    func training(_ category: String) -> [DatasetItem] {
        let good = dataset.items.filter { $0.category == category && $0.label == .good }
        let training = good.filter { $0.split == .train }
        return training.isEmpty ? good.filter { $0.split == .unassigned } : training
    }

    func test(_ category: String) -> [DatasetItem] {
        dataset.items.filter { $0.category == category && $0.split == .test && $0.label != .unlabelled }
    }

    /// Throws where something makes the whole run senseless, before any work is done.
    func validate() throws {
        guard !methods.isEmpty, !shots.isEmpty, !seeds.isEmpty else {
            throw EvaluationError("nothing to evaluate: name a model, a number of shots and a seed at least")
        }
        var names: Set<String> = []
        if let twice = methods.first(where: { !names.insert($0.name).inserted }) {
            throw EvaluationError("two methods are called \(twice.name); evaluate them one after the other")
        }
        for category in chosenCategories {
            guard dataset.categories.contains(category) else {
                let known = dataset.categories.joined(separator: ", ")
                throw EvaluationError("\(category): no category of the data set; it has \(known)")
            }
            let test = test(category)
            guard test.contains(where: { $0.label.isDefect }), test.contains(where: { !$0.label.isDefect }) else {
                throw EvaluationError(
                    "\(category): the test images must hold good and defective ones; for a data set without a split "
                        + "name a list of training images, or groups")
            }
            let training = training(category).count
            guard training > 0 else { throw EvaluationError("\(category): no good images to adapt to") }
            if let most = shots.compactMap({ if case .count(let count) = $0 { count } else { nil } }).max(),
                most > training
            {
                throw EvaluationError("\(category): \(most) shots, but only \(training) good images for training")
            }
        }
    }

    /// A digest of all that the results of a unit depend on, beside the unit itself: `contents` gives what the contents of files
    /// are known by.
    func provenance(of method: Method, category: String, contents: (URL) -> String) -> String {
        let line = { (item: DatasetItem) in
            ([dataset.relativePath(of: item.url), item.label.name] + ([item.url] + item.maskURLs).map(contents))
                .joined(separator: " ")
        }
        let training = training(category).map(line)
        let test = test(category).map(line)
        let text =
            [method.identity, adaptation.identity, "\(proLimit)", bits.map { "\($0) bits" }]
            .compactMap { $0 }.joined(separator: "|")
            + "\n" + training.joined(separator: "\n") + "\n\n" + test.joined(separator: "\n")
        return Digest(of: Array(text.utf8)).text
    }
}

extension Model.AdaptationOptions {
    /// All that an adapted model depends on, for a digest: threads change nothing of it, and the seed is the unit's.
    fileprivate var identity: String {
        let ofModel = "\(epochs ?? 0)|\(batch ?? 0)|\(learningRate ?? 0)" + (framing.map { "|\($0.rawValue)" } ?? "")
        let others = named.sorted { $0.key < $1.key }.map { "|\($0.key)=\($0.value)" }.joined()
        return "\(ofModel)|\(flips)|\(shift)|\(falseAlarmRate)\(others)"
    }
}
