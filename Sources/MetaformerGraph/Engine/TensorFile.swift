import MetaformerEngine

/// A `.safetensors` file: named tensors of floats or bytes, and metadata.
public struct TensorFile: Sendable {
    public enum Contents: Sendable, Equatable {
        case floats([Float])
        case bytes([UInt8])
    }

    public struct Entry: Sendable, Equatable {
        public let name: String
        public let shape: Shape
        public let contents: Contents
        /// Whether the file stores the floats in half precision: read from it they are exact, written to it rounded.
        public var isHalf: Bool

        public init(name: String, shape: Shape, contents: Contents, isHalf: Bool = false) {
            self.name = name
            self.shape = shape
            self.contents = contents
            self.isHalf = isHalf
        }

        public init(name: String, bytes: [UInt8]) {
            self.init(name: name, shape: [bytes.count], contents: .bytes(bytes))
        }
    }

    public var entries: [Entry]
    public var metadata: [String: String]

    public init(entries: [Entry] = [], metadata: [String: String] = [:]) {
        self.entries = entries
        self.metadata = metadata
    }

    /// Reads a file. Throws an `EngineError` that says why where it is not one, is cut off or is damaged.
    public init(path: String) throws {
        try self.init { handle, error in mf_file_open(path, &handle, error) }
    }

    /// Reads the bytes of a file; otherwise as `init(path:)`.
    public init(bytes: [UInt8]) throws {
        try self.init { handle, error in mf_file_open_memory(bytes, bytes.count, &handle, error) }
    }

    private init(_ open: (inout OpaquePointer?, UnsafeMutablePointer<mf_error>) -> mf_status) throws {
        var handle: OpaquePointer?
        try EngineError.check { error in open(&handle, error) }
        defer { mf_file_release(handle) }
        entries = (0..<mf_file_tensor_count(handle)).compactMap { index in
            mf_file_tensor(handle, index).map { Entry($0.pointee, isHalf: mf_file_dtype(handle, index) == MF_F16) }
        }
        metadata = [:]
        for index in 0..<mf_file_entry_count(handle) {
            guard let entry = mf_file_entry(handle, index)?.pointee else { continue }
            metadata[String(cString: entry.key)] = String(cString: entry.value)
        }
    }

    /// The floats of a tensor, or nil where there are none of that name.
    public func floats(_ name: String) -> [Float]? {
        guard case .floats(let values) = entries.first(where: { $0.name == name })?.contents else { return nil }
        return values
    }

    /// Writes the file beside its place, and renames it into it: there is never half a file. Throws also where a number of a
    /// tensor of half precision is beyond its range, and names the tensor.
    public func write(path: String) throws {
        try withEngineView { tensors, settings in
            try EngineError.check { error in
                mf_file_write(path, tensors, tensors.count, settings, settings.count, error)
            }
        }
    }

    /// The bytes that `write(path:)` writes. Throws where a number of a tensor of half precision is beyond its range.
    public func bytes() throws -> [UInt8] {
        var bytes: [UInt8] = []
        try withEngineView { tensors, settings in
            bytes = try TensorFile.written { writer, error in
                mf_file_write_to(writer, tensors, tensors.count, settings, settings.count, error)
            }
        }
        return bytes
    }

    /// The bytes that a call of the engine writes.
    package static func written(
        by call: (UnsafePointer<mf_writer>, UnsafeMutablePointer<mf_error>) -> mf_status
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { bytes in
            var writer = mf_writer(
                struct_size: MemoryLayout<mf_writer>.size, opaque: bytes,
                write: { opaque, piece, count in
                    guard let bytes = opaque?.assumingMemoryBound(to: [UInt8].self) else { return 1 }
                    bytes.pointee += UnsafeRawBufferPointer(start: piece, count: count)
                    return 0
                })
            try EngineError.check { error in call(&writer, error) }
        }
        return bytes
    }

    /// Calls `body` with the tensors and the metadata as the engine takes them.
    private func withEngineView(_ body: ([mf_tensor], [mf_entry]) throws -> Void) throws {
        let names = entries.map { CText($0.name) }
        let keys = metadata.sorted { $0.key < $1.key }.map { (CText($0.key), CText($0.value)) }
        let data = entries.map { AlignedBytes($0.contents) }
        let tensors = zip(entries, zip(names, data)).map { entry, storage in
            var tensor = mf_tensor()
            tensor.name = UnsafePointer(storage.0.pointer)
            tensor.dtype = if case .bytes = entry.contents { MF_U8 } else { entry.isHalf ? MF_F16 : MF_F32 }
            tensor.rank = UInt32(entry.shape.rank)
            withUnsafeMutableBytes(of: &tensor.dims) { bytes in
                let dims = bytes.bindMemory(to: UInt64.self)
                for (axis, dim) in entry.shape.dims.enumerated() { dims[axis] = UInt64(dim) }
            }
            tensor.data = UnsafeRawPointer(storage.1.pointer)
            tensor.bytes = storage.1.count
            return tensor
        }
        let settings = keys.map { mf_entry(key: UnsafePointer($0.0.pointer), value: UnsafePointer($0.1.pointer)) }
        try withExtendedLifetime((names, keys, data)) { try body(tensors, settings) }
    }
}

extension TensorFile.Entry {
    fileprivate init(_ tensor: mf_tensor, isHalf: Bool) {
        self.isHalf = isHalf
        name = String(cString: tensor.name)
        shape = withUnsafeBytes(of: tensor.dims) { bytes in
            Shape(bytes.bindMemory(to: UInt64.self).prefix(Int(tensor.rank)).map(Int.init))
        }
        let bytes = UnsafeRawBufferPointer(start: tensor.data, count: tensor.bytes)
        contents = tensor.dtype == MF_F32 ? .floats(Array(bytes.bindMemory(to: Float.self))) : .bytes(Array(bytes))
    }
}

/// A zero-terminated copy of a string.
private final class CText {
    let pointer: UnsafeMutablePointer<CChar>
    init(_ text: String) {
        let characters = Array(text.utf8CString)
        pointer = .allocate(capacity: characters.count)
        pointer.initialize(from: characters, count: characters.count)
    }
    deinit { pointer.deallocate() }
}

/// A copy of a tensor's contents at an address that the engine takes.
private final class AlignedBytes {
    let pointer: UnsafeMutableRawPointer
    let count: Int
    init(_ contents: TensorFile.Contents) {
        func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
            let pointer = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
            if let start = bytes.baseAddress { pointer.copyMemory(from: start, byteCount: bytes.count) }
            return pointer
        }
        switch contents {
        case .floats(let values):
            pointer = values.withUnsafeBytes(copy)
            count = values.count * MemoryLayout<Float>.size
        case .bytes(let values):
            pointer = values.withUnsafeBytes(copy)
            count = values.count
        }
    }
    deinit { pointer.deallocate() }
}
