import COpenSSL
import Foundation

/// A key of OpenSSL's, private or public. It is not changed once it is made, so that threads may share it.
final class Key: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over what OpenSSL has made, if it is an Ed25519 key.
    init(_ pointer: OpaquePointer?, otherwise message: String) throws {
        defer { ERR_clear_error() }
        guard let pointer else { throw SignatureError(message) }
        guard EVP_PKEY_get_id(pointer) == EVP_PKEY_ED25519 else {
            EVP_PKEY_free(pointer)
            throw SignatureError("a key of another algorithm; Ed25519 is what is used here")
        }
        self.pointer = pointer
    }

    deinit { EVP_PKEY_free(pointer) }

    /// Hands `read` the text of a file.
    static func reading(_ pem: Data, _ read: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
        pem.withUnsafeBytes { bytes in
            let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            defer { BIO_free(source) }
            return read(source)
        }
    }

    /// The text that `write` gives.
    static func writing(_ write: (OpaquePointer?) -> Int32) throws -> Data {
        let target = BIO_new(BIO_s_mem())
        defer {
            BIO_free(target)
            ERR_clear_error()
        }
        guard write(target) == 1 else { throw SignatureError("OpenSSL cannot write the key") }
        var text = Data(count: BIO_ctrl_pending(target))
        let count = text.withUnsafeMutableBytes { BIO_read(target, $0.baseAddress, Int32($0.count)) }
        guard count == text.count else { throw SignatureError("OpenSSL cannot write the key") }
        return text
    }
}
