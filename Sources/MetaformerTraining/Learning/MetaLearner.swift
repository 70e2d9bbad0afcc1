import Foundation
import MetaformerGraph
import MetaformerModels

/// How a model is trained on meta-tasks.
public enum LearningMode: String, Sendable, Codable, CaseIterable {
    /// Through the inner steps, exactly: Eq. 5 with its second-order term.
    case maml
    /// The query's gradient after the inner steps stands for the meta-gradient.
    case fomaml
    /// No inner steps: plain training on support and query together. The control of every comparison.
    case joint
}

/// The inner steps of a meta-task: gradient descent on the summed loss of its support, Eq. 3.
public struct InnerLoop: Hashable, Sendable, Codable {
    public var steps = 1
    /// α of Eq. 3, for the loss summed over the support as in Eq. 2.
    public var rate: Float = 1e-4
    /// Whether each step learns a rate of its own for each parameter tensor (Meta-SGD, Li et al. 2017; LSLR, Antoniou et
    /// al. 2019): α · exp(ρ), with ρ learned from 0.
    public var learnsRates = false

    public init() {}
}

/// A few-shot task: the model adapts to the support, and what it then makes of the query is what counts.
public struct Episode: Sendable {
    public var support: [Sample]
    public var query: [Sample]

    public init(support: [Sample], query: [Sample]) {
        self.support = support
        self.query = query
    }
}

/// Losses of an episode, means a sample.
public struct EpisodeLosses: Sendable, Equatable {
    /// Of the support at each inner step, before it.
    public var support: [Double]
    /// Of the query after the last inner step.
    public var query: Double
}

/// Computes meta-gradients: MAML (Finn et al., 2017) in memory that grows neither with samples nor tasks.
///
/// With θ₀ = θ and θ_{k+1} = θ_k − α ∇L_support(θ_k), the gradient of L_query(θ_n) with respect to θ is v₀, where
/// v_n = ∇L_query(θ_n) and v_k = v_{k+1} − α H(θ_k) v_{k+1}, H being the Hessian of L_support. An inner step costs one
/// vector more: its gradient is kept, from which θ_k is made again, bit for bit, on the way back.
public final class MetaLearner {
    public let objective: Objective
    public let inner: InnerLoop
    private let adapted: ParameterVector
    private let vector: ParameterVector
    private let scaled: ParameterVector
    private let product: ParameterVector
    private let gradients: [ParameterVector]

    public init(_ objective: Objective, inner: InnerLoop = InnerLoop()) throws {
        guard inner.steps >= 1, inner.rate.isFinite, inner.rate > 0 else {
            throw TrainingError(
                "\(inner.steps) inner steps at a rate of \(inner.rate): take at least 1, and a rate above 0")
        }
        self.objective = objective
        self.inner = inner
        let layout = objective.layout
        adapted = ParameterVector(layout)
        vector = ParameterVector(layout)
        scaled = ParameterVector(layout)
        product = ParameterVector(layout)
        gradients = (0..<inner.steps).map { _ in ParameterVector(layout) }
    }

    /// The learned part ρ of the rates: a row a step, a column a parameter. Starts at zeros.
    public var rateLayout: ParameterLayout {
        ParameterLayout([
            ParameterSpecification(
                name: "inner.log_rate", shape: [inner.steps, objective.layout.parameters.count], initializer: .zeros)
        ])
    }

    /// Adds weight · ∇_θ of the mean query loss after adaptation to a sum.
    ///
    /// - Parameters:
    ///   - episode: the support to adapt to, and the queries.
    ///   - weight: of this episode in the sum.
    ///   - mode: `joint` takes the mean loss of all samples at θ itself.
    ///   - parameters: θ, before adaptation.
    ///   - logRates: ρ, of `rateLayout`.
    ///   - sum: what the gradient with respect to θ is added to.
    ///   - rateSum: the same for ρ; it is not derived by where nil.
    @discardableResult
    public func addMetaGradient(
        of episode: Episode, weight: Float = 1, mode: LearningMode = .maml, at parameters: ParameterVector,
        logRates: ParameterVector? = nil, to sum: ParameterVector, rateSum: ParameterVector? = nil
    ) throws -> EpisodeLosses {
        guard !episode.support.isEmpty, !episode.query.isEmpty else {
            throw TrainingError("a task needs at least one image to adapt to and one to be evaluated by")
        }
        // A vector of its own for every episode: the sum over episodes has one order wherever they are computed.
        vector.setZero()
        if mode == .joint {
            let samples = episode.support + episode.query
            let loss = try objective.addGradient(
                of: samples, weight: 1 / Float(samples.count), at: parameters, to: vector)
            sum.add(weight, vector)
            return EpisodeLosses(support: [], query: loss)
        }
        let rates = self.rates(logRates)
        let supportLosses = try adapt(to: episode.support, from: parameters, rates)
        let queryLoss = try objective.addGradient(
            of: episode.query, weight: 1 / Float(episode.query.count), at: adapted, to: vector)
        for step in (0..<inner.steps).reversed() where mode == .maml || rateSum != nil {
            if let rateSum { addRateGradient(weight, rates[step], step, to: rateSum) }
            guard mode == .maml else { continue }
            rebuild(before: step, from: parameters, rates)
            scaled.setZero()
            scaled.add(rates[step], vector)
            product.setZero()
            try objective.addHessianProduct(of: episode.support, at: adapted, with: scaled, to: product)
            vector.add(-1, product)
        }
        sum.add(weight, vector)
        return EpisodeLosses(support: supportLosses, query: queryLoss)
    }

    /// The mean loss of the query before and after adaptation to the support.
    public func losses(
        of episode: Episode, at parameters: ParameterVector, logRates: ParameterVector? = nil
    ) throws -> (before: Double, after: Double) {
        let weight = 1 / Float(max(episode.query.count, 1))
        let before = try objective.addGradient(of: episode.query, weight: weight, at: parameters, to: vector)
        _ = try adapt(to: episode.support, from: parameters, rates(logRates))
        let after = try objective.addGradient(of: episode.query, weight: weight, at: adapted, to: vector)
        return (before, after)
    }

    // MARK: Inner steps

    /// Leaves θ_n in `adapted` and the gradient of each step in `gradients`.
    private func adapt(to support: [Sample], from parameters: ParameterVector, _ rates: [[Float]]) throws -> [Double] {
        adapted.copy(parameters)
        return try (0..<inner.steps).map { step in
            gradients[step].setZero()
            let loss = try objective.addGradient(of: support, at: adapted, to: gradients[step])
            adapted.add(rates[step].map { -$0 }, gradients[step])
            return loss / Double(support.count)
        }
    }

    /// Leaves θ_step in `adapted`, by the same subtractions as before.
    private func rebuild(before step: Int, from parameters: ParameterVector, _ rates: [[Float]]) {
        adapted.copy(parameters)
        for index in 0..<step { adapted.add(rates[index].map { -$0 }, gradients[index]) }
    }

    /// α exp(ρ) of each step and parameter.
    private func rates(_ logRates: ParameterVector?) -> [[Float]] {
        let columns = objective.layout.parameters.count
        return (0..<inner.steps).map { step in
            (0..<columns).map { column in
                guard let logRates else { return inner.rate }
                return inner.rate * Foundation.exp(logRates.elements[step * columns + column])
            }
        }
    }

    /// ∂/∂ρ = −α exp(ρ) ⟨g_k, v_{k+1}⟩, a parameter each.
    private func addRateGradient(_ weight: Float, _ rates: [Float], _ step: Int, to sum: ParameterVector) {
        for (column, dot) in gradients[step].dots(vector).enumerated() {
            sum.elements[step * rates.count + column] -= weight * rates[column] * Float(dot)
        }
    }
}
