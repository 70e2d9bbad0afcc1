import MetaformerGraph
import MetaformerModels

/// The losses of the visual-effect GAN: Wasserstein with gradient penalty (Gulrajani et al., "Improved training of
/// Wasserstein GANs", 2017).
struct AdversarialLosses {
    let prior: InstancePrior
    let discriminator: Discriminator
    let effect: VisualEffect
    /// λ of the penalty.
    let penaltyWeight: Float
    /// How much the generator's loss weighs the response's distance from a known mask; 0 in the paper.
    let pairedWeight: Float

    struct Critic {
        /// Σ w (D(fake) − D(real) + λ penalty), a scalar.
        let loss: Tensor
        /// Σ w (D(real) − D(fake)): the estimate of Wasserstein's distance.
        let distance: Tensor
        /// Σ w (‖∇D(x̂)‖ − 1)².
        let penalty: Tensor
    }

    /// The critic's loss for images `real` and `fake` [N, 3, H, W], mixed by `mix` [N] where the penalty is taken, and
    /// weights [N]. The penalty is made of operations like any other value: its gradient reaches the parameters.
    func critic(real: Tensor, fake: Tensor, mix: Tensor, weights: Tensor, in scope: Scope) throws -> Critic {
        let share = try mix.reshape(to: [mix.shape[0], 1, 1, 1])
        let between = try fake + share * (real - fake)
        let scope = scope["discriminator"]
        let distances = try discriminator(real, in: scope) - discriminator(fake, in: scope)
        // Samples do not meet in the discriminator: the gradient of the sum has each one's own.
        let slope = try gradient(of: discriminator(between, in: scope).sum(), withRespectTo: [between])[0]
        // The small constant keeps the root's derivative finite.
        let norm = try sqrt(square(slope).sum(axes: [1, 2, 3]) + 1e-12)
        let penalty = try (weights * square(norm - 1)).sum()
        let distance = try (weights * distances).sum()
        return Critic(loss: try penaltyWeight * penalty - distance, distance: distance, penalty: penalty)
    }

    /// The generator's loss −Σ w D(fake), and what it makes of images [N, 3, H, W]; beside masks [N, 1, H, W] also the
    /// mean squared error of the response.
    func generator(
        image: Tensor, mask: Tensor?, weights: Tensor, in scope: Scope
    ) throws -> (loss: Tensor, response: Tensor) {
        let response = try prior(image, in: scope["prior"])
        let fake = try effect(image, response: response)
        var values = try -discriminator(fake, in: scope["discriminator"])
        if let mask { values = try values + pairedWeight * square(response - mask).mean(axes: [1, 2, 3]) }
        return (try (weights * values).sum(), response)
    }
}

/// The programs of the visual-effect GAN over micro-batches; gradients are added to "gradient/<name>".
struct AdversarialPrograms: Sendable {
    /// "image" → "response", "fake".
    let generate: Program
    /// "real", "fake", "mix" [B], "weight" [B] → "loss", "distance", "penalty".
    let critic: Program
    /// "image", "mask" where the loss is paired, "weight" [B] → "loss", "mean".
    let generator: Program
    let priorParameters: [ParameterSpecification]
    let discriminatorParameters: [ParameterSpecification]

    init(_ losses: AdversarialLosses, imageSize: Int, microBatch: Int) throws {
        let shape: Shape = [microBatch, 3, imageSize, imageSize]
        let critic = try AdversarialPrograms.critic(losses, shape)
        (self.critic, discriminatorParameters) = critic

        let graph = Graph()
        let scope = Scope(graph)
        let image = try graph.input("image", shape)
        let mask = losses.pairedWeight > 0 ? try graph.input("mask", [microBatch, 1, imageSize, imageSize]) : nil
        let made = try losses.generator(
            image: image, mask: mask, weights: graph.input("weight", [microBatch]), in: scope)
        priorParameters = scope.parameters.filter { $0.name.hasPrefix("prior.") }
        generator = try AdversarialPrograms.accumulating(
            made.loss, priorParameters, graph, outputs: [("loss", made.loss), ("mean", made.response.mean())])
        let fake = try losses.effect(image, response: made.response)
        generate = try Program(graph: graph, outputs: [("response", made.response), ("fake", fake)])
    }

    private static func critic(
        _ losses: AdversarialLosses, _ shape: Shape
    ) throws -> (Program, [ParameterSpecification]) {
        let graph = Graph()
        let scope = Scope(graph)
        let critic = try losses.critic(
            real: graph.input("real", shape), fake: graph.input("fake", shape), mix: graph.input("mix", [shape[0]]),
            weights: graph.input("weight", [shape[0]]), in: scope)
        let program = try accumulating(
            critic.loss, scope.parameters, graph,
            outputs: [("loss", critic.loss), ("distance", critic.distance), ("penalty", critic.penalty)])
        return (program, scope.parameters)
    }

    private static func accumulating(
        _ loss: Tensor, _ parameters: [ParameterSpecification], _ graph: Graph, outputs: [(String, Tensor)]
    ) throws -> Program {
        let variables = try parameters.map { try graph.variable($0.name, $0.shape) }
        let updates = try zip(parameters, gradient(of: loss, withRespectTo: variables)).map { parameter, gradient in
            let name = "gradient/\(parameter.name)"
            return (name: name, tensor: try graph.variable(name, parameter.shape) + gradient)
        }
        return try Program(graph: graph, outputs: outputs.map { (name: $0.0, tensor: $0.1) }, updates: updates)
    }
}
