import Foundation
import TestSupport
import Testing

/// The built program, run as a person would run it.
enum Program {
    struct Outcome {
        let exitCode: Int32
        let output: String
        let errors: String
    }

    /// It is built beside the tests.
    static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("metaformer")

    static func run(_ arguments: String..., in folder: URL? = nil) throws -> Outcome {
        try run(arguments, in: folder)
    }

    static func run(_ arguments: [String], in folder: URL? = nil) throws -> Outcome {
        try #require(FileManager.default.isExecutableFile(atPath: url.path), "no program at \(url.path)")
        let process = Process()
        process.executableURL = url
        process.arguments = arguments
        process.currentDirectoryURL = folder
        // Files rather than pipes: nothing can fill up while nobody reads.
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(
            "metaformer-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let streams = ["output", "errors"].map { scratch.appendingPathComponent($0) }
        for stream in streams { try Data().write(to: stream) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: streams[0])
        process.standardError = try FileHandle(forWritingTo: streams[1])
        try process.run()
        process.waitUntilExit()
        let texts = try streams.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
        return Outcome(exitCode: process.terminationStatus, output: texts[0], errors: texts[1])
    }
}

extension TemporaryFolder {
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }
}
