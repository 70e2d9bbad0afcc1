import MetaformerGraph
import Testing

/// Chains around a depthwise convolution, with enough between them to be run as one.
private struct Chain: Sendable, CustomTestStringConvertible {
    var images = 1
    var channels = 16
    var height = 96
    var width = 192
    var inner = 48
    var kernel = 3
    var stride = 1
    /// nil: half the kernel.
    var padding: Int?
    /// nil: the chain ends with the depthwise convolution.
    var out: Int? = 24
    var expands = true
    var isResidual = false

    var testDescription: String { "\(self)" }

    /// With `isWatched`, what lies between is read by another instruction as well, and has to be in memory.
    func program(isWatched: Bool) -> WrittenProgram {
        var network = Network()
        var x = network.program.buffer([images, channels, height, width], .input("x"))
        let image = x
        var between: [UInt32] = []
        if expands {
            x = network.convolution(x, filters: inner, limit: 6)
            between.append(x)
        }
        let depth = expands ? inner : channels
        x = network.convolution(
            x, filters: depth, kernel: kernel, stride: stride, padding: padding, isDepthwise: true, limit: 6,
            to: out == nil ? .output("out") : nil)
        if let out {
            between.append(x)
            _ = network.convolution(
                x, filters: out, residual: isResidual ? image : nil, to: .output("out"))
        }
        for (index, buffer) in between.enumerated() where isWatched {
            let shape = network.program.shape(of: buffer)
            let copy = network.program.buffer(shape, .output("copy\(index)"))
            network.program.add(.pointwise, [buffer], to: copy, expression: [Step.negate.word(0)], steps: 1)
        }
        return network.program
    }
}

private let chains: [Chain] = [
    Chain(), Chain(kernel: 5), Chain(stride: 2), Chain(kernel: 5, stride: 2), Chain(out: 16, isResidual: true),
    Chain(images: 2, channels: 7, inner: 49, out: 5), Chain(height: 97, inner: 50, stride: 2), Chain(out: nil),
    Chain(channels: 44, out: 9, expands: false), Chain(height: 61, width: 64, inner: 211, kernel: 5, out: 13),
    Chain(height: 3, width: 1024, inner: 256, out: 4),
    // Tasks whose rows all lie in the padding.
    Chain(padding: 25), Chain(kernel: 5, padding: 34, out: nil),
]

@Suite("Convolutions that are run as one")
struct BottleneckTests {
    /// What is timed at 0: instructions that another ran.
    private func timed(_ program: WrittenProgram, on set: InstructionSet) throws -> Int {
        let runner = try Runner(program: program.bytes, threads: 1, instructionSet: set)
        try runner.bindRemaining()
        runner.setTiming(true)
        try runner.run()
        return runner.timings.count
    }

    private func run(
        _ program: WrittenProgram, _ values: [String: [Float]], on set: InstructionSet, threads: Int = 2,
        isPrepacked: Bool = false
    ) throws -> [UInt32] {
        bits(
            try MetaformerEngineTests.run(
                program, values, precision: .float, on: set, threads: threads, isPrepacked: isPrepacked))
    }

    @Test("they give the bits that they give one by one, on any number of threads, packed or not", arguments: chains)
    fileprivate func bitsAreTheSame(chain: Chain) throws {
        let (watched, own) = (chain.program(isWatched: true), chain.program(isWatched: false))
        let values = values(own, seed: 7)
        for set in InstructionSet.available where set != .reference {
            let expected = try run(watched, values, on: set)
            #expect(Set(expected).count > 100)
            for threads in [1, 2, 3, 8] {
                #expect(try run(own, values, on: set, threads: threads) == expected, "\(set), \(threads)")
            }
            #expect(try run(own, values, on: set, isPrepacked: true) == expected, "\(set)")
            #expect(try timed(own, on: set) == 1 && timed(watched, on: set) > 2, "\(set)")
        }
        #expect(try timed(own, on: .reference) > 1)
    }

    @Test("images of a batch come out as they do alone") func batch() throws {
        let (two, one) = (Chain(images: 2, isResidual: false), Chain())
        var values = values(two.program(isWatched: false), seed: 3)
        let x = try #require(values["x"])
        let set = try #require(InstructionSet.available.last)
        let both = try run(two.program(isWatched: false), values, on: set)
        for image in 0..<2 {
            values["x"] = Array(x[image * x.count / 2..<(image + 1) * x.count / 2])
            let part = Array(both[image * both.count / 2..<(image + 1) * both.count / 2])
            #expect(try run(one.program(isWatched: false), values, on: set) == part)
        }
    }

    /// What is written to before a chain has run.
    enum Write: CaseIterable { case nothing, between, imageAtEnd, imageMeanwhile }

    @Test("they stay apart where something writes to what the earlier ones read", arguments: Write.allCases)
    func overwritten(write: Write) throws {
        var network = Network()
        let shape = [1, 16, 96, 192]
        let given = network.program.buffer(shape, .input("x"))
        let x = network.program.buffer(shape, .arena(0))
        network.program.add(.pointwise, [given], to: x, expression: [Step.negate.word(0)], steps: 1)
        network.offset = network.program.end(of: shape, at: 0)
        let place = network.offset
        let expanded = network.convolution(x, filters: 48, limit: 6)
        if write == .imageMeanwhile {
            network.program.add(.pointwise, [given], to: x, expression: [Step.absolute.word(0)], steps: 1)
        }
        let filtered = network.convolution(expanded, filters: 48, kernel: 3, isDepthwise: true, limit: 6)
        let offset = write == .imageAtEnd ? 0 : write == .between ? place : network.offset
        let last = network.convolution(filtered, filters: 16, to: .arena(offset))
        let out = network.program.buffer(shape, .output("out"))
        network.program.add(.pointwise, [last], to: out, expression: [Step.absolute.word(0)], steps: 1)

        let values = values(network.program, seed: 5)
        let expected = try MetaformerEngineTests.run(network.program, values, precision: .float, on: .reference)
        // The first and the last instruction, and the chain; where the image is gone, the expansion stands apart.
        let count = write == .imageMeanwhile ? 5 : write == .imageAtEnd ? 4 : 3
        for set in InstructionSet.available where set != .reference {
            let found = try MetaformerEngineTests.run(network.program, values, precision: .float, on: set)
            #expect(difference(found, expected) < 1e-5, "\(set)")
            #expect(try timed(network.program, on: set) == count, "\(set)")
        }
    }
}
