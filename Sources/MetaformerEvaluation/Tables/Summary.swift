/// The mean and the standard deviation of a figure over seeds.
public struct Statistic: Sendable, Equatable, Codable {
    public let mean: Double
    /// Of a sample (n − 1); nil for a single value.
    public let deviation: Double?
    public let count: Int

    /// nil for no values.
    public init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
        self.mean = mean
        deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
        count = values.count
    }
}

/// The figures that tables and charts show.
public enum Metric: String, Sendable, CaseIterable, Codable {
    case auroc, averagePrecision, bestF1, pixelAUROC, pro, detectionRate, falseAlarmRate, milliseconds

    func value(_ result: UnitResult) -> Double? {
        switch self {
        case .auroc: result.images.auroc
        case .averagePrecision: result.images.averagePrecision
        case .bestF1: result.images.bestF1
        case .pixelAUROC: result.pixels?.auroc
        case .pro: result.pixels?.pro
        case .detectionRate: result.detectionRate
        case .falseAlarmRate: result.falseAlarmRate
        case .milliseconds: result.inspectionMilliseconds
        }
    }
}

/// Results gathered over seeds and categories.
public struct Summary: Sendable {
    public let results: [UnitResult]
    /// In the order in which they first occur.
    public let methods: [String]
    public let categories: [String]
    /// Ascending.
    public let shots: [Shots]

    public init(_ results: [UnitResult]) {
        self.results = results
        func ordered(_ names: [String]) -> [String] {
            names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        }
        methods = ordered(results.map(\.unit.method))
        categories = ordered(results.map(\.unit.category))
        shots = Set(results.map(\.unit.shots)).sorted()
    }

    /// A figure over the seeds; of all categories together where none is given: for each seed their mean, as the paper's mAUC.
    /// nil where a category has no such figure.
    public func statistic(_ metric: Metric, method: String, shots: Shots, category: String? = nil) -> Statistic? {
        let chosen = results.filter {
            $0.unit.method == method && $0.unit.shots == shots && (category == nil || $0.unit.category == category)
        }
        let bySeed = Dictionary(grouping: chosen) { $0.unit.seed }
        let means = bySeed.sorted { $0.key < $1.key }.map { _, results -> Double? in
            let values = results.compactMap(metric.value)
            return values.count == results.count ? values.reduce(0, +) / Double(values.count) : nil
        }
        return means.contains { $0 == nil } ? nil : Statistic(means.compactMap { $0 })
    }

    /// Rows for people: each category by itself, then, where there are several, their mean.
    public var rows: [(category: String?, method: String, shots: Shots)] {
        let groups = categories.map(Optional.some) + (categories.count > 1 ? [nil] : [])
        return groups.flatMap { category in
            methods.flatMap { method in shots.map { (category, method, $0) } }
        }.filter { statistic(.auroc, method: $0.1, shots: $0.2, category: $0.0) != nil }
    }
}
