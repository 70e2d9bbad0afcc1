import MetaformerEngine

/// Why a metric cannot be had: what is wrong with the scores, maps or masks.
public struct MetricError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The engine's status, such as `MF_E_INVALID`.
    public let status: mf_status
    /// What is wrong, in one line.
    public let description: String

    init(_ status: mf_status, _ description: String) {
        self.status = status
        self.description = description
    }

    /// Calls an engine function with a place for its message, and throws where it fails.
    static func check(_ body: (UnsafeMutablePointer<mf_error>) -> mf_status) throws(MetricError) {
        var error = mf_error()
        error.struct_size = MemoryLayout<mf_error>.size
        let status = body(&error)
        guard status != MF_OK else { return }
        let text = withUnsafeBytes(of: error.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        throw MetricError(status, text.isEmpty ? String(cString: mf_status_name(status)) : text)
    }
}

extension mf_metric_options {
    init(threads: Int) {
        self.init()
        struct_size = MemoryLayout<mf_metric_options>.size
        self.threads = Int32(clamping: threads)
    }
}
