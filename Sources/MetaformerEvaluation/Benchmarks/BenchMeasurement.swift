/// How long something took, of several runs.
package struct BenchMeasurement: Encodable {
    package let name: String
    /// The median.
    package let milliseconds: Double
    package let fastestMilliseconds: Double
    /// Of every timed run, in their order.
    let allMilliseconds: [Double]
    package let arenaMegabytes: Double
    let scratchMegabytes: Double
    package var profile: BenchProfile?

    /// - Parameter seconds: of every timed run, one at least.
    package init(
        _ name: String, seconds: [Double], arenaBytes: Int, scratchBytes: Int = 0, profile: BenchProfile? = nil
    ) {
        let sorted = seconds.sorted()
        self.name = name
        milliseconds = sorted[sorted.count / 2] * 1e3
        fastestMilliseconds = sorted[0] * 1e3
        allMilliseconds = seconds.map { $0 * 1e3 }
        arenaMegabytes = Double(arenaBytes) * 1e-6
        scratchMegabytes = Double(scratchBytes) * 1e-6
        self.profile = profile
    }
}
