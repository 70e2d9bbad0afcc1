import Foundation
import MetaformerGraph
import MetaformerModels

/// The learning rate of a step: reduced by a factor every so many epochs.
public struct LearningRateSchedule: Hashable, Sendable, Codable {
    public var start: Float
    /// The factor; the paper's "decaying 10 %" is 0.9.
    public var decay: Float = 0.9
    /// Epochs between reductions; 0 for none.
    public var interval: Int

    public init(start: Float, decay: Float = 0.9, interval: Int = 20) {
        self.start = start
        self.decay = decay
        self.interval = interval
    }

    public func rate(epoch: Int) -> Float {
        interval > 0 ? start * Foundation.pow(decay, Float(epoch / interval)) : start
    }
}

/// Steps parameters along a gradient by the update program of a model file, and keeps the optimiser's state.
public final class OuterOptimizer {
    public let parameters: ParameterVector
    /// Filled by the caller; zeros after each step.
    public let gradient: ParameterVector
    private let runner: Runner
    private let rate = FloatBuffer(count: 1)
    /// State by name: Adam's moments and the weights of its averages.
    private let state: [(name: String, buffer: FloatBuffer)]

    public init(_ optimizer: Optimizer, of parameters: ParameterVector, threads: Int = 0) throws {
        self.parameters = parameters
        gradient = ParameterVector(parameters.layout)
        runner = try Runner(program: optimizer.program(updating: parameters.layout.parameters).data, threads: threads)
        for (index, parameter) in parameters.layout.parameters.enumerated() {
            try runner.bind(parameter.name, to: parameters.parts[index])
            try runner.bind("gradient/\(parameter.name)", to: gradient.parts[index])
        }
        try runner.bind("learning_rate", to: rate)
        try runner.bindRemaining()
        let runner = runner
        state = runner.slots.filter { $0.kind == .variable && $0.name.hasPrefix("adam.") }.compactMap { slot in
            runner.buffer(slot.name).map { (slot.name, $0) }
        }
    }

    /// One step; gives the norm of the gradient before it was clipped to `maximumNorm` (0: not clipped).
    ///
    /// Throws where the gradient is not finite, before anything has changed.
    @discardableResult
    public func step(learningRate: Float, maximumNorm: Float = 0) throws -> Double {
        let norm = gradient.norm
        guard norm.isFinite else {
            let name = gradient.firstNotFinite ?? "all parameters"
            throw TrainingError(
                "the gradient of \(name) is not finite: take a lower learning rate, or clip the gradient")
        }
        if maximumNorm > 0, norm > Double(maximumNorm) { gradient.scale(by: Float(Double(maximumNorm) / norm)) }
        rate[0] = learningRate
        try runner.run()
        return norm
    }

    /// The parameters and the optimiser's state, for a checkpoint.
    public var tensors: [String: [Float]] {
        parameters.values.merging(state.map { ($0.name, $0.buffer.values) }) { first, _ in first }
    }

    /// Goes back to what `tensors` were; throws where one is missing or of another size.
    public func restore(_ tensors: [String: [Float]]) throws {
        try parameters.assign(tensors)
        for (name, buffer) in state {
            guard let values = tensors[name], values.count == buffer.count else {
                throw TrainingError("the optimiser's state \"\(name)\" is missing or of another size")
            }
            buffer.assign(values)
        }
        gradient.setZero()
    }
}
