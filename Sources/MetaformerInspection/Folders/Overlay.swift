import MetaformerData
import MetaformerModels

/// What an inspection found, drawn over the image for people: the image in its own colours, red where the map exceeds the
/// threshold, contours of regions, and below it the verdict and the score on a scale of the threshold.
///
/// A good image has a faint contour where it is least like the others.
struct Overlay {
    /// Larger images are drawn at a whole fraction of their size, smaller ones at a multiple.
    static let longestSide = 1600
    static let shortestSide = 256

    private var canvas: Canvas
    /// Pixels of the image a side of one pixel drawn, or pixels drawn a side of one of the image.
    private let shrink: Int
    private let grow: Int
    private let columns: Int
    private let rows: Int

    /// - Parameter values: the map at the size of the reduced image.
    init(of reduced: ReducedImage, values: [Float], _ row: InspectionResults.Row) {
        let image = reduced.image
        shrink = reduced.shrink
        grow = max(1, (Overlay.shortestSide + max(image.width, image.height) - 1) / max(image.width, image.height))
        columns = image.width * grow
        rows = image.height * grow
        let scale = max(1, min(6, max(columns, rows) / 360))
        let banner = Banner(row, scale: scale)
        canvas = Canvas(width: max(columns, banner.width), height: rows + banner.height)
        draw(image)
        let threshold = row.threshold ?? .infinity
        if threshold > 0, threshold.isFinite { tint(values, threshold: threshold) }
        contours(values, threshold: threshold, isReported: row.isReported, thickness: scale)
        for region in row.regions where row.isReported { frame(region, thickness: scale) }
        banner.draw(on: &canvas, top: rows)
    }

    var image: Image { Image(width: canvas.width, height: canvas.height, channels: 3, bytes: canvas.pixels) }

    private mutating func draw(_ image: Image) {
        let (grow, columns, rows, width, channels) = (grow, columns, rows, canvas.width, image.channels)
        canvas.pixels.withUnsafeMutableBufferPointer { pixels in
            image.bytes.withUnsafeBufferPointer { bytes in
                for y in 0..<rows {
                    let line = y / grow * image.width
                    for x in 0..<columns {
                        let source = (line + x / grow) * channels
                        let target = (y * width + x) * 3
                        for channel in 0..<3 {
                            pixels[target + channel] = bytes[source + (channels == 3 ? channel : 0)]
                        }
                    }
                }
            }
        }
    }

    /// Yellow towards the threshold, red from it on.
    private mutating func tint(_ values: [Float], threshold: Float) {
        let (grow, width) = (grow, canvas.width)
        let across = columns / grow
        for y in 0..<rows {
            for x in 0..<columns {
                let value = values[y / grow * across + x / grow] / threshold
                guard value > 0.75 else { continue }
                let near = min(1, (value - 0.75) * 4)
                let strength = 0.5 * near
                let color: [Float] = [255, value >= 1 ? 40 : 210, 30]
                let index = (y * width + x) * 3
                for channel in 0..<3 {
                    let old = Float(canvas.pixels[index + channel])
                    canvas.pixels[index + channel] = UInt8(max(0, min(255, old + (color[channel] - old) * strength)))
                }
            }
        }
    }

    /// Lines around what is above the threshold, and faint ones around the highest where nothing is.
    private mutating func contours(_ values: [Float], threshold: Float, isReported: Bool, thickness: Int) {
        guard let most = values.max(), most > 0, most.isFinite else { return }
        let isAbove = most > threshold
        let level = isAbove ? threshold : 0.8 * most
        let across = columns / grow
        let down = rows / grow
        let color: (UInt8, UInt8, UInt8) = isAbove ? (255, 255, 255) : (255, 200, 0)
        for y in 0..<rows {
            for x in 0..<columns {
                let (i, j) = (x / grow, y / grow)
                guard values[j * across + i] > level else { continue }
                let isEdge =
                    (i == 0 || values[j * across + i - 1] <= level || i + 1 == across
                        || values[j * across + i + 1] <= level
                        || j == 0 || values[(j - 1) * across + i] <= level || j + 1 == down
                        || values[(j + 1) * across + i] <= level)
                guard isEdge else { continue }
                if isAbove { canvas.set(x, y, color) } else { canvas.mix(x, y, color, 0.6) }
            }
        }
    }

    private mutating func frame(_ region: Inspection.Region, thickness: Int) {
        let (left, top) = (region.x * grow / shrink, region.y * grow / shrink)
        let right = (region.x + region.width) * grow / shrink
        let bottom = (region.y + region.height) * grow / shrink
        let white: (UInt8, UInt8, UInt8) = (255, 255, 255)
        for line in 1...max(1, thickness) {
            for x in (left - line)...max(left - line, right - 1 + line) {
                if top - line < rows { canvas.set(x, top - line, white) }
                if bottom - 1 + line < rows { canvas.set(x, bottom - 1 + line, white) }
            }
            for y in (top - line)...max(top - line, bottom - 1 + line) where y < rows {
                canvas.set(left - line, y, white)
                canvas.set(right - 1 + line, y, white)
            }
        }
    }
}

/// The lines below an overlay: verdict, score, and where the score lies between nothing and twice the threshold.
private struct Banner {
    private let verdict: String
    private let detail: String
    private let color: (UInt8, UInt8, UInt8)
    /// The score over the threshold, 0 to 2; nil where there is no such scale.
    private let place: Float?
    private let scale: Int

    init(_ row: InspectionResults.Row, scale: Int) {
        self.scale = scale
        verdict = row.verdict.rawValue.uppercased()
        let (score, threshold) = (row.score ?? 0, row.threshold ?? 0)
        detail = "SCORE \(Banner.figure(score)) / \(Banner.figure(threshold))"
        place = threshold > 0 && threshold.isFinite && score.isFinite ? max(0, min(2, score / threshold)) : nil
        switch row.verdict {
        case .good: color = (40, 160, 80)
        case .unlike: color = (120, 70, 190)
        default: color = (200, 40, 40)
        }
    }

    private static func figure(_ value: Float) -> String {
        value.isFinite ? fixed(Double(value), abs(value) < 10 ? 2 : 1).uppercased() : "-"
    }

    private var margin: Int { 4 * scale }
    private var textWidth: Int { max(verdict.count, detail.count) * Glyphs.advance * scale }
    var width: Int { textWidth + 2 * margin }
    var height: Int { 34 * scale }

    func draw(on canvas: inout Canvas, top: Int) {
        canvas.fill(0, top, canvas.width, height, (24, 27, 31))
        canvas.fill(0, top, canvas.width, scale, color)
        canvas.write(verdict, margin, top + 4 * scale, scale, color)
        canvas.write(detail, margin, top + 14 * scale, scale, (230, 234, 238))
        guard let place else { return }
        // Nothing to twice the threshold, which is in the middle.
        let length = canvas.width - 2 * margin
        let bar = top + 25 * scale
        canvas.fill(margin, bar, length, 5 * scale, (70, 76, 84))
        canvas.fill(margin, bar, Int(Float(length) * place / 2), 5 * scale, color)
        canvas.fill(margin + length / 2, bar - scale, max(1, scale), 7 * scale, (255, 255, 255))
    }
}

/// Pixels in red, green and blue to draw on.
struct Canvas {
    let width: Int
    let height: Int
    var pixels: [UInt8]

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        pixels = [UInt8](repeating: 24, count: width * height * 3)
    }

    mutating func set(_ x: Int, _ y: Int, _ color: (UInt8, UInt8, UInt8)) {
        guard x >= 0, y >= 0, x < width, y < height else { return }
        let index = (y * width + x) * 3
        (pixels[index], pixels[index + 1], pixels[index + 2]) = color
    }

    mutating func mix(_ x: Int, _ y: Int, _ color: (UInt8, UInt8, UInt8), _ strength: Float) {
        guard x >= 0, y >= 0, x < width, y < height else { return }
        let index = (y * width + x) * 3
        for (channel, value) in [color.0, color.1, color.2].enumerated() {
            let old = Float(pixels[index + channel])
            pixels[index + channel] = UInt8(max(0, min(255, old + (Float(value) - old) * strength)))
        }
    }

    mutating func fill(_ x: Int, _ y: Int, _ columns: Int, _ rows: Int, _ color: (UInt8, UInt8, UInt8)) {
        for row in y..<max(y, y + rows) { for column in x..<max(x, x + columns) { set(column, row, color) } }
    }

    mutating func write(_ text: String, _ x: Int, _ y: Int, _ scale: Int, _ color: (UInt8, UInt8, UInt8)) {
        for (place, letter) in text.enumerated() {
            for (line, bits) in Glyphs.rows(of: letter).enumerated() {
                for column in 0..<5 where bits & (16 >> UInt8(column)) != 0 {
                    let left = x + (place * Glyphs.advance + column) * scale
                    fill(left, y + line * scale, scale, scale, color)
                }
            }
        }
    }
}

/// Letters of 5 x 7 pixels.
enum Glyphs {
    static let advance = 6

    static func rows(of letter: Character) -> [UInt8] { shapes[letter] ?? [] }

    private static let shapes: [Character: [UInt8]] = [
        "A": [14, 17, 17, 31, 17, 17, 17], "B": [30, 17, 17, 30, 17, 17, 30], "C": [14, 17, 16, 16, 16, 17, 14],
        "D": [30, 17, 17, 17, 17, 17, 30], "E": [31, 16, 16, 30, 16, 16, 31], "F": [31, 16, 16, 30, 16, 16, 16],
        "G": [14, 17, 16, 23, 17, 17, 15], "H": [17, 17, 17, 31, 17, 17, 17], "I": [14, 4, 4, 4, 4, 4, 14],
        "J": [7, 2, 2, 2, 2, 18, 12], "K": [17, 18, 20, 24, 20, 18, 17], "L": [16, 16, 16, 16, 16, 16, 31],
        "M": [17, 27, 21, 21, 17, 17, 17], "N": [17, 25, 21, 19, 17, 17, 17], "O": [14, 17, 17, 17, 17, 17, 14],
        "P": [30, 17, 17, 30, 16, 16, 16], "Q": [14, 17, 17, 17, 21, 18, 13], "R": [30, 17, 17, 30, 20, 18, 17],
        "S": [15, 16, 16, 14, 1, 1, 30], "T": [31, 4, 4, 4, 4, 4, 4], "U": [17, 17, 17, 17, 17, 17, 14],
        "V": [17, 17, 17, 17, 17, 10, 4], "W": [17, 17, 17, 21, 21, 27, 17], "X": [17, 17, 10, 4, 10, 17, 17],
        "Y": [17, 17, 10, 4, 4, 4, 4], "Z": [31, 1, 2, 4, 8, 16, 31], "0": [14, 17, 19, 21, 25, 17, 14],
        "1": [4, 12, 4, 4, 4, 4, 14], "2": [14, 17, 1, 6, 8, 16, 31], "3": [30, 1, 1, 14, 1, 1, 30],
        "4": [2, 6, 10, 18, 31, 2, 2], "5": [31, 16, 30, 1, 1, 17, 14], "6": [6, 8, 16, 30, 17, 17, 14],
        "7": [31, 1, 2, 4, 8, 8, 8], "8": [14, 17, 17, 14, 17, 17, 14], "9": [14, 17, 17, 15, 1, 2, 12],
        ".": [0, 0, 0, 0, 0, 12, 12], "/": [1, 1, 2, 4, 8, 16, 16], "-": [0, 0, 0, 14, 0, 0, 0],
    ]
}
