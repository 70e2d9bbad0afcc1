import COpenSSL
import Foundation

/// What verifies the signatures of a private key. Its file is PEM, as `openssl pkey -pubout` writes it. Safe to use from several
/// threads.
public struct PublicKey: Sendable {
    /// The size of every signature.
    public static let signatureBytes = 64

    private let key: Key

    /// Reads a PEM file's bytes.
    ///
    /// - Throws: `SignatureError` for anything but a public Ed25519 key.
    public init(pem: Data) throws {
        if String(decoding: pem, as: UTF8.self).contains("PRIVATE KEY") {
            throw SignatureError("a private key, which belongs with who signs; give the public one")
        }
        key = try Key(
            Key.reading(pem) { PEM_read_bio_PUBKEY($0, nil, nil, nil) }, otherwise: "not a public key in PEM")
    }

    /// The bytes of its file.
    public var pem: Data { get throws { try Key.writing { PEM_write_bio_PUBKEY($0, key.pointer) } } }

    /// Whether the owner of the private key signed just these bytes.
    public func isValid(_ signature: Data, of bytes: Data) -> Bool {
        guard signature.count == PublicKey.signatureBytes else { return false }
        let context = EVP_MD_CTX_new()
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return signature.withUnsafeBytes { signature in
            bytes.withUnsafeBytes { source in
                EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer) == 1
                    && EVP_DigestVerify(
                        context, signature.baseAddress?.assumingMemoryBound(to: UInt8.self), signature.count,
                        source.baseAddress?.assumingMemoryBound(to: UInt8.self), source.count) == 1
            }
        }
    }
}
