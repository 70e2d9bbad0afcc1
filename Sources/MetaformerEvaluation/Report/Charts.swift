import MetaformerInspection

/// The charts of the report, from results.
enum Charts {
    /// The mean image AUROC for k shots, as the paper's Figure 4.
    static func shots(_ summary: Summary) -> Chart {
        let places = Dictionary(
            uniqueKeysWithValues: summary.shots.enumerated().map { ($0.element, Double($0.offset)) })
        var low = 1.0
        var chart = Chart(
            title: "Mean image AUROC for k shots; bars: one standard deviation over the seeds", description: "",
            xLabel: "good images adapted to", yLabel: "mean image AUROC",
            xRange: -0.3...(Double(summary.shots.count - 1) + 0.3),
            xTicks: summary.shots.enumerated().map { (Double($0.offset), $0.element.description) })
        var told: [String] = []
        for (index, method) in summary.methods.enumerated() {
            // Side by side, so that error bars do not hide each other.
            let shift = 0.06 * (Double(index) - Double(summary.methods.count - 1) / 2)
            var line = Chart.Series(name: method, points: [], hasMarkers: true)
            for shots in summary.shots {
                guard let value = summary.statistic(.auroc, method: method, shots: shots), let at = places[shots] else {
                    continue
                }
                line.points.append((at + shift, value.mean))
                line.deviations.append(value.deviation ?? 0)
                low = min(low, value.mean - (value.deviation ?? 0))
                told.append("\(method), \(shots) shots: \(value.text())")
            }
            chart.series.append(line)
        }
        chart.yRange = max(0, (low * 10 - 0.2).rounded(.down) / 10)...1
        chart.yTicks = Chart.ticks(chart.yRange)
        chart.description = "Mean image AUROC. " + told.joined(separator: "; ")
        return chart
    }

    /// ROC curves of image scores.
    static func roc(_ results: [UnitResult]) -> Chart {
        Chart(
            title: "ROC of images",
            description: "ROC of images. "
                + results.map { "\($0.unit.method): AUROC \(fixed($0.images.auroc, 3))" }.joined(separator: "; "),
            xLabel: "false-positive rate", yLabel: "true-positive rate",
            series: results.map { result in
                Chart.Series(
                    name: "\(result.unit.method) \(fixed(result.images.auroc, 3))", points: rocPoints(result.scores))
            })
    }

    private static func rocPoints(_ scores: [ImageScore]) -> [(x: Double, y: Double)] {
        let good = Double(scores.count { !$0.isDefective })
        let defective = Double(scores.count) - good
        let groups = Dictionary(grouping: scores, by: \.score).sorted { $0.key > $1.key }
        var (x, y) = (0.0, 0.0)
        return [(0, 0)]
            + groups.map { _, group in
                let found = Double(group.count { $0.isDefective })
                x += (Double(group.count) - found) / good
                y += found / defective
                return (x, y)
            }
    }

    /// PRO curves up to the limit.
    static func pro(_ results: [UnitResult]) -> Chart? {
        let measured = results.filter { $0.pixels != nil && !$0.curve.isEmpty }
        guard let limit = measured.first?.proLimit else { return nil }
        return Chart(
            title: "PRO up to a false-positive rate of \(fixed(limit, 2))",
            description: "Curve of region overlap. "
                + measured.map { "\($0.unit.method): PRO \(fixed($0.pixels?.pro, 3))" }.joined(separator: "; "),
            xLabel: "false-positive rate of pixels", yLabel: "mean region overlap", xRange: 0...limit,
            xTicks: Chart.ticks(0...limit),
            series: measured.map { result in
                Chart.Series(
                    name: "\(result.unit.method) \(fixed(result.pixels?.pro, 3))", points: cut(result.curve, at: limit))
            })
    }

    /// The points up to a false-positive rate, and the one at it.
    private static func cut(_ curve: [[Double]], at limit: Double) -> [(x: Double, y: Double)] {
        var points: [(x: Double, y: Double)] = []
        for corner in curve {
            guard let last = points.last, corner[0] > limit else {
                points.append((corner[0], corner[2]))
                continue
            }
            let part = (limit - last.x) / (corner[0] - last.x)
            points.append((limit, last.y + (corner[2] - last.y) * part))
            break
        }
        return points
    }

    /// Histograms of the scores of good and of defective images, with the threshold.
    static func histogram(_ result: UnitResult) -> Chart {
        let scores = result.scores.map { Double($0.score) }
        let threshold = Double(result.threshold)
        let all = threshold.isFinite ? scores + [threshold] : scores
        let (low, high) = (all.min() ?? 0, all.max() ?? 1)
        let range = low...max(high, low + max(abs(low) * 1e-3, 1e-9))
        let binCount = 24
        func share(_ isDefective: Bool) -> [Double] {
            var counts = [Double](repeating: 0, count: binCount)
            let chosen = result.scores.filter { $0.isDefective == isDefective }
            for score in chosen {
                let part = (Double(score.score) - range.lowerBound) / (range.upperBound - range.lowerBound)
                counts[max(0, min(binCount - 1, Int(part * Double(binCount))))] += 1 / Double(chosen.count)
            }
            return counts
        }
        let bars = [
            Chart.Bars(name: "good (\(result.goodCount))", heights: share(false)),
            Chart.Bars(name: "defective (\(result.defectiveCount))", heights: share(true)),
        ]
        let top = max(0.1, bars.flatMap(\.heights).max() ?? 1) * 1.15
        return Chart(
            title: "Scores of \(result.unit.method)",
            description: "Histogram of scores. At the threshold \(result.threshold), "
                + "\(fixed(result.detectionRate * 100, 1)) % of the defective and "
                + "\(fixed(result.falseAlarmRate * 100, 1)) % of the good images are called defective.",
            xLabel: "score", yLabel: "share of its kind", xRange: range, yRange: 0...top, xTicks: Chart.ticks(range),
            yTicks: Chart.ticks(0...top), bars: bars, marks: [(threshold, "threshold")])
    }
}
