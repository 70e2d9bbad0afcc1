import Foundation
import Testing

@testable import MetaformerModels

@Suite("Allocations in the steady state")
struct AllocationTests {
    /// The probe, a C program, is built beside the tests.
    private static let probe = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "allocation-probe")

    @Test("inspections allocate nothing after the first", arguments: [(64, 64, 2), (300, 200, 3), (40, 500, 1)])
    func none(width: Int, height: Int, threads: Int) throws {
        let folder = try TemporaryFolder()
        try smallDescription(.full).file(seed: 1).write(path: folder.path("model"))
        let process = Process()
        process.executableURL = AllocationTests.probe
        process.arguments = [folder.path("model"), "\(width)", "\(height)", "\(threads)"]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let message = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(process.terminationStatus == 0, "\(message)")
        #expect(text == "0\n")
    }
}
