import Foundation

/// Programs of the system, run as tests need them.
public enum Command {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Runs a command, and returns what it printed; throws with that text where it fails.
    @discardableResult
    public static func run(_ command: [String], environment: [String: String] = [:], in folder: URL? = nil) throws
        -> String
    {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // Test threads block signals, and children inherit that: cmake would wait for SIGCHLD for ever.
        process.arguments = ["--default-signal"] + command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = folder
        // A file rather than a pipe: nothing can fill up while nobody reads.
        let log = FileManager.default.temporaryDirectory.appending(path: "metaformer-log-\(UUID().uuidString)")
        try Data().write(to: log)
        defer { try? FileManager.default.removeItem(at: log) }
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: log), as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(command.joined(separator: " ")): \(process.terminationStatus)\n\(text)")
        }
        return text
    }

    /// A Python that has onnxruntime: MF_PYTHON's, the one that scripts/setup makes, or the system's. Nil where none has.
    public static let pythonWithONNX: String? = {
        let own = root.appending(path: ".build/python/bin/python").path
        return [ProcessInfo.processInfo.environment["MF_PYTHON"], own, "python3"].compactMap { $0 }.first {
            (try? run([$0, "-c", "import onnxruntime, numpy"])) != nil
        }
    }()

    /// The package's folder.
    public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
