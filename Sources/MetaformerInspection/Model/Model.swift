import MetaformerEngine
import MetaformerGraph
import MetaformerModels

/// A model file in the engine: immutable, shared between threads.
public final class Model: @unchecked Sendable {
    let handle: OpaquePointer

    /// Opens a file and checks all of it. Throws an `EngineError` that names the file and says what is wrong.
    public init(path: String) throws {
        var handle: OpaquePointer?
        try EngineError.check { error in mf_model_open_file(path, nil, &handle, error) }
        guard let handle else { throw ModelError("\(path): the engine gave no model") }
        self.handle = handle
    }

    /// Opens a file that was made in memory; otherwise as `init(path:)`.
    public init(_ file: TensorFile) throws {
        let bytes = try file.bytes()
        var handle: OpaquePointer?
        try EngineError.check { error in mf_model_open_memory(bytes, bytes.count, nil, &handle, error) }
        guard let handle else { throw ModelError("the engine gave no model") }
        self.handle = handle
    }

    init(consuming handle: OpaquePointer) { self.handle = handle }

    deinit { mf_model_release(handle) }

    /// A value of the model's configuration.
    public subscript(setting key: String) -> String? { mf_model_setting(handle, key).map { String(cString: $0) } }

    /// Whether it knows a product: whether it was adapted to one.
    public var isAdapted: Bool { self[setting: "threshold"] != nil }

    /// The model's file, in memory: for metadata that is to be written with it.
    public func file() throws -> TensorFile {
        try TensorFile(bytes: TensorFile.written { writer, error in mf_model_write(handle, writer, error) })
    }

    /// Writes the model: beside its place, synced, renamed into it.
    public func save(path: String) throws {
        try EngineError.check { error in mf_model_save(handle, path, error) }
    }
}
