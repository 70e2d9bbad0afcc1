import Foundation
import MetaformerGraph
import MetaformerInspection
import TestSupport
import Testing

@testable import MetaformerEvaluation
@testable import MetaformerModels

@Suite("Detectors by features") struct FeatureFitterTests {
    let folder: TemporaryFolder
    let weights: String

    init() throws {
        folder = try TemporaryFolder()
        weights = folder.url.appendingPathComponent("weights.safetensors").path
        // A small ResNet18 of random weights, under the published names.
        let graph = Graph()
        let scope = Scope(graph)
        _ = try FeatureNetwork(.resNet18, divisor: 16)(graph.input("image", [1, 3, 64, 64]), in: scope)
        let entries = scope.parameters.map {
            TensorFile.Entry(name: $0.name, shape: $0.shape, contents: .floats($0.initialValues(seed: 3)))
        }
        try TensorFile(entries: entries, metadata: [:]).write(path: weights)
    }

    private func detector(_ kind: FeatureDetector.Kind) -> FeatureDetector {
        var detector = FeatureDetector(kind, network: .resNet18, channels: 1)
        detector.divisor = 16
        (detector.imageSize, detector.memoryCount, detector.projectedCount, detector.smoothing) = (64, 96, 6, 0)
        return detector
    }

    /// Stripes with some noise, the same for the same seed; and with a dark square where they are defective.
    private func frame(_ seed: UInt64, isDefective: Bool = false) throws -> Frame {
        var generator = SplitMix64(seed: seed)
        let bytes = (0..<64 * 64).map { index -> UInt8 in
            let (x, y) = (index % 64, index / 64)
            let level = (x / 8 % 2 == 0 ? 170 : 90) + Int(generator.nextUnit() * 20)
            return UInt8(isDefective && (20..<36).contains(x) && (20..<36).contains(y) ? 5 : level)
        }
        return try Frame(width: 64, height: 64, format: .mono8, bytes: bytes)
    }

    @Test(
        "find what good frames do not show, above a threshold from good frames alone",
        arguments: FeatureDetector.Kind.allCases, [1, 4, 32])
    func adapts(_ kind: FeatureDetector.Kind, count: Int) throws {
        let fitter = try FeatureFitter(detector(kind), weights: weights, seed: 1, threads: 2)
        let frames = try (0..<count).map { try frame(UInt64($0)) }
        let model = try fitter.model(of: frames, falseAlarmRate: 0.05) { _, _, _ in true }
        let inspector = try Inspector(model)
        let defective = try inspector.inspect(frame(100, isDefective: true), wantsMap: true)
        let good = try inspector.inspect(frame(101))
        #expect(good.score < defective.score && !good.isAnomalous)
        // Views of a single striped frame, half a stripe off, are less like it than most defects: no verdict is asked of it.
        if count > 1 { #expect(defective.isAnomalous) }
        let peak = try #require(defective.map.indices.max { defective.map[$0] < defective.map[$1] })
        #expect((12..<44).contains(peak % 64) && (12..<44).contains(peak / 64))
        #expect(model[setting: "threshold.scores"] == "\(count == 1 ? 8 : count == 4 ? 4 : 10)")
        #expect(throws: (any Error).self) { try inspector.plane("reconstruction") }
        // It has no gradients to be adapted by, and says so.
        #expect(throws: EngineError.self) { try model.adapted(to: frames) }
        let again = try FeatureFitter(detector(kind), weights: weights, seed: 1, threads: 1)
            .model(of: frames, falseAlarmRate: 0.05) { _, _, _ in true }
        #expect(try Inspector(again).inspect(frame(101)).score == good.score)
    }

    @Test("the distances are those to the nearest feature of the memory") func nearest() throws {
        let detector = detector(.nearestNeighbour)
        let graph = Graph()
        let scope = Scope(graph)
        let features = try detector.features(of: graph.input("image", detector.imageShape), in: scope)
        let width = features.shape[1]
        var values: [String: [Float]] = [:]
        for parameter in scope.parameters { values[parameter.name] = parameter.initialValues(seed: 3) }
        var generator = SplitMix64(seed: 4)
        let image = (0..<64 * 64).map { _ in Float(generator.nextUnit()) }
        let doubles = values.mapValues { $0.map(Double.init) }
        let places = try graph.evaluate(
            [features], inputs: ["image": image.map(Double.init)], variables: doubles)[0]
        let spread = places.map(abs).max() ?? 0
        let memory = (0..<detector.memoryCount * width).map { _ in Float(generator.nextUnit() * spread) }
        let distances = (0..<detector.placeCount).map { place -> Double in
            (0..<detector.memoryCount).map { entry in
                (0..<width).reduce(0) {
                    $0 + pow(places[place * width + $1] - Double(memory[entry * width + $1]), 2)
                }.squareRoot()
            }.min() ?? 0
        }
        let larger = Graph()
        let map = try resizeBilinear(larger.input("map", [1, 1, 8, 8]), height: 64, width: 64)
        let expected = try larger.evaluate([map], inputs: ["map": distances], variables: [:])[0]
        values["memory"] = memory
        let inspection = try detector.inspection(values)
        inspection.image.assign(image)
        try inspection.runner.run()
        let actual = inspection.map.values
        #expect(zip(actual, expected).allSatisfy { abs(Double($0) - $1) <= 1e-4 * spread } && spread > 0)
    }

    @Test("the Gaussian whitens: the mean squared distance of what it was fitted to is its dimension") func whitening()
        throws
    {
        let detector = detector(.gaussian)
        let fitter = try FeatureFitter(detector, weights: weights, seed: 2, threads: 1)
        let frames = try (0..<40).map { try frame(UInt64($0)) }
        let images = try frames.map { try $0.planes(channels: 1, height: 64, width: 64) }
        let parameters = try fitter.fitted(to: images) { _, _, _ in true }
        var total = 0.0
        let inspection = try detector.inspection(fitter.network.merging(parameters) { _, new in new })
        for planes in images {
            inspection.image.assign(planes)
            try inspection.runner.run()
            // Every eighth pixel from the fourth is near a place's own value.
            for y in 0..<8 { for x in 0..<8 { total += pow(Double(inspection.map[(8 * y + 4) * 64 + 8 * x + 4]), 2) } }
        }
        let mean = total / Double(images.count * 64)
        // A little less for the ridge, and for interpolation.
        #expect(mean > 3 && mean < 6.2, "\(mean)")
    }

    @Test("weights of nothing known are refused") func weightErrors() throws {
        let path = folder.url.appendingPathComponent("other.safetensors").path
        try TensorFile(
            entries: [TensorFile.Entry(name: "conv1.weight", shape: [1], contents: .floats([1]))], metadata: [:]
        ).write(path: path)
        let error = #expect(throws: EvaluationError.self) {
            try FeatureFitter(detector(.gaussian), weights: path, seed: 0, threads: 1)
        }
        #expect(error?.description.contains("has no tensor \"conv1.weight\" of") == true)
        try TensorFile(
            entries: [TensorFile.Entry(name: "a", shape: [1], contents: .floats([1]))], metadata: [:]
        ).write(path: path)
        #expect(throws: EvaluationError.self) { try Method.features(.gaussian, weights: path) }
    }

    @Test("thresholds of scores: an order statistic, or a quantile of their logarithms") func thresholds() throws {
        let many = try Threshold(goodScores: (1...99).map(Float.init), falseAlarmRate: 0.1)
        #expect(many.value == 90 && many.rule == "conformal" && many.settings["threshold.scores"] == "99")
        // Few scores: the rate nearly holds where their logarithms are as spread as is expected, or half as much again.
        var generator = SplitMix64(seed: 3)
        for (count, spread) in [(2, 0.13), (5, 0.13), (5, 0.2), (16, 0.2)] {
            var rejected = 0.0
            for _ in 0..<1000 {
                let scores = (0..<count).map { _ in Float(exp(spread * generator.nextNormal())) }
                let value = Double(try Threshold(goodScores: scores, falseAlarmRate: 0.01).value)
                // The share of a normal distribution above it.
                rejected += 0.5 * erfc(log(value) / spread / 2.0.squareRoot()) / 1000
            }
            #expect((0.002...0.05).contains(rejected), "\(count) scores of spread \(spread): \(rejected)")
        }
        // One that is zero, as a map may give, does not lift the threshold beyond all bounds.
        let withZero = try Threshold(goodScores: [0, 1, 1.1, 1.2], falseAlarmRate: 0.01)
        #expect(withZero.value > 1.2 && withZero.value < 20)
        let few = try Threshold(goodScores: [1, 2, 3], falseAlarmRate: 0.01)
        #expect(few.value > 3 && few.rule == "extrapolated")
        for scores in [[], [Float.nan], [1, .infinity]] as [[Float]] {
            #expect(throws: EngineError.self) { try Threshold(goodScores: scores, falseAlarmRate: 0.1) }
        }
        for rate in [0, -1, 0.6, .nan] as [Float] {
            #expect(throws: EngineError.self) { try Threshold(goodScores: [1], falseAlarmRate: rate) }
        }
    }
}
