import Foundation
import MetaformerData
import MetaformerModels

/// A image of small images in rows.
public struct ContactSheet: Sendable {
    /// Height and width of each small image.
    public let tile: Int
    public let columns: Int
    private var rows: [[[Float]]] = []

    public init(tile: Int = 72, columns: Int) {
        self.tile = tile
        self.columns = columns
    }

    /// Appends a row of images [3, tile, tile]; those past the columns are left out.
    public mutating func append(_ row: [[Float]]) { rows.append(Array(row.prefix(columns))) }

    /// The whole, with lines of white between; nil where there is nothing.
    public var image: MetaformerData.Image? {
        guard !rows.isEmpty, columns > 0 else { return nil }
        let step = tile + 2
        let (width, height) = (columns * step - 2, rows.count * step - 2)
        var planes = [Float](repeating: 1, count: 3 * width * height)
        for (row, tiles) in rows.enumerated() {
            for (column, pixels) in tiles.enumerated() where pixels.count == 3 * tile * tile {
                for channel in 0..<3 {
                    for y in 0..<tile {
                        let start = (channel * height + row * step + y) * width + column * step
                        let source = (channel * tile + y) * tile
                        planes.replaceSubrange(start..<start + tile, with: pixels[source..<source + tile])
                    }
                }
            }
        }
        return MetaformerData.Image(planes: planes, width: width, height: height)
    }

    /// A row for each group: its centre, then its images from the most to the least similar, evenly chosen.
    public static func groups(of tasks: TaskSet, columns: Int = 12, rows: Int = 60) throws -> MetaformerData.Image? {
        var sheet = ContactSheet(columns: columns)
        for group in tasks.groups.prefix(rows) {
            let count = min(columns, group.images.count)
            let chosen = (0..<count).map { group.images[count < 2 ? 0 : $0 * (group.images.count - 1) / (count - 1)] }
            sheet.append(
                try chosen.map { try ImageReader().planes(tasks.url(of: $0), channels: 3, size: sheet.tile) })
        }
        return sheet.image
    }
}
