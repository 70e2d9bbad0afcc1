import Foundation
import TestSupport
import Testing

/// The commands of scripts/reliability, with small counts; see RELIABILITY.md.
@Suite("Reliability", .serialized) struct ReliabilityTests {
    private func run(_ name: String, _ counts: String...) throws -> String {
        try Command.run([Command.root.appending(path: "scripts/reliability/\(name)").path] + counts)
    }

    @Test("malformed model files are refused, each with its own status and text") func malformed() throws {
        let output = try run("malformed", "5000", "100")
        #expect(output.contains("cases, 0 of them refused otherwise"), "\(output)")
    }

    @Test("memory that runs out and files that fail are errors, and leave everything as it was") func faults() throws {
        let output = try run("faults", "40", "0")
        #expect(output.contains("files: 429 faults"), "\(output)")
    }

    @Test("files that fail as the command line writes them are errors or overcome, and whole") func writers() throws {
        let output = try run("writers", "1")
        #expect(output.split(separator: "\n").count { $0.contains("none left over") } == 9, "\(output)")
    }

    @Test("the golden inputs of the fuzzing targets find nothing") func fuzz() throws {
        let output = try run("fuzz", "replay")
        #expect(output.split(separator: "\n").count == 3, "\(output)")
    }

    @Test("threads, control words and signals of the host change no bit") func bits() throws {
        let output = try run("bits", "5", "plain", "0", "0")
        #expect(output.contains("32 threads of the host x 5 frames: the same bits"), "\(output)")
    }

    @Test("a lamp that ages is drift before false alarms triple, and a lamp that stays is none") func drift() throws {
        let output = try run("drift", "4000", "1")
        #expect(output.contains("no alarm in 4000"), "\(output)")
    }

    @Test("what is killed leaves whole files, and the next one goes on to the same bits") func kills() throws {
        let output = try run("kills", "20", "0", "2")
        #expect(output.contains("0 after the next save"), "\(output)")
        #expect(output.split(separator: "\n").count { $0.contains("2 kills of processes") } == 1, "\(output)")
    }

    @Test("a process that goes on for long does not grow, and keeps its times where processors are busy") func soak()
        throws
    {
        let output = try run("soak", "2000", "40")
        #expect(output.split(separator: "\n").count { $0.contains("on one processor") } == 3, "\(output)")
    }

    @Test("library and program have the protections of compiler and linker") func hardening() throws {
        let output = try run("hardening")
        #expect(output.split(separator: "\n").count == 2, "\(output)")
    }
}
