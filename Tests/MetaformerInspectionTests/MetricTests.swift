import Foundation
import MetaformerData
import MetaformerEngine
import MetaformerInspection
import Testing

private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool { abs(a - b) <= tolerance }

@Suite("Scores of images") struct ClassificationTests {
    @Test("All golden cases are there")
    func complete() {
        #expect(Golden.scores.count == 7 && Golden.maps.count == 14 && Golden.similarities.count == 6)
    }

    @Test("As scikit-learn has them", arguments: Golden.scores)
    func golden(_ golden: Golden.Scores) throws {
        let measured = try Classification(scores: golden.scores, isDefective: golden.labels.map { $0 != 0 })
        #expect(near(measured.auroc, golden.auroc))
        #expect(near(measured.averagePrecision, golden.averagePrecision))
        #expect(near(measured.bestF1, golden.bestF1))
    }

    @Test("The threshold reaches the best F1, and is the highest that does")
    func threshold() throws {
        let scores: [Float] = [0.1, 0.4, 0.4, 0.6, 0.6, 0.9]
        let measured = try Classification(scores: scores, isDefective: [false, false, true, true, true, true])
        // At 0.4 and above: 4 found, 1 false alarm: F1 = 8/9; at 0.6: 3 found, none false: 6/7.
        #expect(near(measured.bestF1, 8.0 / 9) && measured.bestThreshold == 0.4)
        let tied = try Classification(scores: [3, 2, 1, 0], isDefective: [true, false, true, false])
        #expect(near(tied.bestF1, 0.8) && tied.bestThreshold == 1)
    }

    @Test("What cannot be measured is refused")
    func refusals() {
        for bad in [Float.nan, .infinity, -.infinity] {
            #expect(throws: MetricError.self) { try Classification(scores: [1, bad], isDefective: [true, false]) }
        }
        #expect(throws: MetricError.self) { try Classification(scores: [1, 2], isDefective: [true]) }
        #expect(throws: MetricError.self) { try Classification(scores: [1, 2], isDefective: [true, true]) }
        let error = #expect(throws: MetricError.self) { try Classification(scores: [1], isDefective: [false]) }
        #expect(error?.description == "all 1 scores are of good images; both kinds are needed")
        #expect(throws: MetricError.self) { try Classification(scores: [], isDefective: []) }
    }
}

@Suite("Anomaly maps") struct MapEvaluationTests {
    private func evaluation(_ images: [Golden.Maps.Image], threads: Int = 0) throws -> MapEvaluation {
        let evaluation = try MapEvaluation(threads: threads)
        for image in images { try evaluation.add(image.scores, mask: image.defects) }
        return evaluation
    }

    @Test("As scikit-learn has them, and as MVTec's rules say", arguments: Golden.maps)
    func golden(_ golden: Golden.Maps) throws {
        let evaluation = try evaluation(golden.images)
        for (limit, pro) in zip([0.05, 0.3, 1], golden.pro) {
            let measured = try evaluation.measure(proLimit: limit)
            #expect(near(measured.pro, pro), "limit \(limit)")
            #expect(near(measured.auroc, golden.auroc) && near(measured.bestF1, golden.bestF1))
            #expect(near(measured.averagePrecision, golden.averagePrecision))
            #expect(measured.regionCount == golden.overlaps.count && measured.imageCount == golden.images.count)
            #expect(measured.proError == 0 && measured.aurocError == 0)
        }
        let overlaps = try evaluation.overlaps(at: golden.threshold)
        #expect(overlaps.count == golden.overlaps.count)
        #expect(zip(overlaps.sorted(), golden.overlaps.sorted()).allSatisfy { near($0, $1) })
    }

    @Test("The worked example")
    func workedExample() throws {
        let images = try #require(Golden.maps.first).images
        #expect(near(try evaluation(images).measure().pro, 0.852941, 5e-7))
        #expect(near(try evaluation(images).measure(proLimit: 1).pro, 0.955882, 5e-7))
        #expect(near(try evaluation(Array(images.prefix(1))).measure().pro, 0.761905, 5e-7))
        #expect(try evaluation(images).overlaps(at: 0.5) == [1, 0.5])
    }

    /// Images of many sizes; every third one good; scores with few, some or no ties.
    private func random(_ seed: UInt64) -> [(map: FloatMap, mask: DefectMask?)] {
        var generator = RandomGenerator(seed: seed)
        let levels: Float = [3, 40, 1_048_576][Int(seed % 3)]
        let density = Float(generator.uniform(0.02...0.6))
        return (0..<4).map { index in
            let (width, height) = (Int(generator.uniform(1...40)), Int(generator.uniform(1...40)))
            let mask = (0..<width * height).map { _ -> UInt8 in generator.uniform() < density ? 200 : 0 }
            let values = mask.map { mark -> Float in
                ((generator.uniform(-1...1) + (mark != 0 ? 0.4 : 0)) * levels).rounded() / levels
            }
            let isGood = index == 2
            return (
                FloatMap(width: width, height: height, values: values),
                isGood ? nil : DefectMask(width: width, height: height, pixels: mask)
            )
        }
    }

    @Test("As the plainest implementation has them", arguments: 1...12 as ClosedRange<UInt64>)
    func naive(seed: UInt64) throws {
        let images = random(seed)
        let naive = NaiveEvaluation(images: images)
        let evaluation = try MapEvaluation(threads: 2)
        for image in images { try evaluation.add(image.map, mask: image.mask) }
        for limit in [0.05, 0.3, 1] {
            let measured = try evaluation.measure(proLimit: limit)
            #expect(near(measured.pro, naive.pro(limit: limit)))
            #expect(near(measured.auroc, naive.auroc) && near(measured.averagePrecision, naive.averagePrecision))
        }
        // Every corner lies on the naive curve, which has a point for every score.
        let points = try evaluation.curve()
        let all = naive.curve
        for point in points.dropFirst() {
            let expected = all.last { $0.threshold >= point.threshold } ?? all[0]
            #expect(near(point.falsePositiveRate, expected.rate) && near(point.regionOverlap, expected.overlap))
            #expect(near(point.truePositiveRate, expected.recall))
        }
        #expect(points.first.map { [$0.falsePositiveRate, $0.regionOverlap] } == [0, 0])
        #expect(points.last?.falsePositiveRate == 1 && near(points.last?.regionOverlap ?? 0, 1))
    }

    @Test("The same bits for any number of threads")
    func threads() throws {
        let images = (1...6).flatMap { random($0) }
        let results = try [1, 2, 3, 16].map { threads in
            let evaluation = try MapEvaluation(threads: threads)
            for image in images { try evaluation.add(image.map, mask: image.mask) }
            return try evaluation.measure()
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test("A histogram is off by no more than it says", arguments: [16, 256, 4096])
    func histogram(bins: Int) throws {
        let images = random(2) + random(5)
        let exact = try MapEvaluation()
        let coarse = try MapEvaluation(histogram: .init(bins: bins, low: -1, high: 1.2))
        for image in images {
            try exact.add(image.map, mask: image.mask)
            try coarse.add(image.map, mask: image.mask)
        }
        for limit in [0.05, 0.3, 1] {
            let (truth, estimate) = (try exact.measure(proLimit: limit), try coarse.measure(proLimit: limit))
            #expect(abs(truth.pro - estimate.pro) <= estimate.proError + 1e-12)
            #expect(abs(truth.auroc - estimate.auroc) <= estimate.aurocError + 1e-12)
            #expect(estimate.proError > 0 && estimate.proError < 8 / Double(bins) / min(1, limit * 3))
            #expect(estimate.pixelCount == truth.pixelCount && estimate.regionCount == truth.regionCount)
        }
        #expect(throws: MetricError.self) { try coarse.overlaps(at: 0) }
    }

    @Test("What cannot be measured is refused, and changes nothing")
    func refusals() throws {
        let mask = DefectMask(width: 2, height: 1, pixels: [0, 9])
        let evaluation = try MapEvaluation()
        #expect(throws: MetricError.self) { try evaluation.measure() }
        try evaluation.add(FloatMap(width: 2, height: 1, values: [1, 2]))
        let error = #expect(throws: MetricError.self) { try evaluation.measure() }
        #expect(error?.description == "no defective pixel has been added; both kinds are needed")
        for bad in [Float.nan, .infinity, -.infinity] {
            for values in [[bad, 0], [0, bad]] {
                #expect(throws: MetricError.self) {
                    try evaluation.add(FloatMap(width: 2, height: 1, values: values), mask: mask)
                }
            }
        }
        let narrow = FloatMap(width: 1, height: 2, values: [1, 2])
        #expect(throws: MetricError.self) { try evaluation.add(narrow, mask: mask) }
        try evaluation.add(FloatMap(width: 2, height: 1, values: [1, 3]), mask: mask)
        let measured = try evaluation.measure()
        #expect(measured.pro == 1 && measured.pixelCount == 4 && measured.imageCount == 2)
        for limit in [0, -0.1, 1.1, .nan] {
            #expect(throws: MetricError.self) { try evaluation.measure(proLimit: limit) }
        }
        #expect(throws: MetricError.self) { try evaluation.overlaps(at: .nan) }
        let spans: [(bins: Int, low: Float, high: Float)] = [
            (0, 0, 1), (1, 0, 1), (1 << 25, 0, 1), (8, 1, 1), (8, .nan, 1),
        ]
        for (bins, low, high) in spans {
            #expect(throws: MetricError.self) {
                try MapEvaluation(histogram: .init(bins: bins, low: low, high: high))
            }
        }
        let full = try MapEvaluation()
        try full.add(FloatMap(width: 1, height: 1, values: [1]), mask: DefectMask(width: 1, height: 1, pixels: [1]))
        #expect(throws: MetricError.self) { try full.measure() }
    }
}

@Suite("Structural similarity") struct SimilarityTests {
    private func images(_ number: Int, count: Int) -> ([Float], [Float]) {
        let (a, b) = (mix(UInt64(100 + number), count), mix(UInt64(200 + number), count))
        switch number {
        case 4: return (Array(repeating: 0.75, count: count), Array(repeating: 0.5, count: count))
        case 5:
            let bright = a.map { 0.9375 + $0 / 1024 }
            return (bright, zip(bright, b).map { $0 + 0.000_976_562_5 * $1 })
        default: return (a, zip(a, b).map { ($0 + 0.25 * $1) * 0.8 })
        }
    }

    @Test("As scikit-image has it", arguments: Array(Golden.similarities.enumerated().map { $0 }).map(\.offset))
    func golden(number: Int) throws {
        let golden = Golden.similarities[number]
        let (a, b) = images(number, count: golden.width * golden.height * golden.channels)
        let measured = try ImageSimilarity(
            a, b, width: golden.width, height: golden.height, channels: golden.channels)
        #expect(near(measured.mean, golden.mean, 1e-8))
        for (place, value) in zip(golden.places, golden.values) {
            #expect(near(Double(measured.maps[place[2]][place[1], place[0]]), value, 1e-6))
        }
        let one = try ImageSimilarity(
            a, b, width: golden.width, height: golden.height, channels: golden.channels, threads: 1)
        #expect(one == measured)
    }

    /// In a process of its own: the environment says which instructions are used.
    @Test("The same bits by all instructions that the processor has")
    func instructionSets() async {
        await #expect(processExitsWith: .success) {
            let (a, b) = (mix(3, 3 * 70 * 61), mix(4, 3 * 70 * 61))
            setenv("MF_FORCE_ISA", "reference", 1)
            let expected = try ImageSimilarity(a, b, width: 70, height: 61, channels: 3)
            var compared = 0
            for name in ["generic", "avx2", "avx2vnni", "avx512", "avx512vnni"] {
                setenv("MF_FORCE_ISA", name, 1)
                guard let measured = try? ImageSimilarity(a, b, width: 70, height: 61, channels: 3) else { continue }
                guard measured == expected else { exit(2) }
                compared += 1
            }
            exit(compared > 0 ? EXIT_SUCCESS : 3)
        }
    }

    @Test("An image is like itself; what is no pair is refused")
    func edges() throws {
        let image = mix(1, 15 * 12)
        #expect(near(try ImageSimilarity(image, image, width: 15, height: 12, channels: 1).mean, 1, 1e-12))
        #expect(throws: MetricError.self) {
            try ImageSimilarity(image, image, width: 18, height: 10, channels: 1)
        }
        #expect(throws: MetricError.self) {
            try ImageSimilarity(image, mix(1, 8), width: 15, height: 12, channels: 1)
        }
        var broken = image
        broken[179] = .nan
        #expect(throws: MetricError.self) {
            try ImageSimilarity(image, broken, width: 15, height: 12, channels: 1)
        }
    }
}
