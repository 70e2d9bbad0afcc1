import ArgumentParser
import Foundation
import MetaformerGraph
import Testing

@testable import metaformer

/// The help of every command against the golden files in `Tests/golden/help`.
///
/// Commands are found by walking the tree of subcommands, so a new one is covered from the start. With
/// MF_UPDATE_SNAPSHOTS=1 in the environment the golden files are rewritten; look at the difference before you commit it.
@Suite("Help texts") struct SnapshotTests {
    struct Command: Sendable, CustomTestStringConvertible {
        let path: [String]
        let type: any ParsableCommand.Type

        var testDescription: String { path.joined(separator: " ") }
        var fileName: String { path.joined(separator: "-") + ".txt" }
        var isGroup: Bool { !type.configuration.subcommands.isEmpty }
    }

    static let commands = walk(MetaformerCommand.self, above: [])

    private static func walk(_ type: any ParsableCommand.Type, above: [String]) -> [Command] {
        let path = above + [type.configuration.commandName ?? "\(type)".lowercased()]
        return [Command(path: path, type: type)] + type.configuration.subcommands.flatMap { walk($0, above: path) }
    }

    private static let goldenFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("golden/help")

    private static let isUpdating = ProcessInfo.processInfo.environment["MF_UPDATE_SNAPSHOTS"] == "1"

    @Test("Help is as it was agreed", arguments: commands)
    func help(command: Command) throws {
        let text = MetaformerCommand.helpMessage(for: command.type, includeHidden: false, columns: 80) + "\n"
        let file = SnapshotTests.goldenFolder.appendingPathComponent(command.fileName)
        if SnapshotTests.isUpdating {
            try FileManager.default.createDirectory(
                at: SnapshotTests.goldenFolder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let golden = try? String(contentsOf: file, encoding: .utf8)
        #expect(text == golden, "run the tests with MF_UPDATE_SNAPSHOTS=1 if the new text is meant")
    }

    @Test("The manual page says what the help says")
    func manual() throws {
        let page = try Manual(version: engineVersion).page
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("bindings/man/metaformer.1")
        if SnapshotTests.isUpdating { try Data(page.utf8).write(to: file) }
        #expect(
            page == (try? String(contentsOf: file, encoding: .utf8)),
            "run the tests with MF_UPDATE_SNAPSHOTS=1 if the new page is meant")
    }

    @Test("Every golden file belongs to a command", .enabled(if: !isUpdating))
    func noStrayFiles() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: SnapshotTests.goldenFolder.path)
        #expect(files.sorted() == SnapshotTests.commands.map(\.fileName).sorted())
    }

    @Test("Every command takes the common options", arguments: commands.filter { !$0.isGroup })
    func commonOptions(command: Command) {
        let text = MetaformerCommand.helpMessage(for: command.type, includeHidden: false, columns: 80)
        for option in ["--threads <n>", "--seed <n>", "--json", "--quiet"] {
            #expect(text.contains(option), "\(option)")
        }
    }

    @Test("Help fits a terminal", arguments: commands)
    func width(command: Command) {
        let text = MetaformerCommand.helpMessage(for: command.type, includeHidden: false, columns: 80)
        // The parser never breaks the line of usage.
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("USAGE: ") }
        #expect(lines.allSatisfy { $0.count <= 80 })
    }
}
