import ArgumentParser
import Foundation
import MetaformerGraph
import MetaformerModels

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Says what a model file holds."
    )

    @Argument(help: ArgumentHelp("The model file.", valueName: "file"), completion: .file())
    var file: String

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        struct Tensor: Encodable {
            let name: String
            let shape: [Int]
        }
        struct Program: Encodable {
            let name: String
            let instructions: Int
            let bytes: Int
            let arenaBytes: Int
        }
        let path: String
        let settings: [String: String]
        let parameters: Int
        let tensors: [Tensor]
        let programs: [Program]
    }

    func validate() throws { try CommonOptions.requirePath(file, named: "<file>") }

    func run() throws {
        // The engine's own check first: what it refuses to run is not described as if it could be.
        _ = try Model(path: file)
        let contents = try TensorFile(path: file)
        var tensors: [Result.Tensor] = []
        var programs: [Result.Program] = []
        for entry in contents.entries {
            switch entry.contents {
            case .floats: tensors.append(.init(name: entry.name, shape: entry.shape.dims))
            case .bytes(let bytes):
                let runner = try ProgramSummary(bytes)
                programs.append(
                    .init(
                        name: entry.name, instructions: runner.instructionCount, bytes: bytes.count,
                        arenaBytes: runner.arenaBytes))
            }
        }
        let result = Result(
            path: file, settings: contents.metadata.filter { $0.key != "description" },
            parameters: tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }, tensors: tensors,
            programs: programs.sorted { $0.name < $1.name })
        if common.json { try common.printJSON(result) } else { print(describe(result)) }
    }

    private func describe(_ result: Result) -> String {
        var lines = ["\(file): \(result.parameters.formatted()) parameters in \(result.tensors.count) tensors"]
        lines.append("\nsettings")
        for (key, value) in result.settings.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(padded(key, 28)) \(value)")
        }
        lines.append("\nprograms                       instructions      bytes    arena MB")
        for program in result.programs {
            let megabytes = (Double(program.arenaBytes) / 1e6).formatted(.number.precision(.fractionLength(1)))
            lines.append(
                "  \(padded(program.name, 28)) \(aligned("\(program.instructions)", 12)) \(aligned("\(program.bytes)", 10)) "
                    + aligned(megabytes, 11))
        }
        return lines.joined(separator: "\n")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
    private func aligned(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
