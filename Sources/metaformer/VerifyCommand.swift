import ArgumentParser
import Foundation
import MetaformerSignatures

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verifies the signature of a model file.",
        discussion: """
            Succeeds where the owner of the key signed the file just as it is. Nothing of the file is interpreted. Hosts verify \
            what they open by the field verify of mf_open_options.
            """
    )

    @Option(help: ArgumentHelp("The public key, from keygen.", valueName: "file"), completion: .file())
    var key: String

    @Option(help: ArgumentHelp("The model file.", valueName: "file"), completion: .file())
    var model: String

    @Option(
        help: ArgumentHelp("The signature; the model's name with .sig where left out.", valueName: "file"),
        completion: .file())
    var signature: String?

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let model: String
        let isValid: Bool
    }

    func validate() throws {
        try CommonOptions.requirePath(key, named: "--key")
        try CommonOptions.requirePath(model, named: "--model")
        if let signature { try CommonOptions.requirePath(signature, named: "--signature") }
    }

    func run() throws {
        let path = signature ?? model + SignatureFile.suffix
        let key = try SignatureFile.key(at: key) { try PublicKey(pem: $0) }
        let signature = try Data(contentsOf: URL(fileURLWithPath: path))
        guard signature.count == PublicKey.signatureBytes else {
            throw CommandError("\(path): is no signature: \(signature.count) bytes instead of 64")
        }
        guard key.isValid(signature, of: try Data(contentsOf: URL(fileURLWithPath: model))) else {
            throw CommandError(
                """
                \(model): the signature in \(path) is not this key's of this file: another key signed it, or the file or the \
                signature has been changed since
                """)
        }
        if common.json { try common.printJSON(Result(model: model, isValid: true)) }
        common.remark("\(model): signed by the owner of \(self.key)")
    }
}
