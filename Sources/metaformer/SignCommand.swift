import ArgumentParser
import Foundation
import MetaformerData
import MetaformerInspection
import MetaformerSignatures

struct SignCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Signs a model file.",
        discussion: """
            The signature is a file of 64 bytes beside the model (Ed25519, RFC 8032); the model is left as it is. openssl pkeyutl \
            -verify -pubin -inkey <key>.pub -rawin -in <model> -sigfile <model>.sig verifies it as well.
            """
    )

    @Option(help: ArgumentHelp("The private key, from keygen.", valueName: "file"), completion: .file())
    var key: String

    @Option(help: ArgumentHelp("The model file.", valueName: "file"), completion: .file())
    var model: String

    @Option(
        help: ArgumentHelp("The signature to write; the model's name with .sig where left out.", valueName: "file"),
        completion: .file())
    var output: String?

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let signature: String
    }

    func validate() throws {
        try CommonOptions.requirePath(key, named: "--key")
        try CommonOptions.requirePath(model, named: "--model")
        if let output { try CommonOptions.requirePath(output, named: "--output") }
    }

    func run() throws {
        let output = output ?? model + SignatureFile.suffix
        try requireFolder(of: output)
        let key = try SignatureFile.key(at: key) { try PrivateKey(pem: $0) }
        // What cannot be opened is not worth a signature.
        _ = try Model(path: model)
        let signature = try key.signature(of: Data(contentsOf: URL(fileURLWithPath: model)))
        do {
            try AtomicFile.write(signature, to: URL(fileURLWithPath: output))
        } catch {
            throw CommandError("\(output): cannot be written: \(error)")
        }
        if common.json { try common.printJSON(Result(model: model, signature: output)) }
        common.remark("\(output): the signature of \(model)")
    }
}
