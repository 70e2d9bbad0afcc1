import Foundation
import Testing

@testable import MetaformerSignatures

@Suite("Signatures") struct SignatureTests {
    /// A test of RFC 8032, section 7.1, in hexadecimal.
    struct Case: Sendable {
        let seed, publicKey, message, signature: String
    }

    static let cases = [
        Case(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        Case(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        Case(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]

    private func bytes(_ hexadecimal: String) -> Data {
        var rest = Substring(hexadecimal)
        var bytes = Data()
        while !rest.isEmpty {
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private func pem(_ kind: String, _ bytes: Data) -> Data {
        Data("-----BEGIN \(kind) KEY-----\n\(bytes.base64EncodedString())\n-----END \(kind) KEY-----\n".utf8)
    }

    @Test("are those of RFC 8032", arguments: cases) func vectors(of test: Case) throws {
        let key = try PrivateKey(pem: pem("PRIVATE", bytes("302e020100300506032b657004220420" + test.seed)))
        #expect(try key.signature(of: bytes(test.message)) == bytes(test.signature))
        let publicKey = try PublicKey(pem: pem("PUBLIC", bytes("302a300506032b6570032100" + test.publicKey)))
        #expect(publicKey.isValid(bytes(test.signature), of: bytes(test.message)))
        #expect(try publicKey.pem == key.publicKey.pem)
    }

    @Test("of other bytes, other signatures and other keys are refused") func refusals() throws {
        let key = try PrivateKey()
        let owner = try key.publicKey
        let message = Data((0..<300).map { UInt8(truncatingIfNeeded: $0) })
        let signature = try key.signature(of: message)
        #expect(owner.isValid(signature, of: message))
        for at in message.indices {
            var changed = message
            changed[at] ^= 1
            #expect(!owner.isValid(signature, of: changed))
        }
        for at in signature.indices {
            var changed = signature
            changed[at] ^= 1
            #expect(!owner.isValid(changed, of: message))
        }
        #expect(!owner.isValid(signature, of: message.dropLast()) && !owner.isValid(signature, of: message + [0]))
        #expect(!owner.isValid(signature.dropLast(), of: message) && !owner.isValid(Data(), of: message))
        #expect(try !PrivateKey().publicKey.isValid(signature, of: message))
    }

    @Test("a key reads back from its file, and what is none is refused") func files() throws {
        let key = try PrivateKey()
        #expect(try PrivateKey(pem: key.pem).publicKey.pem == key.publicKey.pem)
        for text in [Data(), Data("no key".utf8), pem("PRIVATE", Data([1, 2, 3])), Data(try key.pem.dropLast(40))] {
            #expect(throws: SignatureError.self) { try PrivateKey(pem: text) }
            #expect(throws: SignatureError.self) { try PublicKey(pem: text) }
        }
        let swapped = #expect(throws: SignatureError.self) { try PrivateKey(pem: key.publicKey.pem) }
        #expect(swapped?.description.contains("give the private one") == true)
        let secret = #expect(throws: SignatureError.self) { try PublicKey(pem: key.pem) }
        #expect(secret?.description.contains("give the public one") == true)
        // An X25519 key, which agrees on secrets and signs nothing.
        let other = pem("PRIVATE", bytes("302e020100300506032b656e04220420" + SignatureTests.cases[0].seed))
        let algorithm = #expect(throws: SignatureError.self) { try PrivateKey(pem: other) }
        #expect(algorithm?.description.contains("Ed25519") == true)
    }
}
