import ArgumentParser
import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a model in other forms.",
        subcommands: [ONNX.self, Header.self, ModelFile.self]
    )

    /// The model to export, and where to.
    struct Source: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "A model file, or \(ModelSource.scratchNames) for one of random parameters.",
                valueName: "file"))
        var model = ModelSource.shipped(.universal)

        @Option(help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file())
        var output: String

        func validate() throws { try CommonOptions.requirePath(output, named: "--output") }

        func write(_ data: Data) throws {
            do {
                try AtomicFile.write(data, to: URL(fileURLWithPath: output))
            } catch {
                throw CommandError("\(output): cannot be written: \(error)")
            }
        }
    }

    private struct Result: Encodable {
        let output: String
        let bytes: Int
    }

    struct Header: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "header",
            abstract: "Writes a model file as a C array, for programs without a file system.",
            discussion: """
                The header defines an array of constants and its size, which mf_model_open_memory takes. It is for \
                little-endian processors, and for C99 and C++11 or later.
                """
        )

        @OptionGroup var source: Source

        @Option(help: ArgumentHelp("What the array is called; after the file where left out.", valueName: "name"))
        var name: String?

        @OptionGroup var common: CommonOptions

        func validate() throws { if let name { _ = try CArray(name: name) } }

        func run() throws {
            try requireFolder(of: source.output)
            let stem = URL(fileURLWithPath: source.output).deletingPathExtension().lastPathComponent
            let array = try name.map { try CArray(name: $0) } ?? CArray(nearest: stem)
            let bytes = try source.model.bytes(channels: 3, seed: common.seed)
            try source.write(Data(array.header(of: bytes, from: source.model.name)))
            if common.json { try common.printJSON(Result(output: source.output, bytes: bytes.count)) }
            common.remark("\(source.output): \(array.name), \(bytes.count.formatted()) bytes")
        }
    }

    struct ModelFile: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "model",
            abstract: "Writes a model file: a copy, one of fewer parts or half the size, or one from scratch.",
            discussion: """
                Hosts that adapt by mf_adapt use the parts and the optimiser that a file has: here others are chosen. A model of \
                fewer parts forgets what adaptation measured.
                """
        )

        @OptionGroup var source: ModelOptions

        @Option(help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file())
        var output: String

        @Option(help: "the optimiser that the file adapts with: adam or sgd; the model's own where left out.")
        var optimizer: OptimizerChoice?

        @Flag(help: "Store the parameters in half precision: near half the size, rounded to 11 bits.")
        var half = false

        @Option(
            help: ArgumentHelp(
                "How the file's network is run: float or int8, as in adapt; the model's own where left out.",
                valueName: "how"))
        var precision: Precision?

        @Flag(help: "Write the model's programs anew: as this version compiles them, which may be faster.")
        var recompile = false

        @OptionGroup var common: CommonOptions

        func validate() throws { try CommonOptions.requirePath(output, named: "--output") }

        func run() throws {
            try requireFolder(of: output)
            var origin = try source.origin(optimizer: optimizer)
            origin.isRecompiled = recompile
            var file = try origin.checkedFile(channels: 3, seed: common.seed)
            if let precision { file = try file.withPrecision(precision) }
            try (half ? file.inHalfPrecision : file).write(path: output)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: output)).count
            if common.json { try common.printJSON(Result(output: output, bytes: bytes)) }
            common.remark("\(output): \(bytes.formatted()) bytes")
        }
    }

    struct ONNX: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "onnx",
            abstract: "Writes a program of a model as an ONNX model, for other runtimes.",
            discussion: """
                The model takes "image", [batch, channels, height, width] with values in [0, 1], and gives "reconstruction", \
                "map", and "response" where there is a prior; opset 17. Making frames into images, and the verdict, are left \
                to who runs it: the score is the mean of the map's highest values, of the share that score.share in the metadata \
                names (0: the highest alone); the threshold lies there as well.
                """
        )

        @OptionGroup var source: Source

        @Option(
            help: ArgumentHelp(
                "The program: inspect (image to reconstruction and map), or a part: prior (image to response), autoencoder or "
                    + "transformer (response and reconstruction to gate).", valueName: "program"))
        var program = ExportedProgram.inspect

        @Option(help: ArgumentHelp("Images that the exported model takes at once.", valueName: "n"))
        var batch = 1

        @OptionGroup var common: CommonOptions

        func validate() throws {
            guard (1...4096).contains(batch) else { throw ValidationError("--batch is \(batch); give 1 to 4096.") }
        }

        func run() throws {
            try requireFolder(of: source.output)
            let contents = try source.model.contents(channels: 3, seed: common.seed)
            let data = Data(try contents.onnx(program, batch: batch).data)
            try source.write(data)
            if common.json { try common.printJSON(Result(output: source.output, bytes: data.count)) }
            common.remark("\(source.output): \(program.rawValue), \(data.count.formatted()) bytes")
        }
    }
}

extension ExportedProgram: ExpressibleByArgument {}
