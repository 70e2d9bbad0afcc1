import MetaformerInspection

/// A chart as SVG that stands in a page: colours come from the page's style, so that it is legible on screens of either kind and
/// on paper; lines differ by their dashes as well.
struct Chart {
    struct Series {
        var name: String
        var points: [(x: Double, y: Double)]
        /// Half the length of an error bar at each point; empty for none.
        var deviations: [Double] = []
        var hasMarkers = false
    }

    struct Bars {
        var name: String
        /// In the horizontal range, evenly spaced.
        var heights: [Double]
    }

    var title: String
    /// What a reader who does not see the chart is told.
    var description: String
    var xLabel: String
    var yLabel: String
    var xRange: ClosedRange<Double> = 0...1
    var yRange: ClosedRange<Double> = 0...1
    var xTicks: [(at: Double, text: String)] = Chart.unitTicks
    var yTicks: [(at: Double, text: String)] = Chart.unitTicks
    var series: [Series] = []
    var bars: [Bars] = []
    /// A vertical line with a name.
    var marks: [(at: Double, text: String)] = []

    static let unitTicks: [(at: Double, text: String)] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map {
        (at: $0, text: fixed($0, 1))
    }

    private static let (width, height) = (340.0, 250.0)
    private static let (left, right, top, bottom) = (48.0, 12.0, 12.0, 42.0)

    /// Three to seven round numbers in a range.
    static func ticks(_ range: ClosedRange<Double>) -> [(at: Double, text: String)] {
        let span = range.upperBound - range.lowerBound
        guard span > 0, span.isFinite else { return [] }
        var step = 1.0
        while step > span / 3 { step /= 10 }
        while step * 10 <= span / 3 { step *= 10 }
        step = [5.0, 2, 1].map { $0 * step }.first { span / $0 >= 3 } ?? step
        let digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : step >= 0.001 ? 3 : 4
        let first = (range.lowerBound / step - 1e-6).rounded(.up)
        let count = Int((range.upperBound / step + 1e-6).rounded(.down) - first) + 1
        return (0..<max(0, min(count, 20))).map { i in
            let at = (first + Double(i)) * step
            return (at, fixed(at, digits))
        }
    }

    private func x(_ value: Double) -> Double {
        let part = (value - xRange.lowerBound) / (xRange.upperBound - xRange.lowerBound)
        return Chart.left + max(0, min(1, part)) * (Chart.width - Chart.left - Chart.right)
    }

    private func y(_ value: Double) -> Double {
        let part = (value - yRange.lowerBound) / (yRange.upperBound - yRange.lowerBound)
        return Chart.height - Chart.bottom - max(0, min(1, part)) * (Chart.height - Chart.top - Chart.bottom)
    }

    private func place(_ value: Double) -> String { fixed(value, 1) }

    /// The class of a series: its colour and its dashes.
    private func style(_ index: Int) -> String { "s\(index % ReportAssets.seriesCount)" }

    /// The metric: the chart and, where there are several series, what their lines stand for.
    var html: String {
        """
        <figure class="chart"><svg viewBox="0 0 \(Int(Chart.width)) \(Int(Chart.height))" role="img" \
        aria-label="\(escaped(description))">
        \((axes + barShapes + lines + markLines).joined(separator: "\n"))
        </svg>\(legend)<figcaption>\(escaped(title))</figcaption></figure>
        """
    }

    private var axes: [String] {
        let (x0, x1) = (Chart.left, Chart.width - Chart.right)
        let (y0, y1) = (Chart.height - Chart.bottom, Chart.top)
        var parts: [String] = []
        for tick in yTicks {
            let at = place(y(tick.at))
            parts.append("<line class=\"grid\" x1=\"\(x0)\" x2=\"\(x1)\" y1=\"\(at)\" y2=\"\(at)\"/>")
            parts.append("<text class=\"tick end\" x=\"\(x0 - 6)\" y=\"\(place(y(tick.at) + 4))\">\(tick.text)</text>")
        }
        for tick in xTicks {
            let at = place(x(tick.at))
            parts.append("<line class=\"axis\" x1=\"\(at)\" x2=\"\(at)\" y1=\"\(y0)\" y2=\"\(y0 + 4)\"/>")
            parts.append("<text class=\"tick middle\" x=\"\(at)\" y=\"\(y0 + 17)\">\(tick.text)</text>")
        }
        parts.append("<line class=\"axis\" x1=\"\(x0)\" x2=\"\(x1)\" y1=\"\(y0)\" y2=\"\(y0)\"/>")
        let (cx, cy) = ((x0 + x1) / 2, (y0 + y1) / 2)
        parts.append("<text class=\"label middle\" x=\"\(cx)\" y=\"\(Chart.height - 6)\">\(escaped(xLabel))</text>")
        parts.append(
            "<text class=\"label middle\" transform=\"translate(13 \(cy)) rotate(-90)\">\(escaped(yLabel))</text>")
        return parts
    }

    private var lines: [String] {
        series.enumerated().flatMap { index, line -> [String] in
            let path = line.points.map { "\(place(x($0.x))),\(place(y($0.y)))" }.joined(separator: " ")
            var parts = ["<polyline class=\"line \(style(index))\" points=\"\(path)\"/>"]
            for (point, deviation) in zip(line.points, line.deviations) where deviation > 0 {
                let (at, low, high) = (place(x(point.x)), place(y(point.y - deviation)), place(y(point.y + deviation)))
                parts.append(
                    "<line class=\"line solid \(style(index))\" x1=\"\(at)\" x2=\"\(at)\" y1=\"\(low)\" y2=\"\(high)\"/>"
                )
            }
            if line.hasMarkers {
                parts += line.points.map {
                    "<circle class=\"dot \(style(index))\" r=\"3\" cx=\"\(place(x($0.x)))\" cy=\"\(place(y($0.y)))\"/>"
                }
            }
            return parts
        }
    }

    private var barShapes: [String] {
        bars.enumerated().flatMap { index, bars -> [String] in
            let step = (xRange.upperBound - xRange.lowerBound) / Double(max(1, bars.heights.count))
            return bars.heights.enumerated().compactMap { i, height in
                guard height > 0 else { return nil }
                let (x0, x1) = (x(xRange.lowerBound + Double(i) * step), x(xRange.lowerBound + Double(i + 1) * step))
                let (y0, y1) = (y(yRange.lowerBound), y(height))
                return """
                    <rect class="bar \(style(index))" x="\(place(x0))" y="\(place(y1))" width="\(place(x1 - x0))" \
                    height="\(place(y0 - y1))"/>
                    """
            }
        }
    }

    private var markLines: [String] {
        marks.filter { xRange.contains($0.at) }.map { mark in
            let at = x(mark.at)
            let isLeft = at > Chart.width * 0.6
            return """
                <line class="mark" x1="\(place(at))" x2="\(place(at))" y1="\(Chart.top)" y2="\(Chart.height - Chart.bottom)"/>\
                <text class="tick \(isLeft ? "end" : "")" x="\(place(at + (isLeft ? -5 : 5)))" y="\(Chart.top + 10)">\
                \(escaped(mark.text))</text>
                """
        }
    }

    private var legend: String {
        let lines = series.enumerated().map { ($0.offset, $0.element.name, "line") }
        let blocks = bars.enumerated().map { ($0.offset, $0.element.name, "bar") }
        let all = lines + blocks
        guard all.count > 1 else { return "" }
        let items = all.map { index, name, kind in
            let shape =
                kind == "line"
                ? "<line class=\"line \(style(index))\" x1=\"0\" x2=\"26\" y1=\"6\" y2=\"6\"/>"
                : "<rect class=\"bar \(style(index))\" x=\"7\" y=\"0\" width=\"12\" height=\"12\"/>"
            return "<li><svg viewBox=\"0 0 26 12\" aria-hidden=\"true\">\(shape)</svg> \(escaped(name))</li>"
        }
        return "<ul class=\"legend\">\(items.joined())</ul>"
    }
}
