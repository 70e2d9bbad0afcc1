import MetaformerEngine
import MetaformerGraph

/// Which good images a detector that the engine does not adapt holds back for its threshold: by the engine's own rule.
enum HoldOut {
    /// One pair for each model that is fitted to the kept ones; none of a single image.
    static func folds(of count: Int, seed: UInt64) throws -> [(kept: [Int], held: [Int])] {
        var folds: [(kept: [Int], held: [Int])] = []
        var total = count > 1 ? 1 : 0
        while folds.count < total {
            var order = [Int](repeating: 0, count: count)
            var held = 0
            try EngineError.check { error in
                mf_hold_out_fold(seed, count, folds.count, &order, &held, &total, error)
            }
            folds.append((Array(order.dropLast(held)), Array(order.suffix(held))))
        }
        return folds
    }

    /// Eight copies of planes [C, size, size] that are shifted by eight pixels, for a single image.
    static func shiftedCopies(of planes: [Float], size: Int) throws -> [[Float]] {
        let shifts: [(Int32, Int32)] = [(-8, -8), (-8, 0), (-8, 8), (0, -8), (0, 8), (8, -8), (8, 0), (8, 8)]
        return try shifts.map { down, right in
            var copy = [Float](repeating: 0, count: planes.count)
            try EngineError.check { error in
                mf_planes_shift(
                    planes, planes.count / (size * size), Int32(size), Int32(size), down, right, &copy, error)
            }
            return copy
        }
    }
}
