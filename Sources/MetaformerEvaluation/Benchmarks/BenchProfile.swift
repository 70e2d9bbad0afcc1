import MetaformerGraph
import MetaformerInspection

/// Where the time of programs goes: every instruction in the order in which they run, and the sum of each kind of operation.
package struct BenchProfile: Encodable {
    struct Row: Encodable {
        let operation: String
        /// Of the output; nil for a sum.
        var dimensions: [Int]?
        /// How often it runs.
        var count = 0
        var milliseconds = 0.0
        var gigaflops = 0.0
        /// Read and written.
        var gigabytes = 0.0
        /// The least time that it could take on this machine.
        var leastMilliseconds = 0.0

        /// Of the roofline; over 1 where operands were still in a cache.
        var roofline: Double { milliseconds > 0 ? leastMilliseconds / milliseconds : 0 }
        var gigaflopsPerSecond: Double { milliseconds > 0 ? gigaflops / milliseconds * 1e3 : 0 }
        var gigabytesPerSecond: Double { milliseconds > 0 ? gigabytes / milliseconds * 1e3 : 0 }

        private enum CodingKeys: CodingKey {
            case operation, dimensions, count, milliseconds, gigaflops, gigabytes, gigaflopsPerSecond,
                gigabytesPerSecond, roofline
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(operation, forKey: .operation)
            try container.encodeIfPresent(dimensions, forKey: .dimensions)
            try container.encode(count, forKey: .count)
            try container.encode(milliseconds, forKey: .milliseconds)
            try container.encode(gigaflops, forKey: .gigaflops)
            try container.encode(gigabytes, forKey: .gigabytes)
            try container.encode(gigaflopsPerSecond, forKey: .gigaflopsPerSecond)
            try container.encode(gigabytesPerSecond, forKey: .gigabytesPerSecond)
            try container.encode(roofline, forKey: .roofline)
        }
    }

    var instructions: [Row] = []
    /// The longest first.
    var operations: [Row] = []

    /// Runs the programs, each so many times over, and takes the median time of every instruction over the runs.
    init(_ work: [(runner: Runner, times: Int)], runs: Int, on machine: Machine) throws {
        for (runner, times) in work {
            runner.setTiming(true)
            let all = try (0..<runs).map { _ in
                try runner.run()
                return runner.timings
            }
            runner.setTiming(false)
            for (index, timing) in all[0].enumerated() {
                let seconds = all.map { $0[index].seconds }.sorted()[runs / 2]
                var row = Row(operation: timing.operation, dimensions: timing.dimensions)
                row.count = times
                row.milliseconds = seconds * 1e3 * Double(times)
                row.gigaflops = timing.flops * 1e-9 * Double(times)
                row.gigabytes = timing.bytes * 1e-9 * Double(times)
                row.leastMilliseconds =
                    machine.leastSeconds(flops: timing.flops, bytes: timing.bytes) * 1e3 * Double(times)
                instructions.append(row)
            }
        }
        var sums: [String: Row] = [:]
        for row in instructions {
            var sum = sums[row.operation] ?? Row(operation: row.operation)
            sum.count += row.count
            sum.milliseconds += row.milliseconds
            sum.gigaflops += row.gigaflops
            sum.gigabytes += row.gigabytes
            sum.leastMilliseconds += row.leastMilliseconds
            sums[row.operation] = sum
        }
        operations = sums.values.sorted { ($1.milliseconds, $0.operation) < ($0.milliseconds, $1.operation) }
    }

    /// Two tables, within 100 columns.
    package var text: String {
        let total = instructions.reduce(0) { $0 + $1.milliseconds }
        func figures(_ row: Row) -> [String] {
            let share = total > 0 ? row.milliseconds / total : 0
            return [
                fixed(row.milliseconds, 3), fixed(share * 100, 1), fixed(row.gigaflopsPerSecond, 1),
                fixed(row.gigabytesPerSecond, 1), fixed(row.gigabytes * 1e3, 2), fixed(row.roofline * 100, 0),
            ]
        }
        let columns = ["ms", "%", "GFLOP/s", "GB/s", "MB", "roof %"]
        var table = TextTable(names: 1, header: ["operation", "output", "runs"] + columns, width: 100)
        table.rows = instructions.map { row in
            let shape = (row.dimensions ?? []).map(String.init).joined(separator: "x")
            return [row.operation, shape, "\(row.count)"] + figures(row)
        }
        var sums = TextTable(names: 1, header: ["sum", "runs"] + columns, width: 100)
        sums.rows = operations.map { [$0.operation, "\($0.count)"] + figures($0) }
        return table.text + "\n\n" + sums.text
    }
}
