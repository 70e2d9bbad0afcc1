import MetaformerGraph
import MetaformerModels

/// The programs of a model file, bound and ready to be timed.
package struct ModelBench {
    private let runners: [String: Runner]
    private let batch: Int
    private let machine: Machine?
    package let variableMegabytes: Double

    /// - Parameters:
    ///   - parts: compiled for `batch` images beside the file's own programs, which are left out where there are any.
    ///   - precision: of the parts and of inspection; the file's own where nil.
    ///   - machine: what it is profiled on; nil for no profile.
    package init(
        _ file: TensorFile, parts: [ExportedProgram], batch: Int = 1, threads: Int, precision: Precision? = nil,
        profiledOn machine: Machine? = nil
    )
        throws
    {
        let precision = precision ?? file.metadata["precision"].flatMap(Precision.init) ?? .float
        var buffers: [String: FloatBuffer] = [:]
        var runners: [String: Runner] = [:]
        for entry in file.entries {
            if case .floats(let values) = entry.contents { buffers[entry.name] = FloatBuffer(values) }
        }
        var programs = try parts.map { (name: $0.rawValue, bytes: try file.program($0, batch: batch).data) }
        if parts.isEmpty {
            programs = file.entries.compactMap { entry in
                if case .bytes(let bytes) = entry.contents { (entry.name, bytes) } else { nil }
            }
        }
        for (name, bytes) in programs {
            let isInspection = !parts.isEmpty || name == "program/inspect"
            let runner = try Runner(program: bytes, threads: threads, precision: isInspection ? precision : .float)
            for slot in runner.slots where slot.kind == .variable {
                // Variables are shared between programs; those that no file holds are state.
                let buffer = buffers[slot.name] ?? FloatBuffer(count: slot.count)
                buffers[slot.name] = buffer
                try runner.bind(slot.name, to: buffer)
            }
            for slot in runner.slots where slot.kind == .input {
                let buffer = FloatBuffer(count: slot.count)
                for index in 0..<slot.count { buffer[index] = Float((index &* 2_654_435_761) & 0xffff) / 65_536 }
                try runner.bind(slot.name, to: buffer)
            }
            try runner.bindRemaining()
            // As contexts do: inspection changes no weights; the other programs are run between updates of them.
            if isInspection { try runner.prepack() }
            runners[name] = runner
        }
        self.runners = runners
        self.batch = batch
        self.machine = machine
        variableMegabytes = Double(buffers.values.reduce(0) { $0 + $1.count }) * 4e-6
    }

    package func measure(_ part: ExportedProgram, runs: Int) throws -> BenchMeasurement {
        guard let runner = runners[part.rawValue] else { throw EvaluationError("the model has no \(part.rawValue)") }
        return try measure("\(part.rawValue), \(batch) image\(batch == 1 ? "" : "s")", [(runner, 1)], runs)
    }

    /// What the parts gave last, as "<part>/<output>".
    package func outputs(of parts: [ExportedProgram]) -> TensorFile {
        let entries = parts.flatMap { part -> [TensorFile.Entry] in
            guard let runner = runners[part.rawValue] else { return [] }
            return runner.slots.filter { $0.kind == .output }.map { slot in
                TensorFile.Entry(
                    name: "\(part.rawValue)/\(slot.name)", shape: Shape(slot.dimensions),
                    contents: .floats(runner.buffer(slot.name)?.values ?? []))
            }
        }
        return TensorFile(entries: entries, metadata: [:])
    }

    package var canTrain: Bool { runners["program/gradient"] != nil && runners["program/update"] != nil }

    package func measureInspection(runs: Int) throws -> BenchMeasurement {
        guard let inspect = runners["program/inspect"] else {
            throw EvaluationError("the model has no inspect program")
        }
        return try measure("inspect, 1 image", [(inspect, 1)], runs)
    }

    package func measureTrainingStep(batch: Int, runs: Int) throws -> BenchMeasurement {
        guard let gradient = runners["program/gradient"], let update = runners["program/update"],
            let weights = gradient.buffer("weight"),
            let rate = update.buffer("learning_rate")
        else { throw EvaluationError("the model has no programs to train it") }
        weights.fill(1 / Float(batch))
        rate.fill(1e-4)
        let micro = weights.count
        return try measure(
            "training step, \(batch) images", [(gradient, (batch + micro - 1) / micro), (update, 1)], runs)
    }

    /// Times the programs one after the other, each so many times over.
    private func measure(_ name: String, _ work: [(runner: Runner, times: Int)], _ runs: Int) throws
        -> BenchMeasurement
    {
        let clock = ContinuousClock()
        func once() throws { for (runner, times) in work { for _ in 0..<times { try runner.run() } } }
        try once()
        let all = try (0..<runs).map { _ in try clock.measure(once) / .seconds(1) }
        return BenchMeasurement(
            name, seconds: all, arenaBytes: work.reduce(0) { $0 + $1.runner.arenaBytes },
            scratchBytes: work.reduce(0) { $0 + $1.runner.scratchBytes },
            profile: try machine.map { try BenchProfile(work, runs: runs, on: $0) })
    }
}
