import MetaformerData
import MetaformerInspection

/// The definitions of the metrics as plainly as they can be written: no sorting of pixels, nothing shared with the engine.
struct NaiveEvaluation {
    var images: [(map: FloatMap, mask: DefectMask?)]

    /// A pixel list a region, by flooding.
    private static func regions(_ mask: DefectMask) -> [[Int]] {
        var left = Set(mask.pixels.indices.filter { mask.pixels[$0] != 0 })
        var found: [[Int]] = []
        for start in mask.pixels.indices where left.contains(start) {
            var region: [Int] = []
            var pending = [start]
            left.remove(start)
            while let at = pending.popLast() {
                region.append(at)
                for dy in -1...1 {
                    for dx in -1...1 {
                        let (x, y) = (at % mask.width + dx, at / mask.width + dy)
                        guard x >= 0, x < mask.width, y >= 0, y < mask.height else { continue }
                        if left.remove(y * mask.width + x) != nil { pending.append(y * mask.width + x) }
                    }
                }
            }
            found.append(region)
        }
        return found
    }

    private var good: [Float] {
        images.flatMap { image in
            image.map.values.indices.filter { image.mask?.pixels[$0] ?? 0 == 0 }.map { image.map.values[$0] }
        }
    }

    private var regionScores: [[Float]] {
        images.flatMap { image in
            image.mask.map(NaiveEvaluation.regions)?.map { $0.map { image.map.values[$0] } } ?? []
        }
    }

    /// Points at every distinct score of any pixel.
    var curve: [(threshold: Float, rate: Double, recall: Double, overlap: Double)] {
        let (good, regions) = (good, regionScores)
        let defective = regions.flatMap { $0 }
        func share(_ scores: [Float], _ t: Float) -> Double {
            Double(scores.filter { $0 >= t }.count) / Double(scores.count)
        }
        let thresholds = Set(good + defective).sorted(by: >)
        return [(Float.infinity, 0, 0, 0)]
            + thresholds.map { t in
                (
                    t, share(good, t), share(defective, t),
                    regions.map { share($0, t) }.reduce(0, +) / Double(regions.count)
                )
            }
    }

    func pro(limit: Double) -> Double {
        area(curve.map { ($0.rate, $0.overlap) }, limit: limit)
    }

    var auroc: Double { area(curve.map { ($0.rate, $0.recall) }, limit: 1) }

    var averagePrecision: Double {
        let (good, defective) = (Double(good.count), Double(regionScores.joined().count))
        return zip(curve, curve.dropFirst()).reduce(0) { sum, step in
            let found = step.1.recall * defective
            return sum + (step.1.recall - step.0.recall) * found / (found + step.1.rate * good)
        }
    }

    private func area(_ points: [(Double, Double)], limit: Double) -> Double {
        var sum = 0.0
        for ((x0, y0), (x1, y1)) in zip(points, points.dropFirst()) where x1 > x0 && x0 < limit {
            let end = min(x1, limit)
            let y = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            sum += (end - x0) * (y0 + y) / 2
        }
        return sum / limit
    }
}
