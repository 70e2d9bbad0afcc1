import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

/// How the time of an inspection grows: with the image's size, the batch, the threads, the prior's width, and the pixels of a
/// frame that is inspected in tiles. Parameters are drawn anew for each, and change nothing of the time.
package struct ScalingBench {
    package struct Row: Encodable {
        let axis: String
        let value: String
        /// Of one image or frame.
        let milliseconds: Double
        /// The most memory that the process took beside the frame; nil where it was not measured.
        var peakMegabytes: Double?
    }

    let description: ModelDescription
    let runs: Int
    let threads: Int
    let seed: UInt64

    package init(description: ModelDescription, runs: Int, threads: Int, seed: UInt64) {
        (self.description, self.runs, self.threads, self.seed) = (description, runs, threads, seed)
    }

    package func measure() throws -> [Row] {
        _ = try description.requirePixels()
        var rows = try [128, 256, 384, 512].map { size in
            var changed = description
            changed.pixels?.autoencoder.imageSize = size
            changed.pixels?.transformer.imageSize = size
            return try row("size", "\(size) x \(size)", changed)
        }
        rows += try [1, 4, 16].map { try row("batch", "\($0)", description, batch: $0) }
        let counts = sequence(first: 1) { $0 * 2 < threads ? $0 * 2 : $0 < threads ? threads : nil }
        rows += try counts.map { try row("threads", "\($0)", description, threads: $0) }
        if description.mode != .autoencoder {
            rows += try [8, 16, 32, 64].map { width in
                var changed = description
                changed.pixels?.prior.width = width
                return try row("prior's width", "\(width)", changed)
            }
        }
        return try rows + tiled()
    }

    private func row(
        _ axis: String, _ value: String, _ description: ModelDescription, batch: Int = 1, threads: Int? = nil
    )
        throws -> Row
    {
        let bench = try ModelBench(
            description.file(seed: seed), parts: [.inspect], batch: batch, threads: threads ?? self.threads)
        let milliseconds = try bench.measure(.inspect, runs: runs).milliseconds / Double(batch)
        return Row(axis: axis, value: value, milliseconds: milliseconds)
    }

    /// Frames of 1.25, 5 and 20 megapixels, each inspected once after a small one.
    private func tiled() throws -> [Row] {
        var file = try description.file(seed: seed)
        file.metadata["input.framing"] = "tile"
        let inspector = try Inspector(Model(file), threads: threads)
        try inspector.setThreshold(.infinity)
        _ = try inspector.inspect(frame(width: 640, height: 480))
        return try [(1250, 1000), (2500, 2000), (5000, 4000)].map { width, height in
            let frame = try frame(width: width, height: height)
            let isMeasured = PeakMemory.reset()
            let seconds = try inspector.inspect(frame).seconds
            return Row(
                axis: "tiled frame", value: "\(width) x \(height)", milliseconds: seconds * 1e3,
                peakMegabytes: isMeasured ? PeakMemory.megabytes.map { $0 - Double(width * height) * 1e-6 } : nil)
        }
    }

    private func frame(width: Int, height: Int) throws -> Frame {
        let bytes = (0..<width * height).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 16) }
        return try Frame(width: width, height: height, format: .mono8, bytes: bytes)
    }

    /// A table, within 80 columns; ratios are to the first row of each kind.
    package static func text(_ rows: [Row]) -> String {
        var table = TextTable(names: 2, header: ["inspect", "", "ms", "ratio", "peak MB"])
        for row in rows {
            let first = rows.first { $0.axis == row.axis }?.milliseconds
            table.rows.append([
                row.axis, row.value, fixed(row.milliseconds, 2), fixed(first.map { row.milliseconds / $0 }, 2),
                fixed(row.peakMegabytes, 0),
            ])
        }
        return table.text
    }
}

/// The most memory that was resident at once, as Linux counts it.
private enum PeakMemory {
    /// Counts anew from here on; false where the system does not.
    static func reset() -> Bool {
        (try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))) != nil
    }

    static var megabytes: Double? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map { $0 / 1024 }
    }
}
