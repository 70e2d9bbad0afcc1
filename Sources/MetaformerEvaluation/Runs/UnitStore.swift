import Foundation
import MetaformerData
import MetaformerInspection

/// Results of finished units on disk, a line of JSON each, so that an interrupted run goes on where it stopped.
struct UnitStore {
    static let fileName = "units.jsonl"

    private let url: URL
    private var lines: [Data] = []
    private(set) var results: [UnitResult] = []

    /// Reads what an earlier run left. Lines that are no results are left out, as of a file that was cut short.
    init(folder: URL) throws {
        url = folder.appendingPathComponent(UnitStore.fileName)
        guard let data = try AtomicFile.contents(of: url) else { return }
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let result: UnitResult = try? JSONText.value(Data(line)) else { continue }
            lines.append(Data(line))
            results.append(result)
        }
    }

    func result(of unit: EvaluationUnit, provenance: String) -> UnitResult? {
        results.last { $0.unit == unit && $0.provenance == provenance }
    }

    /// Adds a result; the file is replaced whole or not at all.
    mutating func add(_ result: UnitResult) throws {
        lines.append(Data(try JSONText.line(result).dropLast().utf8))
        results.append(result)
        do {
            try AtomicFile.write(Data(lines.joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")], to: url)
        } catch {
            throw EvaluationError("\(url.path): cannot be written: \(error)")
        }
    }
}
