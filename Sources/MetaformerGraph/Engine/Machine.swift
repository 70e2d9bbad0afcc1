import MetaformerEngine

/// What this machine does at best, measured there and then.
public struct Machine: Sendable {
    /// Multiplications and additions a second, in registers.
    public let flopsPerSecond: Double
    /// Read and written a second, of arrays that no cache holds.
    public let bytesPerSecond: Double

    /// Measures for some tenths of a second, in 192 MiB; `threads` as a `Runner` takes them.
    public init(threads: Int = 0) throws {
        var options = mf_runner_options()
        options.struct_size = MemoryLayout<mf_runner_options>.size
        options.threads = Int32(clamping: threads)
        var machine = mf_machine()
        machine.struct_size = MemoryLayout<mf_machine>.size
        try EngineError.check { error in mf_machine_measure(&options, &machine, error) }
        flopsPerSecond = machine.flops_per_second
        bytesPerSecond = machine.bytes_per_second
    }

    /// The least time that work can take: the roofline.
    public func leastSeconds(flops: Double, bytes: Double) -> Double {
        max(flops / flopsPerSecond, bytes / bytesPerSecond)
    }
}
