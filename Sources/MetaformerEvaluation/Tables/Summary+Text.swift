import MetaformerInspection

extension Statistic {
    /// "0.958", or with the deviation over the seeds "0.958 ± 0.004".
    func text(_ digits: Int = 3) -> String {
        fixed(mean, digits) + (deviation.map { " ± " + fixed($0, digits) } ?? "")
    }
}

extension Summary {
    /// The table of a terminal, within 80 columns, and what its figures leave out.
    public var text: String {
        var table = TextTable(
            names: 3, header: ["category", "method", "shots", "found", "alarms", "AUROC", "±", "pixels", "PRO", "ms"])
        for (category, method, shots) in rows {
            let mean = { (metric: Metric) in
                statistic(metric, method: method, shots: shots, category: category)
            }
            let percent = { (metric: Metric) in mean(metric).map { fixed($0.mean * 100, 0) + "%" } ?? "–" }
            table.rows.append([
                category ?? "mean", method, shots.description, percent(.detectionRate), percent(.falseAlarmRate),
                fixed(mean(.auroc)?.mean, 3), fixed(mean(.auroc)?.deviation, 3),
                fixed(mean(.pixelAUROC)?.mean, 3), fixed(mean(.pro)?.mean, 3), fixed(mean(.milliseconds)?.mean, 0),
            ])
        }
        return ([table.text] + notes).joined(separator: "\n")
    }

    /// What to use, and what was found with it, for files of text.
    var markdown: String {
        let figures: [(title: String, metric: Metric)] = [
            ("image AUROC", .auroc), ("pixel AUROC", .pixelAUROC), ("PRO", .pro),
        ]
        var table = TextTable(
            names: 3, header: ["category", "method", "shots", "found", "false alarms"] + figures.map(\.title))
        for (category, method, shots) in rows {
            let mean = { (metric: Metric) in
                statistic(metric, method: method, shots: shots, category: category)
            }
            let rates = [Metric.detectionRate, .falseAlarmRate].map { metric in
                mean(metric).map { fixed($0.mean * 100, 1) + " %" } ?? "–"
            }
            table.rows.append(
                [category ?? "mean", method, shots.description] + rates
                    + figures.map { mean($0.metric)?.text() ?? "–" })
        }
        return ([advice].compactMap { $0 } + notes + [table.markdown]).joined(separator: "\n\n") + "\n"
    }

    /// What figures leave out, a line a category.
    public var notes: [String] {
        categories.flatMap { category -> [String] in
            guard let result = results.last(where: { $0.unit.category == category }) else { return [] }
            var notes: [String] = []
            if result.withoutMaskCount > 0 {
                notes.append(
                    "\(category): \(result.withoutMaskCount) of \(result.defectiveCount) defective images have no usable mask; "
                        + "pixels and PRO leave them out")
            }
            let unreadable = Set(results.filter { $0.unit.category == category }.flatMap { $0.unreadable ?? [] })
            if !unreadable.isEmpty {
                notes.append("\(category): \(unreadable.count) files could not be used and are in no figure")
            }
            return notes
        }
    }

    /// What found most for its false alarms, over all categories: the configuration and the number of images to use.
    public var advice: String? {
        let best = rows.filter { $0.category == nil || categories.count == 1 }.compactMap { row -> (String, Double)? in
            let mean = { (metric: Metric) in
                statistic(metric, method: row.method, shots: row.shots, category: row.category)?.mean
            }
            guard let found = mean(.detectionRate), let alarms = mean(.falseAlarmRate), found.isFinite, alarms.isFinite
            else { return nil }
            let images =
                row.shots == .all
                ? "all good images" : "\(row.shots) good \(row.shots == .count(1) ? "image" : "images")"
            let text =
                "\(row.method) with \(images) finds \(fixed(found * 100, 1)) % of the defective images and rejects "
                + "\(fixed(alarms * 100, 1)) % of the good ones at its threshold"
            return (text, found - alarms)
        }
        // Of equals the first: the fewest images.
        guard let most = best.map(\.1).max(), let first = best.first(where: { $0.1 == most }) else { return nil }
        return (best.count > 1 ? "The best of \(best.count): " : "") + first.0 + "."
    }
}

extension MapSet {
    /// The table of a terminal, within 80 columns; of several categories with their mean.
    public static func table(_ results: [Result]) -> String {
        var table = TextTable(
            names: 1, header: ["category", "images", "AUROC", "AP", "F1", "pixels", "PRO", "regions"])
        func mean(_ value: (Result) -> Double?) -> Double? {
            let values = results.compactMap(value)
            return values.count == results.count ? values.reduce(0, +) / Double(values.count) : nil
        }
        table.rows = results.map { result in
            [result.category, "\(result.imageCount)"]
                + [result.images.auroc, result.images.averagePrecision, result.images.bestF1].map { fixed($0, 4) }
                + [result.pixels?.auroc, result.pixels?.pro].map { fixed($0, 4) } + [
                    "\(result.pixels?.regionCount ?? 0)"
                ]
        }
        if results.count > 1 {
            let figures = [
                mean { $0.images.auroc }, mean { $0.images.averagePrecision }, mean { $0.images.bestF1 },
                mean { $0.pixels?.auroc }, mean { $0.pixels?.pro },
            ]
            table.rows.append(["mean", ""] + figures.map { fixed($0, 4) } + [""])
        }
        return table.text
    }
}
