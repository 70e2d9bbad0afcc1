import MetaformerGraph
import MetaformerModels

/// Applies an effect to an image by a mask, through the editor's own program.
final class EffectComposer {
    private let runner: Runner

    init(_ effect: VisualEffect, size: Int) throws {
        let graph = Graph()
        let image = try graph.input("image", [1, 3, size, size])
        let output = try effect(image, response: graph.input("mask", [1, 1, size, size]))
        runner = try Runner(program: Program(graph: graph, outputs: [("result", output)]).data, threads: 1)
        try runner.bindRemaining()
    }

    /// [3, size, size] of planes of that shape and a mask [1, size, size] in [0, 1].
    func composed(_ planes: [Float], mask: [Float]) throws -> [Float] {
        // Black asks for no background: the program may not read what it does not need.
        runner.buffer("image")?.assign(planes)
        runner.buffer("mask")?.assign(mask)
        try runner.run()
        return runner.buffer("result")?.values ?? []
    }
}
