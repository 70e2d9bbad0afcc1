import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

/// How the time of an inspection grows: with the image's size, the threads, the pixels of a frame that is inspected in tiles; of a
/// model over pixels also with the batch and the prior's width, of one over features with the precision. Where a model of another
/// shape is needed, its parameters are drawn anew, which changes nothing of the time.
package struct ScalingBench {
    package struct Row: Encodable {
        let axis: String
        let value: String
        /// Of one image or frame.
        let milliseconds: Double
        /// The most memory that the process took beside the frame; nil where it was not measured.
        var peakMegabytes: Double?
    }

    private let file: TensorFile
    private let description: ModelDescription
    private let runs: Int
    private let threads: Int
    private let seed: UInt64

    /// Throws where the file is no model.
    package init(_ file: TensorFile, runs: Int, threads: Int, seed: UInt64) throws {
        (self.file, self.runs, self.threads, self.seed) = (file, runs, threads, seed)
        description = try ModelDescription(settings: file.metadata)
    }

    package func measure() throws -> [Row] {
        let counts = sequence(first: 1) { $0 * 2 < threads ? $0 * 2 : $0 < threads ? threads : nil }
        var rows = try [128, 256, 384, 512].map { try row("size", "\($0) x \($0)", file(size: $0)) }
        rows += try counts.map { try row("threads", "\($0)", file, threads: $0) }
        switch description.architecture {
        case .features:
            rows += try Precision.allCases.map { try row("precision", $0.rawValue, file, precision: $0) }
        case .pixels:
            rows += try [1, 4, 16].map { try row("batch", "\($0)", file, batch: $0) }
            guard description.mode != .autoencoder else { break }
            rows += try [8, 16, 32, 64].map { width in
                var changed = description
                changed.pixels?.prior.width = width
                return try row("prior's width", "\(width)", changed.file(seed: seed))
            }
        }
        return try rows + tiled()
    }

    /// The model for images of `size` x `size` pixels.
    private func file(size: Int) throws -> TensorFile {
        guard description.target == .pixels else { return try file.resized(to: size) }
        var changed = description
        changed.pixels?.autoencoder.imageSize = size
        changed.pixels?.transformer.imageSize = size
        return try changed.file(seed: seed)
    }

    private func row(
        _ axis: String, _ value: String, _ file: TensorFile, batch: Int = 1, threads: Int? = nil,
        precision: Precision? = nil
    )
        throws -> Row
    {
        let bench = try ModelBench(
            file, parts: [.inspect], batch: batch, threads: threads ?? self.threads, precision: precision)
        let milliseconds = try bench.measure(.inspect, runs: runs).milliseconds / Double(batch)
        return Row(axis: axis, value: value, milliseconds: milliseconds)
    }

    /// Frames of 1.25, 5 and 20 megapixels, each inspected once after a small one.
    private func tiled() throws -> [Row] {
        var file = file
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
