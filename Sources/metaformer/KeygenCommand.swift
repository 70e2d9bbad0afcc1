import ArgumentParser
import Foundation
import MetaformerData
import MetaformerSignatures

struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Makes a pair of keys to sign model files with.",
        discussion: """
            Ed25519 keys in PEM, as OpenSSL writes them: the private one, which sign takes and only its owner can read, and \
            beside it with .pub the public one, which verify takes. Files that are there are left alone.
            """
    )

    @Option(help: ArgumentHelp("The private key to write.", valueName: "file"), completion: .file())
    var key: String

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let key: String
        let publicKey: String
    }

    func validate() throws { try CommonOptions.requirePath(key, named: "--key") }

    func run() throws {
        try requireFolder(of: key)
        let publicPath = key + ".pub"
        for path in [key, publicPath] where FileStatus(URL(fileURLWithPath: path)) != nil {
            throw CommandError("\(path): is there already; give --key another name")
        }
        let made = try PrivateKey()
        try write(made.pem, to: key, mode: 0o600)
        do {
            try write(made.publicKey.pem, to: publicPath, mode: 0o644)
        } catch {
            unlink(key)
            throw error
        }
        if common.json { try common.printJSON(Result(key: key, publicKey: publicPath)) }
        common.remark("\(key): the private key, to be kept\n\(publicPath): the public key, to be given away")
    }

    private func write(_ data: Data, to path: String, mode: mode_t) throws {
        do {
            try AtomicFile.create(data, at: URL(fileURLWithPath: path), mode: mode)
        } catch {
            throw CommandError("\(path): cannot be written: \(error)")
        }
    }
}
