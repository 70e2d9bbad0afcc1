import Foundation

/// What a file of a data set is used for. Every file that is found has exactly one use.
public enum ImageUse: Hashable, Sendable {
    case adapted
    case testedGood
    case testedDefective(kind: String)
    case unlabelled
    case mask
    case leftOut(reason: String)

    /// For tables.
    public var title: String {
        switch self {
        case .adapted: "adapted to"
        case .testedGood: "tested: good"
        case .testedDefective(let kind): "tested: \(kind)"
        case .unlabelled: "unlabelled"
        case .mask: "masks"
        case .leftOut: "left out"
        }
    }
}

extension Dataset {
    /// The good images that a model is adapted to: those for training where the layout tells, else all that are known to be
    /// good. None of those for validation or testing, and none of which nothing is known.
    public func adaptationItems(category: String? = nil) -> [DatasetItem] {
        let good = items.filter { $0.label == .good && (category == nil || $0.category == category) }
        let training = good.filter { $0.split == .train }
        return training.isEmpty ? good.filter { $0.split == .unassigned } : training
    }

    /// What is inspected where nothing else is said: the part for testing, else what is not for training or validation, else
    /// everything.
    public var inspectionItems: [DatasetItem] {
        let test = items.filter { $0.split == .test }
        guard test.isEmpty else { return test }
        let rest = items.filter { $0.split == .unassigned }
        return rest.isEmpty ? items : rest
    }

    /// The use of every file that was found, in the order in which tables show them.
    public var uses: [(use: ImageUse, files: [URL])] {
        let adapted = Set(Set(categories).flatMap { adaptationItems(category: $0) }.map(\.url))
        var uses: [ImageUse: [URL]] = [:]
        for item in items { uses[use(of: item, isAdapted: adapted.contains(item.url)), default: []].append(item.url) }
        let masks = Set(items.flatMap(\.maskURLs) + goodMasks)
        if !masks.isEmpty { uses[.mask] = masks.sorted { $0.path < $1.path } }
        if !strayMasks.isEmpty { uses[.leftOut(reason: "a mask that belongs to no image"), default: []] += strayMasks }
        for file in leftOut { uses[.leftOut(reason: file.reason), default: []].append(file.url) }
        return uses.map { (use: $0.key, files: $0.value) }.sorted { Dataset.order($0.use) < Dataset.order($1.use) }
    }

    private func use(of item: DatasetItem, isAdapted: Bool) -> ImageUse {
        if isAdapted { return .adapted }
        switch (item.label, item.split) {
        case (.unlabelled, _): return .unlabelled
        case (.good, .test): return .testedGood
        case (.good, .validation): return .leftOut(reason: "good, kept for validation")
        case (.good, _): return .leftOut(reason: "good, but not in the part for training")
        case (.defect, .train), (.defect, .validation):
            return .leftOut(reason: "defective, in the part for training or validation")
        case (.defect(let kind), _): return .testedDefective(kind: kind)
        }
    }

    private static func order(_ use: ImageUse) -> (Int, String) {
        switch use {
        case .adapted: (0, "")
        case .testedGood: (1, "")
        case .testedDefective(let kind): (2, kind)
        case .unlabelled: (3, "")
        case .mask: (4, "")
        case .leftOut(let reason): (5, reason)
        }
    }
}
