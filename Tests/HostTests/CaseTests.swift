import Foundation
import MetaformerModels
import TestSupport
import Testing

/// The cases of hosts: what they did that went wrong once, and what is right for it. Those of folders and files are in
/// CommandLineTests, those of Python in its own tests.
@Suite("Cases of hosts") struct CaseTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.path(name) }

    @Test("shared-context: a context that is in use refuses other threads, and goes on") func sharing() throws {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
        let host = try installation.compile("Tests/hosts/sharing/main.c", options: ["-lpthread"], to: path("host"))
        #expect(try Command.run([host, path("model")], environment: installation.environment) == "8 refused\n")
    }

    @Test("shared-context: a child of fork is told what it lacks, and works on one thread") func fork() throws {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
        let host = try installation.compile("Tests/hosts/fork/main.c", to: path("host"))
        #expect(try Command.run([host, path("model")], environment: installation.environment) == "same score\n")
    }

    @Test("twelve-bits-in-sixteen: a host need not know how many bits its camera uses", arguments: [false, true])
    func depth(isUniversal: Bool) throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: path("model"))
        let host = try installation.compile("Tests/hosts/depth/main.c", to: path("host"))
        let model = isUniversal ? try UniversalModel.universal.path() : path("model")
        #expect(try Command.run([host, model], environment: installation.environment) == "12 bits\n")
    }
}
