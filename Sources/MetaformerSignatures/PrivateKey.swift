import COpenSSL
import Foundation

/// An Ed25519 key that signs (RFC 8032). Its file is PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` writes it. Safe to
/// use from several threads.
public struct PrivateKey: Sendable {
    private let key: Key

    /// A new one, by the random numbers of the operating system.
    public init() throws {
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        if EVP_PKEY_keygen_init(context) == 1 { EVP_PKEY_keygen(context, &made) }
        key = try Key(made, otherwise: "OpenSSL makes no Ed25519 key on this system")
    }

    /// Reads a PEM file's bytes.
    ///
    /// - Throws: `SignatureError` for anything but a private Ed25519 key without a password.
    public init(pem: Data) throws {
        if String(decoding: pem, as: UTF8.self).contains("PUBLIC KEY") {
            throw SignatureError("a public key, which cannot sign; give the private one")
        }
        // An empty password, for OpenSSL would ask the terminal for one.
        var password: [CChar] = [0]
        key = try Key(
            Key.reading(pem) { PEM_read_bio_PrivateKey($0, nil, nil, &password) },
            otherwise: "not a private key in PEM (PKCS #8), or one with a password, which is not supported")
    }

    /// The bytes of its file: whoever has them signs as the owner does.
    public var pem: Data {
        get throws { try Key.writing { PEM_write_bio_PrivateKey($0, key.pointer, nil, nil, 0, nil, nil) } }
    }

    public var publicKey: PublicKey {
        get throws { try PublicKey(pem: Key.writing { PEM_write_bio_PUBKEY($0, key.pointer) }) }
    }

    /// The signature of bytes: 64 bytes, always the same.
    public func signature(of bytes: Data) throws -> Data {
        let context = EVP_MD_CTX_new()
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        var signature = Data(count: PublicKey.signatureBytes)
        var count = signature.count
        let isSigned = signature.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                EVP_DigestSignInit(context, nil, nil, nil, key.pointer) == 1
                    && EVP_DigestSign(
                        context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
                        source.baseAddress?.assumingMemoryBound(to: UInt8.self), source.count) == 1
            }
        }
        guard isSigned, count == signature.count else { throw SignatureError("OpenSSL cannot sign with this key") }
        return signature
    }
}
