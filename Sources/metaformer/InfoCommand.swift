import ArgumentParser
import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Says what a model file holds."
    )

    @Argument(
        help: ArgumentHelp("The model file; the universal model where left out.", valueName: "file"),
        completion: .file())
    var file: String?

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        struct Tensor: Encodable {
            let name: String
            let shape: [Int]
            let type: String
        }
        struct Program: Encodable {
            let name: String
            let instructions: Int
            let bytes: Int
            let arenaBytes: Int
        }
        let path: String
        let settings: [String: String]
        let bytes: Int
        let parameters: Int
        let tensors: [Tensor]
        let programs: [Program]
    }

    func validate() throws { if let file { try CommonOptions.requirePath(file, named: "<file>") } }

    func run() throws {
        // The engine's own check first: what it refuses to run is not described as if it could be.
        let path = try file ?? UniversalModel.universal.path()
        _ = try Model(path: path)
        let contents = try TensorFile(path: path)
        var tensors: [Result.Tensor] = []
        var programs: [Result.Program] = []
        for entry in contents.entries {
            switch entry.contents {
            case .floats:
                tensors.append(.init(name: entry.name, shape: entry.shape.dims, type: entry.isHalf ? "F16" : "F32"))
            case .bytes(let bytes):
                let runner = try ProgramSummary(bytes)
                programs.append(
                    .init(
                        name: entry.name, instructions: runner.instructionCount, bytes: bytes.count,
                        arenaBytes: runner.arenaBytes))
            }
        }
        let result = Result(
            path: path, settings: contents.metadata.filter { $0.key != "description" },
            bytes: try Data(contentsOf: URL(fileURLWithPath: path)).count,
            parameters: tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }, tensors: tensors,
            programs: programs.sorted { $0.name < $1.name })
        if common.json { try common.printJSON(result) } else { StandardOutput.print(describe(result)) }
    }

    private func describe(_ result: Result) -> String {
        let halves = result.tensors.count { $0.type == "F16" }
        var lines = [
            "\(result.path): \(result.parameters.formatted()) parameters in \(result.tensors.count) tensors"
                + (halves > 0 ? ", \(halves) of them in half precision" : "") + "; \(result.bytes.formatted()) bytes"
        ]
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
