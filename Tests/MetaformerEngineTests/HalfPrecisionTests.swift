import Foundation
import MetaformerEngine
import MetaformerGraph
import Testing

/// Files whose floats are stored in half precision, held against Swift's own Float16 and numpy's.
@Suite("Half precision") struct HalfPrecisionTests {
    private let path = FileManager.default.temporaryDirectory.appending(path: "metaformer-half-\(UUID().uuidString)")
        .path

    /// What a file of these values holds after it was written: the halves as they lie in it, and the floats that are read.
    private func written(_ values: [Float]) throws -> (halves: [UInt16], read: TensorFile.Entry) {
        let entry = TensorFile.Entry(name: "x", shape: [values.count], contents: .floats(values), isHalf: true)
        let file = try TensorFile(entries: [entry]).bytes()
        let halves = Array(file.suffix(2 * values.count)).withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
        return (halves, try #require(try TensorFile(bytes: file).entries.first))
    }

    @Test("each of the 65,536 halves is widened exactly") func widening() throws {
        let patterns = Array(UInt16.min...UInt16.max)
        let header = Array(#"{"x":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}} "#.utf8)
        let bytes =
            withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
            + patterns.withUnsafeBytes { Array($0) }
        var handle: OpaquePointer?
        try EngineError.check { error in mf_file_open_memory(bytes, bytes.count, &handle, error) }
        defer { mf_file_release(handle) }
        let tensor = try #require(mf_file_find(handle, "x")).pointee
        #expect(tensor.dtype == MF_F32 && tensor.bytes == 4 * 65536 && mf_file_dtype(handle, 0) == MF_F16)
        let values = try #require(tensor.data).assumingMemoryBound(to: Float.self)
        for pattern in patterns {
            let (value, expected) = (values[Int(pattern)], Float16(bitPattern: pattern))
            let isRight = expected.isNaN ? value.isNaN : value.bitPattern == Float(expected).bitPattern
            #expect(isRight, "\(pattern): \(value)")
        }
    }

    @Test("floats are rounded to nearest, ties to even") func rounding() throws {
        // Every half but NaNs, what lies between it and the next, and that moved by the least possible.
        var values: [Float] = [.infinity, -.infinity, 0x1p-25, 0x1.000002p-25, 65519.996]
        for pattern in UInt16(0)..<0x7bff {
            let (low, high) = (Float(Float16(bitPattern: pattern)), Float(Float16(bitPattern: pattern + 1)))
            let middle = (low + high) / 2
            values += [low, -low, middle, -middle, middle.nextUp, middle.nextDown]
        }
        let (halves, _) = try written(values)
        let expected = values.map { Float16($0).bitPattern }
        #expect(halves == expected)
        let nan = try written([.nan, 1])
        #expect(Float16(bitPattern: nan.halves[0]).isNaN && nan.halves[1] == 0x3c00)
    }

    @Test("what was written is read as it was rounded, and again as it was read") func roundTrip() throws {
        let (halves, read) = try written([0.1, -3.14159, 1e-6, 65504, -0.0])
        let values = halves.map { Float(Float16(bitPattern: $0)) }
        #expect(read == TensorFile.Entry(name: "x", shape: [5], contents: .floats(values), isHalf: true))
        let again = try written(values)
        #expect(again.halves == halves)
    }

    @Test(
        "a number beyond the range is refused with the tensor's name",
        arguments: [65520, -1e9, Float.greatestFiniteMagnitude])
    func overflow(value: Float) throws {
        let entry = TensorFile.Entry(name: "encoder.0", shape: [2], contents: .floats([1, value]), isHalf: true)
        let error = #expect(throws: EngineError.self) { try TensorFile(entries: [entry]).write(path: path) }
        #expect(error?.status == MF_E_LIMIT && error?.description.contains("'encoder.0' holds") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("before".utf8).write(to: URL(filePath: path))
        #expect(throws: EngineError.self) { try TensorFile(entries: [entry]).write(path: path) }
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("before".utf8))
    }

    @Test("numpy's halves are read as numpy widens them") func numpy() throws {
        let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "golden/half/numpy.safetensors")
        let file = try TensorFile(path: golden.path)
        let (half, single) = (try #require(file.floats("half")), try #require(file.floats("single")))
        #expect(half.count > 500 && half.map(\.bitPattern) == single.map(\.bitPattern))
        #expect(file.entries.filter(\.isHalf).map(\.name) == ["half"])
    }
}
