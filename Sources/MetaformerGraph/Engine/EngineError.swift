import MetaformerEngine

/// A failure that the C engine reported.
public struct EngineError: Error, CustomStringConvertible, Sendable {
    /// The status, such as `MF_E_FORMAT`.
    public let status: mf_status
    /// What was wrong, in one line.
    public let description: String

    init(_ status: mf_status, _ error: mf_error) {
        self.status = status
        let text = withUnsafeBytes(of: error.text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        description = text.isEmpty ? String(cString: mf_status_name(status)) : text
    }

    /// Calls an engine function with a place for its message, and throws where it fails.
    public static func check(_ body: (UnsafeMutablePointer<mf_error>) -> mf_status) throws(EngineError) {
        var error = mf_error()
        error.struct_size = MemoryLayout<mf_error>.size
        let status = body(&error)
        if status != MF_OK { throw EngineError(status, error) }
    }
}
