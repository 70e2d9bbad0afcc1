import MetaformerEngine
import MetaformerGraph
import Testing

/// Sizes that reach the edges: rows and planes that are whole vectors or not, channels that are whole tiles or not, bands.
private let networks: [(String, Network)] = [
    ("whole vectors", .init(1, 16, 16, 32, inner: 24, isResidual: true)),
    ("small planes", .init(1, 20, 12, 12, inner: 60, kernel: 5, isResidual: true)),
    ("odd sizes", .init(2, 5, 13, 19, inner: 7)),
    ("odd sizes, stride 2", .init(2, 5, 13, 19, inner: 9, stride: 2, out: 3)),
    ("5 x 5", .init(1, 6, 21, 37, inner: 10, kernel: 5, out: 11)),
    ("5 x 5, stride 2", .init(1, 6, 24, 48, inner: 11, kernel: 5, stride: 2, out: 2)),
    ("narrow rows", .init(3, 9, 40, 3, inner: 18, kernel: 5)),
    ("one row", .init(1, 4, 1, 70, inner: 33, out: 1)),
    ("large planes in bands", .init(1, 3, 150, 200, inner: 4, isResidual: true)),
    ("large planes in bands, stride 2", .init(1, 3, 150, 201, inner: 5, stride: 2, out: 6)),
    ("deep", .init(1, 700, 6, 12, inner: 26, out: 31)),
]

@Suite("Convolutions in 8-bit integers")
struct Int8Tests {
    @Test("all kernels give the reference's bits, on any number of threads", arguments: networks.indices)
    func bitsAgree(index: Int) throws {
        let (name, network) = networks[index]
        let values = values(network.program, seed: UInt64(index * 64))
        let expected = try run(network.program, values, on: .reference)
        #expect(expected.allSatisfy { $0.isFinite })
        for set in InstructionSet.available {
            for threads in [1, 2, 3, 4, 8] {
                let found = try run(network.program, values, on: set, threads: threads)
                #expect(bits(found) == bits(expected), "\(name) on \(set), \(threads) threads")
            }
            let packed = try run(network.program, values, on: set, isPrepacked: true)
            #expect(bits(packed) == bits(expected), "\(name) on \(set), prepacked")
        }
    }

    @Test("they come close to floats, and are not these", arguments: networks.indices)
    func closeToFloats(index: Int) throws {
        let (name, network) = networks[index]
        let values = values(network.program, seed: UInt64(index * 64))
        let exact = try run(network.program, values, precision: .float)
        let found = try run(network.program, values)
        #expect(difference(found, exact) < 0.04, "\(name)")
        #expect(bits(found) != bits(exact), "\(name)")
    }

    @Test("images of a batch come out as they do alone") func batch() throws {
        let network = Network(3, 6, 10, 18, inner: 20, isResidual: true)
        let alone = Network(1, 6, 10, 18, inner: 20, isResidual: true)
        var values = values(network.program, seed: 5)
        var x = try #require(values["x"])
        let size = x.count / 3
        for i in 0..<size { x[i] *= 30 }  // the images' ranges differ
        values["x"] = x
        let all = try run(network.program, values)
        for image in 0..<3 {
            values["x"] = Array(x[image * size..<(image + 1) * size])
            let part = all[image * all.count / 3..<(image + 1) * all.count / 3]
            #expect(try bits(run(alone.program, values)) == bits(Array(part)), "image \(image)")
        }
    }

    @Test(
        "a convolution of several channels stays in floats, and so does what filters them and stores bytes",
        arguments: [1, 2])
    func denseStaysInFloats(stride: Int) throws {
        var network = Network()
        let x = network.program.buffer([2, 3, 40, 52], .input("x"))
        let first = network.convolution(x, filters: 18, kernel: 3, stride: stride, limit: 6)
        let second = network.convolution(first, filters: 18, kernel: 3, isDepthwise: true, limit: 6)
        _ = network.convolution(second, filters: 5, to: .output("out"))
        let values = values(network.program, seed: 9)
        let exact = try run(network.program, values, precision: .float)
        for set in InstructionSet.available {
            let found = try run(network.program, values, on: set)
            #expect(difference(found, exact) < 0.04 && bits(found) != bits(exact), "\(set)")
            #expect(try bits(run(network.program, values, on: set, threads: 5)) == bits(found), "\(set)")
        }
    }

    /// Who reads the expanded image, beside or in place of the convolution that could read bytes.
    enum Reader: CaseIterable { case sum, reshaped, residual, weights }

    @Test("what anything else reads stays in floats", arguments: Reader.allCases)
    func otherReaders(reader: Reader) throws {
        var network = Network()
        let x = network.program.buffer([1, 8, 12, 16], .input("x"))
        let expanded = network.convolution(x, filters: 8, limit: 6)
        let size = network.program.arenaBytes
        switch reader {
        case .sum:
            let out = network.program.buffer([1, 8, 12, 16], .output("out"))
            let next = network.convolution(expanded, filters: 8)
            network.program.add(
                .pointwise, [expanded, next], to: out, expression: [Step.add.word(0, 1)], steps: 1)
        case .reshaped:
            // The same place of the arena by another name.
            let again = network.program.buffer([1, 8, 192], .arena(0))
            let out = network.program.buffer([1, 8, 192], .output("out"))
            let next = network.convolution(expanded, filters: 8)
            let flat = network.program.buffer([1, 8, 192], .arena(size))
            #expect(next != flat)
            network.program.add(.pointwise, [again, flat], to: out, expression: [Step.add.word(0, 1)], steps: 1)
        case .residual:
            _ = network.convolution(expanded, filters: 8, residual: expanded, to: .output("out"))
        case .weights:
            let w = network.program.buffer([8, 192, 1, 1], .arena(0))
            let image = network.program.buffer([1, 192, 1, 1], .input("image"))
            let out = network.program.buffer([1, 8, 1, 1], .output("out"))
            network.program.add(
                .convolution, [image, w], to: out, attributes: [1, 1, 0, 0, 0, 0, 1], expression: [], steps: 0)
        }
        let values = values(network.program, seed: 3)
        for set in InstructionSet.available {
            let exact = try run(network.program, values, precision: .float, on: set)
            #expect(try bits(run(network.program, values, on: set)) == bits(exact), "\(set)")
        }
    }

    @Test("a place of the arena that was written anew does not count as read") func reusedPlace() throws {
        var network = Network()
        let x = network.program.buffer([1, 8, 12, 16], .input("x"))
        let expanded = network.convolution(x, filters: 8, limit: 6)
        let filtered = network.convolution(expanded, filters: 8, kernel: 3, isDepthwise: true, limit: 6)
        let projected = network.convolution(filtered, filters: 8, to: .arena(0))
        let out = network.program.buffer([1, 8, 12, 16], .output("out"))
        network.program.add(.pointwise, [projected], to: out, expression: [Step.negate.word(0)], steps: 1)
        let values = values(network.program, seed: 4)
        let exact = try run(network.program, values, precision: .float)
        let found = try run(network.program, values)
        #expect(difference(found, exact) < 0.04 && bits(found) != bits(exact))
    }

    @Test("images of one colour, and values that are no numbers, do no harm", arguments: [0, 3, Float.nan, .infinity])
    func degenerate(value: Float) throws {
        let network = Network(1, 6, 10, 18, inner: 20)
        var values = values(network.program, seed: 5)
        values["x"] = values["x"]?.map { _ in value }
        let expected = try run(network.program, values, on: .reference)
        for set in InstructionSet.available {
            let found = try run(network.program, values, on: set)
            #expect(found.map { $0.isFinite } == expected.map { $0.isFinite }, "\(set)")
            if value.isFinite { #expect(bits(found) == bits(expected), "\(set)") }
        }
        if value.isFinite {
            #expect(try difference(expected, run(network.program, values, precision: .float)) < 0.04)
        }
    }

    @Test("a precision that does not exist is refused") func unknownPrecision() throws {
        let bytes = Network(1, 4, 8, 8, inner: 6).program.bytes
        var program: OpaquePointer?
        try #require(mf_program_open(bytes, bytes.count, &program, nil) == MF_OK)
        defer { mf_program_release(program) }
        var options = mf_runner_options()
        options.struct_size = MemoryLayout<mf_runner_options>.size
        options.precision = mf_precision(rawValue: 3)
        var runner: OpaquePointer?
        #expect(mf_runner_create(program, &options, &runner, nil) == MF_E_INVALID)
    }
}
