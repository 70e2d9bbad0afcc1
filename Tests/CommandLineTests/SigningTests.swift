import Foundation
import TestSupport
import Testing

/// keygen, sign and verify, as a person would run them.
@Suite("Signing") struct SigningTests {
    private let folder: TemporaryFolder
    private let model = "model.safetensors"

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: Command.root.appending(path: "Tests/golden/models/1.safetensors").path, toPath: folder.path(model))
    }

    private func run(_ arguments: String...) throws -> Program.Outcome { try Program.run(arguments, in: folder.url) }

    private func makeKeys(_ name: String = "key") throws {
        let made = try run("keygen", "--key", name)
        #expect(made.exitCode == 0, "\(made.errors)")
    }

    @Test("a signed model is verified, and refused once a byte of it has changed") func signed() throws {
        try makeKeys()
        let rights = try FileManager.default.attributesOfItem(atPath: folder.path("key"))[.posixPermissions]
        #expect(rights as? Int == 0o600)
        let before = try Data(contentsOf: URL(filePath: folder.path(model)))
        #expect(try run("sign", "--key", "key", "--model", model).exitCode == 0)
        #expect(try Data(contentsOf: URL(filePath: folder.path(model))) == before)
        #expect(try Data(contentsOf: URL(filePath: folder.path(model + ".sig"))).count == 64)
        let good = try run("verify", "--key", "key.pub", "--model", model)
        #expect(good.exitCode == 0 && good.output.contains("signed by the owner of key.pub"), "\(good)")

        for at in [0, 9, before.count / 2, before.count - 1] {
            var changed = before
            changed[at] ^= 1
            try changed.write(to: URL(filePath: folder.path(model)))
            let refused = try run("verify", "--key", "key.pub", "--model", model)
            #expect(refused.exitCode == 1 && refused.output.isEmpty)
            #expect(refused.errors.contains("\(model): the signature in \(model).sig is not"), "\(refused.errors)")
        }
        // A damaged model is not worth a signature.
        #expect(try run("sign", "--key", "key", "--model", model, "--output", "other.sig").exitCode == 1)
        #expect(!FileManager.default.fileExists(atPath: folder.path("other.sig")))
    }

    @Test("another key, no signature and wrong files are refused with what is wrong") func refusals() throws {
        try makeKeys()
        try makeKeys("other")
        #expect(try run("sign", "--key", "key", "--model", model).exitCode == 0)
        #expect(try run("verify", "--key", "other.pub", "--model", model).errors.contains("another key signed it"))
        #expect(
            try run("verify", "--key", "key", "--model", model).errors.contains("key: a private key"),
            "the private key is taken")
        #expect(try run("sign", "--key", "key.pub", "--model", model).errors.contains("key.pub: a public key"))
        #expect(
            try run("verify", "--key", "key.pub", "--model", model, "--signature", "key").errors.contains(
                "key: is no signature"))
        #expect(try run("verify", "--key", "key.pub", "--model", "key").errors.contains("key.sig: no such file"))
        #expect(try run("keygen", "--key", "key").errors.contains("key: is there already"))
        #expect(try run("sign", "--key", "", "--model", model).exitCode == 2)
    }

    @Test("OpenSSL verifies what sign wrote, and sign takes OpenSSL's keys") func openssl() throws {
        let openssl = "/usr/bin/openssl"
        try #require(FileManager.default.isExecutableFile(atPath: openssl), "scripts/setup installs it")
        try Command.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", folder.path("key")])
        try Command.run([openssl, "pkey", "-in", folder.path("key"), "-pubout", "-out", folder.path("key.pub")])
        #expect(try run("sign", "--key", "key", "--model", model).exitCode == 0)
        try Command.run([
            openssl, "pkeyutl", "-verify", "-pubin", "-inkey", folder.path("key.pub"), "-rawin", "-in",
            folder.path(model), "-sigfile", folder.path(model + ".sig"),
        ])
        #expect(try run("verify", "--key", "key.pub", "--model", model, "--json").output.contains("true"))
    }
}
