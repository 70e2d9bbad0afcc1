import Foundation
import MetaformerGraph

/// Programs with their inputs and what they give, in a file that `Tests/hosts/replay` runs on other processors.
public struct ReplayCases {
    /// Where they are to be written: MF_WRITE_CASES of the environment. Nil to write none.
    public static let folder = ProcessInfo.processInfo.environment["MF_WRITE_CASES"]

    public struct Output {
        let name: String
        let values: [Float]
        let bounds: [Float]

        /// - Parameter bounds: how far each value may be off, or one number for all.
        public init(_ name: String, _ values: [Float], within bounds: [Float]) {
            (self.name, self.values, self.bounds) = (name, values, bounds)
        }
    }

    private var file = TensorFile()
    private var count = 0

    public init() {}

    public mutating func add(_ title: String, program: [UInt8], inputs: [String: [Float]], outputs: [Output]) {
        func put(_ name: String, _ values: [Float]) {
            file.entries.append(.init(name: "\(count)/\(name)", shape: [values.count], contents: .floats(values)))
        }
        file.entries.append(.init(name: "program/\(count)", bytes: program))
        for (name, values) in inputs { put(name, values) }
        for output in outputs {
            put(output.name, output.values)
            put("\(output.name)/bound", output.bounds)
        }
        file.metadata["\(count)"] = title
        count += 1
    }

    public func write(_ name: String) throws {
        guard let folder = ReplayCases.folder else { return }
        try file.write(path: "\(folder)/\(name).safetensors")
    }
}
