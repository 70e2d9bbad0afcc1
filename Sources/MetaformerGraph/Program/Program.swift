/// A graph made into instructions for the engine, in the binary form of the engine's `format.h`.
public struct Program: CustomStringConvertible, Sendable {
    /// The passes to run.
    public struct Options: OptionSet, Hashable, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// Fold constants, apply algebraic identities, and move frozen normalisation into kernels.
        public static let simplification = Options(rawValue: 1 << 0)
        /// Make softmax(q kᵀ) v one instruction.
        public static let attentionFusion = Options(rawValue: 1 << 1)
        /// Compute chains and trees of pointwise operations in one instruction.
        public static let pointwiseFusion = Options(rawValue: 1 << 2)
        /// Evaluate what a reduction reduces while reducing.
        public static let reductionFusion = Options(rawValue: 1 << 3)
        /// Apply pointwise operations to results before they are stored.
        public static let epilogueFusion = Options(rawValue: 1 << 4)
        /// Look for an order of instructions that needs less memory.
        public static let scheduling = Options(rawValue: 1 << 5)
        /// Write results in the place of operands.
        public static let inPlace = Options(rawValue: 1 << 6)

        public static let all = Options(rawValue: (1 << 7) - 1)
    }

    /// The binary form.
    public let data: [UInt8]
    public let plan: MemoryPlan

    /// Compiles what the outputs and the updates of variables need.
    ///
    /// Updates take effect after every read of the old value. Throws a `GraphError` when a name occurs twice, an
    /// updated variable is not in the graph or has another shape, or the tensors belong to different graphs.
    public init(
        graph: Graph, outputs: [(name: String, tensor: Tensor)], updates: [(name: String, tensor: Tensor)] = [],
        options: Options = .all
    ) throws {
        try Program.check(graph, outputs, updates)
        let tensors = try Program.rewrite((outputs + updates).map(\.tensor), in: graph, options)
        var block = try Block(
            outputs: Array(zip(outputs.map(\.name), tensors)),
            updates: Array(zip(updates.map(\.name), tensors.dropFirst(outputs.count))))
        if !options.isDisjoint(with: [.pointwiseFusion, .reductionFusion]) {
            PointwiseFusion.run(
                on: &block, intoPointwise: options.contains(.pointwiseFusion),
                intoReductions: options.contains(.reductionFusion))
        }
        if options.contains(.epilogueFusion) { EpilogueFusion.run(on: &block) }

        let orders = options.contains(.scheduling) ? Schedule.candidates(block) : [Array(block.instructions.indices)]
        let layouts = orders.map { order in
            var ordered = block
            ordered.instructions = order.map { block.instructions[$0] }
            let storage = Storage(ordered, reusingOperands: options.contains(.inPlace))
            return (storage: storage, arena: ArenaLayout(storage.allocations))
        }
        let best = layouts.dropFirst().reduce(layouts[0]) { $1.arena.byteCount < $0.arena.byteCount ? $1 : $0 }
        data = ProgramEncoder.encode(best.storage, best.arena)
        plan = MemoryPlan(
            arenaBytes: best.arena.byteCount, sumBytes: best.storage.sumCount * MemoryLayout<Float>.size,
            lowerBoundBytes: best.arena.lowerBound, instructionCount: best.storage.block.instructions.count)
    }

    /// A listing: a line a buffer, a line an instruction.
    public var description: String {
        do { return try Inspection(data).description } catch { return "\(error)" }
    }

    private static func rewrite(_ tensors: [Tensor], in graph: Graph, _ options: Options) throws -> [Tensor] {
        var tensors = tensors
        @discardableResult func run(_ rules: [any RewriteRule]) throws -> Int {
            guard let graph = tensors.first?.graph else { return 0 }
            let (results, rewrites) = try Rewriter.run(tensors, in: graph, rules: rules)
            tensors = results
            return rewrites
        }
        func simplify() throws {
            // An identity may uncover another one; each round shortens chains, so few are needed.
            for _ in 0..<8 where try run([ConstantFolding(), Simplification()]) == 0 { break }
        }
        if options.contains(.simplification) {
            try simplify()
            try run([NormalizationFolding()])
            try run([WholeImageConvolution()])
            try simplify()
        }
        if options.contains(.attentionFusion) { try run([AttentionFusion()]) }
        if options.contains(.simplification) { try run([Simplification()]) }
        return tensors
    }

    private static func check(
        _ graph: Graph, _ outputs: [(name: String, tensor: Tensor)], _ updates: [(name: String, tensor: Tensor)]
    ) throws {
        guard !outputs.isEmpty || !updates.isEmpty else {
            throw GraphError("program", [], "there is nothing to compute")
        }
        let variables = Dictionary(graph.variables.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        for (kind, results) in [("output", outputs), ("update", updates)] {
            var names: Set<String> = []
            for (name, tensor) in results {
                guard tensor.graph === graph else {
                    throw GraphError("program", [tensor.shape], "\(kind) \"\(name)\" belongs to another graph")
                }
                guard !name.isEmpty, !name.utf8.contains(0), names.insert(name).inserted else {
                    throw GraphError(
                        "program", [tensor.shape],
                        "\(kind) \"\(name)\": names must differ, and not be empty or hold a zero byte")
                }
            }
        }
        for (name, tensor) in outputs where graph.isNamed(name) {
            throw GraphError("program", [tensor.shape], "output \"\(name)\" has the name of an input or a variable")
        }
        for (name, tensor) in updates {
            guard let shape = variables[name] else {
                throw GraphError("program", [tensor.shape], "there is no variable \"\(name)\" to update")
            }
            guard shape == tensor.shape else {
                throw GraphError("program", [tensor.shape], "the update of variable \"\(name)\" must be \(shape)")
            }
        }
    }
}
