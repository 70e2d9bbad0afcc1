import Foundation
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// What inspections ask of the system once they have begun: nothing but to wait for each other.
@Suite("The steady state")
final class AllocationTests {
    /// The probe, a C program, is built beside the tests.
    private static let probe = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "allocation-probe").path
    private static let strace = "/usr/bin/strace"

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        for framing in Framing.allCases {
            let file = try smallDescription(.full).file(seed: 1)
            var metadata = file.metadata
            metadata["input.framing"] = framing.rawValue
            try TensorFile(entries: file.entries, metadata: metadata).write(path: folder.path(framing.rawValue))
        }
    }

    /// Runs a command, and returns its status and what it wrote.
    private func run(_ command: [String]) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal"] + command
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        process.waitUntilExit()
        return (
            process.terminationStatus,
            String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self),
            String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        )
    }

    @Test(
        "inspections and batches allocate nothing after the first",
        arguments: [
            (Framing.stretch, 64, 64, 2), (.stretch, 300, 200, 3), (.letterbox, 40, 500, 1), (.tile, 100, 60, 2),
        ])
    func allocations(framing: Framing, width: Int, height: Int, threads: Int) throws {
        let (status, output, errors) = try run([
            AllocationTests.probe, folder.path(framing.rawValue), "\(width)", "\(height)", "\(threads)",
        ])
        #expect(status == 0, "\(errors)")
        #expect(output.hasPrefix("0 "))
    }

    @Test("threads that wait for an inspection sleep, where the host has not said that they are to spin")
    func waiting() throws {
        let command = [AllocationTests.probe, folder.path("stretch"), "64", "64", "2"]
        func idlePercent(_ environment: [String]) throws -> Double {
            let (status, output, errors) = try run(environment + command)
            try #require(status == 0, "\(errors)")
            return try #require(Double(output.split(whereSeparator: \.isWhitespace).last ?? ""), "\(output)")
        }
        #expect(try idlePercent(["-u", "OMP_WAIT_POLICY", "-u", "KMP_BLOCKTIME"]) < 5)
        #expect(try idlePercent(["-u", "OMP_WAIT_POLICY", "KMP_BLOCKTIME=1000"]) > 5)
    }

    @Test(
        "inspections and batches call the system only to wait for threads",
        .enabled(if: FileManager.default.isExecutableFile(atPath: strace), "strace is not installed"),
        arguments: [(Framing.stretch, 2), (.letterbox, 1), (.tile, 2)])
    func systemCalls(framing: Framing, threads: Int) throws {
        let log = folder.path("trace")
        // A thread that waits gives up its turn before it sleeps: the OpenMP runtime's own way, and too often to trace.
        let (status, output, errors) = try run([
            AllocationTests.strace, "-f", "--seccomp-bpf", "-qq", "-e", "trace=!futex,sched_yield", "-o", log,
            AllocationTests.probe, folder.path(framing.rawValue), "100", "60", "\(threads)",
        ])
        // Containers may forbid tracing: then there is nothing to see.
        if errors.contains("Operation not permitted") { return }
        try #require(status == 0, "\(errors)")
        #expect(output.hasPrefix("0 "))
        let calls = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        let marks = calls.indices.filter { calls[$0].contains("getppid(") }
        try #require(marks.count == 2)
        let seen = calls[marks[0] + 1..<marks[1]]
        #expect(seen.isEmpty, "\(seen.prefix(10))")
    }
}
