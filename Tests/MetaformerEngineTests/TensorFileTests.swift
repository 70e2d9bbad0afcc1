import Foundation
import MetaformerEngine
import MetaformerGraph
import Testing

@Suite("Tensor files")
struct TensorFileTests {
    private let path = FileManager.default.temporaryDirectory.appending(path: "metaformer-file-\(UUID().uuidString)")
        .path

    private static let file = TensorFile(
        entries: [
            .init(name: "bytes", bytes: [1, 2, 3, 4, 5, 6, 7]),
            .init(
                name: "weight \"quoted\" \\ and ünïcode", shape: [2, 3],
                contents: .floats([1, -2, .infinity, 0.1, -0.0, 0x1p-130])),
            .init(name: "scalar", shape: [], contents: .floats([7])),
            .init(name: "half", shape: [3], contents: .floats([0.5, -65504, 0x1p-24]), isHalf: true),
            .init(name: "none", shape: [0, 4], contents: .floats([])),
        ],
        metadata: ["key": "a line\nand a \"quote\"", "empty": ""])

    /// The status and text with which bytes are refused; nil where they are taken.
    private func refusal(_ bytes: [UInt8]) -> EngineError? {
        do {
            var handle: OpaquePointer?
            try EngineError.check { error in mf_file_open_memory(bytes, bytes.count, &handle, error) }
            mf_file_release(handle)
            return nil
        } catch {
            return error
        }
    }

    /// A file of a header and so many bytes of data.
    private func bytes(header: String, data: Int = 0) -> [UInt8] {
        let text = Array(header.utf8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
            + [UInt8](repeating: 0, count: data)
    }

    @Test("round trip") func roundTrip() throws {
        let read = try TensorFile(bytes: TensorFileTests.file.bytes())
        for entry in TensorFileTests.file.entries { #expect(read.entries.first { $0.name == entry.name } == entry) }
        #expect(read.entries.count == TensorFileTests.file.entries.count)
        for (key, value) in TensorFileTests.file.metadata { #expect(read.metadata[key] == value) }
        #expect(read.metadata["format"] == "metaformer 1")
    }

    @Test("what is written to memory is what is written to disk, byte for byte") func memoryAndDisk() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let bytes = try TensorFileTests.file.bytes()
        try TensorFileTests.file.write(path: path)
        #expect(try Data(bytes) == Data(contentsOf: URL(filePath: path)))
        let (read, reread) = try (TensorFile(bytes: bytes), TensorFile(path: path))
        #expect(read.entries == reread.entries && read.metadata == reread.metadata)
        // What is read has the order of the file, and is written as it was.
        #expect(try read.bytes() == bytes)
        #expect(try TensorFile(bytes: TensorFile().bytes()).entries.isEmpty)
    }

    @Test("a long tensor of half precision is written as short ones are") func longHalves() throws {
        let values = (0..<10_000).map { Float(Float16($0)) / 16 }
        let entry = TensorFile.Entry(name: "x", shape: [values.count], contents: .floats(values), isHalf: true)
        let bytes = try TensorFile(entries: [entry]).bytes()
        #expect(try TensorFile(bytes: bytes).entries == [entry])
        #expect(
            bytes.suffix(20_000).elementsEqual(
                values.flatMap { value in
                    withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { Array($0) }
                }))
    }

    @Test("the header is what the format says") func headerFormat() throws {
        let bytes = try TensorFileTests.file.bytes()
        let size = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect((size + 8) % 64 == 0)
        let json = try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + size])) as? [String: Any]
        let header = try #require(json)
        var end = 0
        for entry in TensorFileTests.file.entries {
            let tensor = try #require(header[entry.name] as? [String: Any])
            let offsets = try #require(tensor["data_offsets"] as? [Int])
            #expect(tensor["shape"] as? [Int] == entry.shape.dims)
            #expect(offsets.count == 2 && offsets[0] <= offsets[1])
            end = max(end, offsets.last ?? 0)
        }
        #expect(8 + size + end == bytes.count)
        #expect(header["__metadata__"] is [String: String])
    }

    @Test("every cut is refused with a reason") func truncated() throws {
        let bytes = try TensorFileTests.file.bytes()
        for count in 0..<bytes.count {
            let error = try #require(refusal(Array(bytes.prefix(count))), "\(count) of \(bytes.count) bytes are taken")
            #expect(!error.description.isEmpty)
        }
        #expect(refusal(bytes) == nil)
    }

    @Test("every flipped bit is refused") func flipped() throws {
        let bytes = try TensorFileTests.file.bytes()
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            guard refusal(damaged) == nil else { continue }
            // Only where the file is no longer one that claims a checksum can a flip be taken for another valid file.
            let text = String(decoding: damaged, as: UTF8.self)
            #expect(!text.contains("\"format\":\"metaformer"), "bit \(bit) of byte \(bit / 8)")
        }
    }

    @Test(
        "malformed headers",
        arguments: [
            (#"{}x"#, "text after its end"), (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, "expected"),
            (#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, "type F64"),
            (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "bytes of its shape"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "does not lie"),
            (#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#, "bytes of its shape"),
            (#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}} "#, "odd address"),
            (
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
                "twice"
            ),
            (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, "too large"),
            (#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, "over 6 numbers"),
            (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, "number too large"),
            (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "number expected"),
            (#"{"a":{"dtype":"F32","shape":[1]}}"#, "lacks"),
            (#"{"a":{"dtype":"F32","dtype":"F32"}}"#, "unexpected 'dtype'"),
            (#"{"a":{"other":1}}"#, "unexpected 'other'"), (#"{"__metadata__":{"a":1}}"#, "'\"' expected"),
            (#"{"a\q":1}"#, "unknown escape"), (#"{"a"#, "unfinished string"),
        ])
    func malformed(header: String, reason: String) throws {
        let error = try #require(refusal(bytes(header: header, data: 4)))
        #expect(error.description.contains(reason), "\(error.description)")
    }

    @Test("what a small file declares is not allocated") func bounded() throws {
        // A header that says it is larger than any file, and one of more tensors than there may be.
        let huge = withUnsafeBytes(of: UInt64.max.littleEndian) { Array($0) } + Array("{}".utf8)
        #expect(refusal(huge)?.status == MF_E_FORMAT)
        let one = #""%":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
        let many =
            "{" + (0..<5000).map { one.replacingOccurrences(of: "%", with: "\($0)") }.joined(separator: ",") + "}"
        #expect(refusal(bytes(header: many))?.status == MF_E_LIMIT)
    }

    @Test("files of other tools need no checksum, models do") func foreignFiles() throws {
        let foreign = bytes(header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4)
        // Its data lie at an address that is no multiple of 4 unless the header's length is one.
        let padded = bytes(header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#, data: 4)
        #expect(refusal(padded) == nil || refusal(foreign) == nil)
        var model: OpaquePointer?
        let error = #expect(throws: EngineError.self) {
            try EngineError.check { error in mf_model_open_memory(padded, padded.count, nil, &model, error) }
        }
        #expect(error?.status == MF_E_FORMAT && model == nil)
    }

    @Test("a file of another version says so") func versions() throws {
        let header = #"{"__metadata__":{"format":"metaformer 2","checksum":"00000000000000000000000000000000"}}"#
        #expect(refusal(bytes(header: header))?.status == MF_E_VERSION)
    }

    @Test("writing where nothing can be written leaves nothing") func unwritable() throws {
        let path = "/nonexistent-folder/file"
        let error = #expect(throws: EngineError.self) { try TensorFileTests.file.write(path: path) }
        #expect(error?.status == MF_E_IO && error?.description.contains(path) == true)
    }
}
