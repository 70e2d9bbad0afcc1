import MetaformerData
import MetaformerModels

/// Good images and their defective copies, on which maps and scores are tried out.
struct MapSelection {
    private let comparison: MapComparison
    private let own: AnomalyMap
    private let good: [CalibrationImage]
    private let options: Calibration.Options
    /// In which half an image is.
    private let half: [Int]
    /// By half, then by kind: of the images in that half.
    private var normalities: [[Normality]]
    /// By good image, then as `choices`.
    private var scores: [[Float]] = []
    private let report: () -> Void

    private var side: (height: Int, width: Int) { (comparison.imageShape[2], comparison.imageShape[3]) }

    /// The model's own first.
    private var choices: [Calibration.Choice] {
        let all = MapComparison.kinds.flatMap { kind in
            [true, false].flatMap { isNormalized in
                AnomalyMap.Score.allCases.map {
                    Calibration.Choice(kind: kind, isNormalized: isNormalized, score: $0)
                }
            }
        }
        let present = Calibration.Choice(kind: own.kind, isNormalized: own.isNormalized, score: own.score)
        return [present] + all.filter { $0 != present }
    }

    /// Measures what is normal in either half of the good images.
    init(
        _ comparison: MapComparison, own: AnomalyMap, good: [CalibrationImage],
        options: Calibration.Options,
        progress: @escaping (Int, Int) -> Void
    ) throws {
        self.comparison = comparison
        self.own = own
        self.good = good
        self.options = options
        var generator = RandomGenerator(seed: options.seed, stream: 5)
        var half = [Int](repeating: 0, count: good.count)
        for (place, index) in good.indices.shuffled(using: &generator).enumerated() { half[index] = place % 2 }
        self.half = half
        let compared = min(good.count, Calibration.comparedCount)
        let total = 2 * good.count + compared * SyntheticDefect.allCases.count
        var done = 0
        report = {
            done += 1
            progress(done, total)
        }
        let positions = comparison.imageShape[2] * comparison.imageShape[3]
        let empty = MapComparison.kinds.map { _ in Normality(positions: positions) }
        normalities = [empty, empty]
        for (index, item) in good.enumerated() {
            for (kind, map) in try maps(of: item.image(), item.name).enumerated() {
                normalities[half[index]][kind].add(map)
            }
            report()
        }
    }

    private func maps(of image: Image, _ name: String) throws -> [[Float]] {
        let frame = try Frame(image, of: name)
        return try comparison.maps(
            of: frame.planes(channels: comparison.imageShape[1], height: side.height, width: side.width))
    }

    /// A map as a choice has it, for an image in a half: measured against the good images of the other half.
    private func map(_ maps: [[Float]], _ choice: Calibration.Choice, half: Int, _ norms: Norms) -> [Float] {
        guard let kind = MapComparison.kinds.firstIndex(of: choice.kind) else { return [] }
        guard choice.isNormalized else { return maps[kind] }
        let (mean, gain) = norms[1 - half][kind]
        return maps[kind].indices.map { (maps[kind][$0] - mean[$0]) * gain[$0] }
    }

    private typealias Norms = [[(mean: [Float], gain: [Float])]]

    /// An image that is compared.
    private struct Shown {
        let maps: [[Float]]
        let half: Int
        /// nil for a good image.
        let mask: DefectMask?
    }

    /// Tries all choices out.
    mutating func compare() throws -> [Calibration.Row] {
        let choices = choices
        let norms = normalities.map { $0.map(\.parameters) }
        var shown: [Shown] = []
        var generator = RandomGenerator(seed: options.seed, stream: 6)
        let compared = Set(good.indices.shuffled(using: &generator).prefix(Calibration.comparedCount))
        for (index, item) in good.enumerated() {
            let image = try item.image()
            let raw = try maps(of: image, item.name)
            scores.append(try choices.map { try $0.score(map(raw, $0, half: half[index], norms)) })
            report()
            guard compared.contains(index) else { continue }
            shown.append(Shown(maps: raw, half: half[index], mask: nil))
            for kind in SyntheticDefect.allCases {
                let copy = kind.painted(on: image, using: &generator)
                let mask = try self.mask(of: copy)
                shown.append(Shown(maps: try maps(of: copy.image, item.name), half: half[index], mask: mask))
                report()
            }
        }
        var pixelAUROC: [Calibration.Choice: Double] = [:]
        return try choices.map { choice in
            var region = choice
            region.score = .maximum
            let known = pixelAUROC[region]
            let evaluation = known == nil ? try MapEvaluation(threads: options.threads) : nil
            var imageScores: [Float] = []
            for item in shown {
                let map = map(item.maps, choice, half: item.half, norms)
                imageScores.append(try choice.score(map))
                try evaluation?.add(
                    FloatMap(width: side.width, height: side.height, values: map), mask: item.mask)
            }
            let labels = shown.map { $0.mask != nil }
            let images = try Classification(scores: imageScores, isDefective: labels).auroc
            let pixels = try known ?? evaluation?.measure().auroc ?? .nan
            pixelAUROC[region] = pixels
            return Calibration.Row(choice: choice, imageAUROC: images, pixelAUROC: pixels)
        }
    }

    /// Where a defect is in the model's input: the mask, resampled as the image is.
    private func mask(of copy: SyntheticDefect.Painted) throws -> DefectMask {
        let (width, height) = (copy.image.width, copy.image.height)
        let frame = try Frame(width: width, height: height, format: .mono8, bytes: copy.mask.map { $0 * 255 })
        let plane = try frame.planes(channels: 1, height: side.height, width: side.width)
        return DefectMask(width: side.width, height: side.height, pixels: plane.map { $0 > 0.5 ? 1 : 0 })
    }

    /// The scores of all good images, after `compare`.
    func goodScores(_ choice: Calibration.Choice) -> [Float] {
        guard let column = choices.firstIndex(of: choice) else { return [] }
        return scores.map { $0[column] }
    }

    /// What is normal, by all good images.
    func normality(of kind: AnomalyMap.Kind) -> (mean: [Float], gain: [Float]) {
        let index = MapComparison.kinds.firstIndex(of: kind) ?? 0
        return normalities[0][index].merging(normalities[1][index]).parameters
    }
}
