import Foundation
import MetaformerData
import MetaformerInspection
import MetaformerModels

/// Images of the report, as in the paper's Figure 5: what the model saw, its response map, its reconstruction, the anomaly map,
/// and the truth, at half of the model's size.
struct Gallery {
    /// What is shown of one test image. Files lie beside the index.
    struct Entry: Codable, Equatable {
        struct Panel: Codable, Equatable {
            let title: String
            let file: String
        }
        let score: ImageScore
        let isWrong: Bool
        let panels: [Panel]
    }

    /// Images a unit: enough to see how a method fails, few enough for a page.
    static let maximumCount = 24
    private static let indexName = "index.json"
    /// A tiled image is shown whole; R and the reconstruction, which are those of one tile, are not.
    static let tiledTitle = "image, tiled"

    private let root: URL

    init(folder: URL) { root = folder.appendingPathComponent("gallery") }

    /// The scores to show: failures first, the worst first; then the clearest of each kind, then those near the threshold.
    static func selection(_ result: UnitResult) -> [ImageScore] {
        let margin = { (score: ImageScore) in abs(score.score - result.threshold) }
        let wrong = result.scores.filter(result.isWrong).sorted { margin($0) > margin($1) }
        let right = result.scores.filter { !result.isWrong($0) }.sorted { margin($0) > margin($1) }
        var chosen = Array(wrong.prefix(maximumCount * 2 / 3))
        chosen += right.filter { $0.isDefective }.prefix(maximumCount / 6)
        chosen += right.filter { !$0.isDefective }.prefix(maximumCount / 6)
        let rest = right.reversed().filter { !chosen.contains($0) }
        return chosen + rest.prefix(max(0, min(maximumCount, result.scores.count) - chosen.count))
    }

    /// Inspects the selected images again and writes their panels.
    /// `bits` are those in use of files of 16 bits a sample; nil for all.
    func write(_ result: UnitResult, items: [DatasetItem], inspector: Inspector, bits: Int? = nil) throws {
        let folder = root.appendingPathComponent(result.unit.folderName)
        try EvaluationError.making(folder)
        let chosen = Set(Gallery.selection(result).map(\.path))
        var entries: [String: Entry] = [:]
        for (item, score) in zip(items, result.scores) where chosen.contains(score.path) {
            let panels = try panels(item, inspector, bits: bits, threshold: result.threshold)
            var written: [Entry.Panel] = []
            for (title, image) in panels {
                let file = "\(entries.count)-\(written.count).png"
                try image.write(png: folder.appendingPathComponent(file))
                written.append(Entry.Panel(title: title, file: file))
            }
            entries[score.path] = Entry(score: score, isWrong: result.isWrong(score), panels: written)
        }
        let ordered = Gallery.selection(result).compactMap { entries[$0.path] }
        try AtomicFile.write(JSONEncoder().encode(ordered), to: folder.appendingPathComponent(Gallery.indexName))
    }

    /// What was written for a unit, with the bytes of the panels; empty where there is nothing.
    func read(_ unit: EvaluationUnit) -> [(entry: Entry, panels: [Data])] {
        let folder = root.appendingPathComponent(unit.folderName)
        guard let index = try? Data(contentsOf: folder.appendingPathComponent(Gallery.indexName)),
            let entries = try? JSONDecoder().decode([Entry].self, from: index)
        else { return [] }
        return entries.map { entry in
            (entry, entry.panels.map { (try? Data(contentsOf: folder.appendingPathComponent($0.file))) ?? Data() })
        }
    }

    private func panels(
        _ item: DatasetItem, _ inspector: Inspector, bits: Int?, threshold: Float
    ) throws -> [(String, Image)] {
        let frame = try Frame(Image(contentsOf: item.url, bits: bits), of: item.url.relativePath)
        let (width, height) = (inspector.inputWidth, inspector.inputHeight)
        var panels: [(String, Image)] = []
        if inspector.framing == .tile {
            let map = try inspector.inspect(frame, wantsMap: true).map
            let whole = FloatMap(width: frame.width, height: frame.height, values: map)
                .reduced(width: width, height: height).values
            let values = try frame.planes(channels: frame.isGrey ? 1 : 3, height: height, width: width)
            panels.append((Gallery.tiledTitle, Panels.image(values, width, height)))
            panels.append(("anomaly map", Panels.heat(whole, width, height, threshold)))
        } else {
            _ = try inspector.inspect(frame)
            panels.append(("image", Panels.image(try inspector.plane("image"), width, height)))
            if let response = try? inspector.plane("response") {
                panels.append(("response map R", Panels.image(response, width, height)))
            }
            if let reconstruction = try? inspector.plane("reconstruction") {
                panels.append(("reconstruction", Panels.image(reconstruction, width, height)))
            }
            panels.append(("anomaly map", Panels.heat(try inspector.plane("map"), width, height, threshold)))
        }
        // A mask that cannot be read has been counted already.
        if case .defective(let mask)? = try? item.truth(size: (frame.width, frame.height)) {
            panels.append(("ground truth", Panels.mask(mask, width, height)))
        }
        return panels
    }
}

/// Planes of a model as small images.
enum Panels {
    /// A plane or three with values in [0, 1], halved.
    static func image(_ values: [Float], _ width: Int, _ height: Int) -> Image {
        let area = width * height
        let channels = values.count / area == 3 ? 3 : 1
        return halved(width, height, channels) { x, y, channel in values[channel * area + y * width + x] }
    }

    /// A map: black at 0, through purple and orange, pale yellow at twice the threshold. Beyond the threshold it is orange.
    static func heat(_ map: [Float], _ width: Int, _ height: Int, _ threshold: Float) -> Image {
        let top = threshold.isFinite && threshold > 0 ? 2 * threshold : max(map.max() ?? 1, .leastNormalMagnitude)
        return halved(width, height, 3) { x, y, channel in color(map[y * width + x] / top)[channel] }
    }

    /// A mask at the model's size: the nearest pixels of its own.
    static func mask(_ mask: DefectMask, _ width: Int, _ height: Int) -> Image {
        halved(width, height, 1) { x, y, _ in
            Float(mask.pixels[y * mask.height / height * mask.width + x * mask.width / width])
        }
    }

    /// Five colours of even steps in lightness, so that the map reads the same in grey.
    private static func color(_ value: Float) -> [Float] {
        let stops: [[Float]] = [
            [0, 0, 0.02], [0.34, 0.06, 0.43], [0.74, 0.22, 0.33], [0.98, 0.56, 0.04], [0.99, 1, 0.64],
        ]
        let place = max(0, min(1, value)) * Float(stops.count - 1)
        let index = min(Int(place), stops.count - 2)
        let part = place - Float(index)
        return zip(stops[index], stops[index + 1]).map { $0 + ($1 - $0) * part }
    }

    /// Half the size by averages of four.
    private static func halved(
        _ width: Int, _ height: Int, _ channels: Int, _ value: (Int, Int, Int) -> Float
    ) -> Image {
        let (columns, rows) = (max(1, width / 2), max(1, height / 2))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(columns * rows * channels)
        for y in 0..<rows {
            for x in 0..<columns {
                for channel in 0..<channels {
                    let (right, below) = (min(2 * x + 1, width - 1), min(2 * y + 1, height - 1))
                    let sum =
                        value(2 * x, 2 * y, channel) + value(right, 2 * y, channel) + value(2 * x, below, channel)
                        + value(right, below, channel)
                    bytes.append(UInt8(max(0, min(255, (sum * 63.75).rounded()))))
                }
            }
        }
        return Image(width: columns, height: rows, channels: channels, bytes: bytes)
    }
}
