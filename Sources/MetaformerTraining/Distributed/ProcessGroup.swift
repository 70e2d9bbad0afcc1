import Foundation
import MetaformerGraph

#if MPI
    import CMessagePassing
#endif

/// The processes that train one model together, on one machine or several; mostly there is one.
///
/// Work is dealt in blocks, the first to the first process, and its results are put together in the order of the work: they
/// are the same to the last bit for any number of processes. All calls must be made by all processes, in the same order. A
/// process that fails takes the others with it: mpirun ends them.
public final class ProcessGroup {
    /// This process's number, from 0.
    public let rank: Int
    public let count: Int

    /// A process by itself.
    public static var alone: ProcessGroup { ProcessGroup(rank: 0, count: 1) }

    init(rank: Int, count: Int) {
        self.rank = rank
        self.count = count
    }

    /// Joins the processes that mpirun has started with this one, of which there may be none. To be called once.
    ///
    /// - Throws: where there are others, but this program was built without MPI.
    public static func join() throws -> ProcessGroup {
        // What mpirun tells every process; joining without it would start a daemon for nothing.
        let size = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"].flatMap(Int.init) ?? 1
        guard size > 1 else { return alone }
        #if MPI
            var (rank, count): (Int32, Int32) = (0, 1)
            mfp_start(&rank, &count)
            return ProcessGroup(rank: Int(rank), count: Int(count))
        #else
            throw TrainingError(
                "\(size) processes were started, but this program was built without MPI: build it with --traits MPI")
        #endif
    }

    /// Whether this is the process that writes files and speaks for all.
    public var isFirst: Bool { rank == 0 }

    /// Waits for the others, and leaves. No other call may follow.
    public func finish() {
        #if MPI
            if count > 1 { mfp_finish() }
        #endif
    }

    /// This process's part of so many pieces of work.
    func share(of pieces: Int) -> Range<Int> { pieces * rank / count..<pieces * (rank + 1) / count }

    /// Rows of `width` numbers for all pieces of work, of which each process computes its own.
    func map(_ pieces: Int, width: Int, _ body: (Int) throws -> [Double]) throws -> [[Double]] {
        var values = [Double](repeating: 0, count: pieces * width)
        for piece in share(of: pieces) {
            values.replaceSubrange(piece * width..<(piece + 1) * width, with: try body(piece))
        }
        sum(&values)
        return (0..<pieces).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    /// Whether any of the processes says so.
    public func any(_ condition: Bool) -> Bool {
        var votes = [condition ? 1.0 : 0]
        sum(&votes)
        return votes[0] > 0
    }

    /// Sums of which every addend but one is zero: the order of addition does not matter.
    private func sum(_ values: inout [Double]) {
        #if MPI
            if count > 1 { mfp_sum_doubles(&values, Int32(values.count)) }
        #endif
    }

    /// Adds vectors to a sum that starts at zeros: those of the first process in their order, then those of the second, and so
    /// on. Every process ends with the sum over all.
    func addInOrder(_ vectors: [ParameterVector], to sum: ParameterVector) {
        #if MPI
            let (values, length) = (sum.elements.pointer, Int32(sum.count))
            if rank > 0 { mfp_receive_floats(values, length, Int32(rank - 1)) }
            for vector in vectors { sum.add(1, vector) }
            if rank < count - 1 { mfp_send_floats(values, length, Int32(rank + 1)) }
            mfp_broadcast_floats(values, length, Int32(count - 1))
        #else
            for vector in vectors { sum.add(1, vector) }
        #endif
    }

    /// The first process's bytes, on every process.
    private func broadcast(_ bytes: [UInt8]) -> [UInt8] {
        #if MPI
            var length = Int64(bytes.count)
            mfp_broadcast_bytes(&length, Int32(MemoryLayout<Int64>.size), 0)
            var bytes = isFirst ? bytes : [UInt8](repeating: 0, count: Int(length))
            for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
                let part = min(1 << 30, bytes.count - start)
                bytes.withUnsafeMutableBytes { mfp_broadcast_bytes($0.baseAddress.map { $0 + start }, Int32(part), 0) }
            }
        #endif
        return bytes
    }

    /// The first process's checkpoint, on every process.
    func broadcast(_ checkpoint: Checkpoint?) throws -> Checkpoint? {
        guard count > 1 else { return checkpoint }
        let names = checkpoint?.tensors.keys.sorted() ?? []
        let header = CheckpointHeader(
            step: checkpoint?.step, names: names, counts: names.map { checkpoint?.tensors[$0]?.count ?? 0 },
            numbers: checkpoint?.numbers ?? [:])
        let known = try JSONDecoder().decode(
            CheckpointHeader.self, from: Data(broadcast([UInt8](JSONEncoder().encode(header)))))
        guard let step = known.step else { return nil }
        let values = names.flatMap { checkpoint?.tensors[$0] ?? [] }
        let floats = broadcast(values.withUnsafeBytes { [UInt8]($0) }).withUnsafeBytes {
            [Float]($0.bindMemory(to: Float.self))
        }
        var tensors: [String: [Float]] = [:]
        var start = 0
        for (name, count) in zip(known.names, known.counts) {
            tensors[name] = Array(floats[start..<start + count])
            start += count
        }
        return Checkpoint(step: step, tensors: tensors, numbers: known.numbers)
    }
}

private struct CheckpointHeader: Codable {
    let step: Int?
    let names: [String]
    let counts: [Int]
    let numbers: [String: Double]
}

/// A sum over pieces of work that are dealt to processes, in one order however they are dealt.
///
/// A process by itself adds to the sum at once; of several, each keeps an addend for every piece of its own.
final class OrderedSum {
    private let group: ProcessGroup
    private let sum: ParameterVector
    private var addends: [ParameterVector] = []
    private var used = 0

    init(_ sum: ParameterVector, over group: ProcessGroup) {
        self.sum = sum
        self.group = group
    }

    /// Where the next piece of work adds what it gives.
    var next: ParameterVector {
        guard group.count > 1 else { return sum }
        if used == addends.count { addends.append(ParameterVector(sum.layout)) }
        defer { used += 1 }
        addends[used].setZero()
        return addends[used]
    }

    /// Completes the sum, which had zeros, once all processes have done their work.
    func complete() {
        guard group.count > 1 else { return }
        group.addInOrder(Array(addends.prefix(used)), to: sum)
        used = 0
    }
}
