import ArgumentParser
import Foundation

@testable import metaformer

/// The manual page of the program, made of what its commands say of themselves.
struct Manual {
    private struct Tool: Decodable { let command: Command }
    private struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let discussion: String?
        let subcommands: [Command]?
        let arguments: [Argument]?
    }
    private struct Argument: Decodable, Hashable {
        struct Name: Decodable, Hashable {
            let kind: String
            let name: String
        }
        let kind: String
        let isOptional: Bool
        let isRepeating: Bool
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let defaultValue: String?
    }

    private let root: Command
    private let version: String

    init(version: String) throws {
        root = try JSONDecoder().decode(Tool.self, from: Data(MetaformerCommand._dumpHelp().utf8)).command
        self.version = version
    }

    /// The page in roff, by the macros of man(7).
    var page: String {
        let leaves = commands(root, above: [])
        let everywhere = leaves.dropFirst().reduce(leaves[0].command.arguments ?? []) { common, leaf in
            common.filter { (leaf.command.arguments ?? []).contains($0) }
        }
        var lines = [
            ".\\\" Written by the tests from the program's own help: MF_UPDATE_SNAPSHOTS=1 swift test --filter SnapshotTests",
            ".TH METAFORMER 1 \"\" \"Metaformer \(version)\" \"User Commands\"",
            ".SH NAME", "metaformer \\- \(text(root.abstract?.trimmingCharacters(in: ["."]).lowercasedFirst))",
            ".SH SYNOPSIS", ".B metaformer", ".I command", "[\\fIoptions\\fR]",
            ".SH COMMANDS",
        ]
        for (path, command) in leaves {
            let own = (command.arguments ?? []).filter { !everywhere.contains($0) }
            lines += [".SS \(text(path.joined(separator: " ")))", ".B metaformer \(text(path.joined(separator: " ")))"]
            lines += own.map(usage) + [".PP", text(command.abstract)]
            if let discussion = command.discussion, !discussion.isEmpty { lines += [".PP", text(discussion)] }
            for argument in own { lines += entry(argument) }
        }
        lines += [".SH OPTIONS", "Every command takes these."] + everywhere.flatMap(entry)
        lines += [
            ".SH EXIT STATUS",
            "0 where the command did what it was asked for, 2 where the command line is wrong, 1 for any other failure.",
            ".SH FILES",
            "A model is one file in the safetensors format; it holds no path and no code but the engine's own instructions.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// The commands that do something, in the order of the help.
    private func commands(_ command: Command, above: [String]) -> [(path: [String], command: Command)] {
        (command.subcommands ?? []).filter { $0.commandName != "help" }.flatMap { child in
            let path = above + [child.commandName]
            return child.subcommands?.isEmpty ?? true ? [(path, child)] : commands(child, above: path)
        }
    }

    private func usage(_ argument: Argument) -> String {
        let form = forms(argument).first ?? ""
        return (argument.isOptional ? "[\(form)]" : form) + (argument.isRepeating ? " ..." : "")
    }

    private func entry(_ argument: Argument) -> [String] {
        let standard = argument.defaultValue.map { " Default: \(text($0))." } ?? ""
        return [".TP", forms(argument).joined(separator: ", "), text(argument.abstract ?? "") + standard]
    }

    /// An argument under each of its names, with its value.
    private func forms(_ argument: Argument) -> [String] {
        let value = argument.kind == "flag" ? nil : argument.valueName.map { "\\fI\(text($0))\\fR" }
        let names = (argument.names ?? []).map { "\\fB\(text(($0.kind == "long" ? "--" : "-") + $0.name))\\fR" }
        guard argument.kind != "positional", !names.isEmpty else { return [value ?? ""] }
        return names.map { name in value.map { "\(name) \($0)" } ?? name }
    }

    /// Text that roff takes as it is.
    private func text(_ text: String?) -> String {
        let lines = (text ?? "").split(separator: "\n").map { line -> String in
            let escaped = line.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("'", with: "\\(aq")
            return escaped.hasPrefix(".") ? "\\&" + escaped : String(escaped)
        }
        return lines.joined(separator: "\n")
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
