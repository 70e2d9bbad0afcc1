import Foundation
import MetaformerSignatures

/// The files that signatures lie in, beside what they sign.
enum SignatureFile {
    static let suffix = ".sig"

    /// Reads a key; what is wrong with it is said with its name.
    static func key<Key>(at path: String, _ read: (Data) throws -> Key) throws -> Key {
        let pem = try Data(contentsOf: URL(fileURLWithPath: path))
        do {
            return try read(pem)
        } catch let error as SignatureError {
            throw CommandError("\(path): \(error)")
        }
    }
}
