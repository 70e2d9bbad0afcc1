import MetaformerData

/// Which good images a detector that is not the engine's to adapt to holds back for its threshold, by the engine's own rule: of
/// 30 or more a fifth, but 10 at least; three folds of fewer; of a single one, shifted copies.
struct HoldOut {
    /// One pair a fit. Empty for a single image.
    let folds: [(kept: [Int], held: [Int])]

    init(count: Int, seed: UInt64) {
        var generator = RandomGenerator(seed: seed, stream: 3)
        let order = Array(0..<count).shuffled(using: &generator)
        let parts = count >= 30 ? 1 : min(count, 3)
        guard count > 1 else {
            folds = []
            return
        }
        folds = (0..<parts).map { part in
            let isHeld: (Int) -> Bool = { count >= 30 ? $0 < max(count / 5, 10) : $0 % parts == part }
            return (
                order.indices.filter { !isHeld($0) }.map { order[$0] }, order.indices.filter(isHeld).map { order[$0] }
            )
        }
    }

    /// Eight views of planes [C, size, size], shifted by eight pixels; edges are repeated.
    static func views(of planes: [Float], size: Int) -> [[Float]] {
        let shifts = [(-8, -8), (-8, 0), (-8, 8), (0, -8), (0, 8), (8, -8), (8, 0), (8, 8)]
        return shifts.map { down, right in
            planes.indices.map { index in
                let (plane, y, x) = (index / (size * size), index / size % size, index % size)
                let (row, column) = (min(max(y + down, 0), size - 1), min(max(x + right, 0), size - 1))
                return planes[(plane * size + row) * size + column]
            }
        }
    }
}
