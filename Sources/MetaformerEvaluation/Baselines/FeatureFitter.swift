import Foundation
import MetaformerData
import MetaformerEngine
import MetaformerGraph
import MetaformerInspection
import MetaformerModels

/// Makes models of feature detectors from good frames: fits what they keep of those, and sets the threshold.
final class FeatureFitter {
    private let detector: FeatureDetector
    let network: [String: [Float]]
    private let threads: Int
    private let seed: UInt64
    private let runner: Runner
    private let image: FloatBuffer
    private let features: FloatBuffer
    private let width: Int

    /// - Parameter weights: a file of the network's weights under their published names, or a model over its features.
    /// - Throws: an error that names the tensor where the file is not of this network.
    init(_ detector: FeatureDetector, weights path: String, seed: UInt64, threads: Int) throws {
        self.detector = detector
        self.seed = seed
        self.threads = threads
        let graph = Graph()
        let scope = Scope(graph)
        let output = try detector.features(of: graph.input("image", detector.imageShape), in: scope)
        width = output.shape[1]
        runner = try Runner(program: Program(graph: graph, outputs: [("features", output)]).data, threads: threads)
        image = FloatBuffer(count: detector.imageShape.count)
        features = FloatBuffer(count: output.shape.count)
        try runner.bind("image", to: image)
        try runner.bind("features", to: features)
        let file = try TensorFile(path: path)
        var network: [String: [Float]] = [:]
        for parameter in scope.parameters {
            let published = String(parameter.name.dropFirst("network.".count))
            guard let values = file.floats(published) ?? file.floats(parameter.name),
                values.count == parameter.shape.count
            else {
                throw EvaluationError(
                    "\(path): has no tensor \"\(published)\" of \(parameter.shape) as \(detector.network.rawValue) has; name "
                        + "weights that scripts/convert-weights.py wrote")
            }
            network[parameter.name] = values
            try runner.bind(parameter.name, to: FloatBuffer(values))
        }
        self.network = network
    }

    /// The model of a product. `progress` returns whether to go on.
    func model(of frames: [Frame], falseAlarmRate: Float, progress: (String, Int, Int) -> Bool) throws -> Model {
        let size = detector.imageSize
        let images = try frames.map { try $0.planes(channels: detector.channels, height: size, width: size) }
        let folds = try HoldOut.folds(of: images.count, seed: seed)
        var (scores, parameters): ([Float], [String: [Float]]) = ([], [:])
        for fold in folds {
            parameters = try fitted(to: fold.kept.map { images[$0] }, progress: progress)
            scores += try self.scores(of: fold.held.map { images[$0] }, parameters)
        }
        if folds.count != 1 { parameters = try fitted(to: images, progress: progress) }
        if let only = images.first, images.count == 1 {
            scores = try self.scores(of: HoldOut.shiftedCopies(of: only, size: size), parameters)
        }
        let threshold = try Threshold(goodScores: scores, falseAlarmRate: falseAlarmRate)
        var settings = threshold.settings
        settings["adapted.images"] = "\(images.count)"
        settings["adapted.seed"] = "\(seed)"
        return try Model(
            detector.file(parameters: network.merging(parameters) { _, new in new }, settings: settings))
    }

    // MARK: Fitting

    func fitted(
        to images: [[Float]], progress: (String, Int, Int) -> Bool
    ) throws -> [String: [Float]] {
        var memory = MemoryBank(detector, width: width, images: images.count, seed: seed)
        var statistics = PatchGaussian(detector, width: width, seed: seed)
        for (index, planes) in images.enumerated() {
            guard progress("features", index, images.count) else { throw CancellationError() }
            image.assign(planes)
            try runner.run()
            switch detector.kind {
            case .nearestNeighbour: memory.add(features)
            case .gaussian: statistics.add(features)
            }
        }
        switch detector.kind {
        case .nearestNeighbour: return ["memory": memory.values]
        case .gaussian: return statistics.parameters
        }
    }

    private func scores(of images: [[Float]], _ parameters: [String: [Float]]) throws -> [Float] {
        let inspect = try detector.inspection(network.merging(parameters) { _, new in new }, threads: threads)
        return try images.map { planes in
            inspect.image.assign(planes)
            try inspect.runner.run()
            return inspect.map.values.max() ?? 0
        }
    }
}

/// Features of places of good images, as many of each image as fit, drawn at random.
private struct MemoryBank {
    private let width: Int
    private let capacity: Int
    private let images: Int
    private var generator: RandomGenerator
    private var seen = 0
    private(set) var values: [Float] = []

    init(_ detector: FeatureDetector, width: Int, images: Int, seed: UInt64) {
        self.width = width
        self.images = images
        capacity = detector.memoryCount
        generator = RandomGenerator(seed: seed, stream: 1)
    }

    mutating func add(_ features: FloatBuffer) {
        let places = features.count / width
        seen += 1
        // What was left over by earlier images' shares goes to later ones; a few images fill it by repetition.
        let share = capacity * seen / images - values.count / width
        var order = Array(0..<places)
        for index in 0..<share {
            if index % places == 0 { order.shuffle(using: &generator) }
            let start = order[index % places] * width
            values.append(contentsOf: UnsafeBufferPointer(start: features.pointer + start, count: width))
        }
    }
}

/// Mean and covariance of projected features at each place.
private struct PatchGaussian {
    private let places: Int
    private let width: Int
    private let count: Int
    private let projection: [Float]
    private var images = 0
    private var sum: [Float]
    /// The lower triangle of Σ x xᵀ, in full rows.
    private var products: [Float]

    init(_ detector: FeatureDetector, width: Int, seed: UInt64) {
        places = detector.placeCount
        self.width = width
        count = detector.projectedCount
        let isUsed = detector.kind == .gaussian
        projection = isUsed ? PatchGaussian.projection(from: width, to: count, seed: seed) : []
        sum = [Float](repeating: 0, count: isUsed ? places * count : 0)
        products = [Float](repeating: 0, count: isUsed ? places * count * count : 0)
    }

    /// Orthonormal columns of random direction (Gram-Schmidt), [from, to].
    private static func projection(from width: Int, to count: Int, seed: UInt64) -> [Float] {
        var generator = RandomGenerator(seed: seed, stream: 2)
        var columns: [[Double]] = []
        while columns.count < count {
            // Sums of uniform numbers point everywhere alike, nearly.
            var column = (0..<width).map { _ in (0..<4).reduce(-2.0) { sum, _ in sum + Double(generator.uniform()) } }
            // More columns than features cannot be orthogonal: those beyond are only of length one.
            for other in columns.suffix(columns.count < width ? columns.count : 0) {
                let product = zip(column, other).reduce(0) { $0 + $1.0 * $1.1 }
                column = zip(column, other).map { $0 - product * $1 }
            }
            let length = column.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if length > 1e-6 { columns.append(column.map { $0 / length }) }
        }
        return (0..<width).flatMap { row in columns.map { Float($0[row]) } }
    }

    mutating func add(_ features: FloatBuffer) {
        images += 1
        var projected = [Float](repeating: 0, count: count)
        for place in 0..<places {
            for index in 0..<count { projected[index] = 0 }
            for feature in 0..<width {
                let value = features.pointer[place * width + feature]
                for index in 0..<count { projected[index] += value * projection[feature * count + index] }
            }
            for row in 0..<count {
                sum[place * count + row] += projected[row]
                let start = (place * count + row) * count
                for column in 0...row { products[start + column] += projected[row] * projected[column] }
            }
        }
    }

    /// The covariance is regularised by a hundredth of the mean variance over the whole image, which also serves one image.
    var parameters: [String: [Float]] {
        let mean = sum.map { $0 / Float(images) }
        let ridge = 0.01 * wholeVariance(mean)
        var whitening = [Float](repeating: 0, count: places * count * count)
        for place in 0..<places {
            let inverse = inverseFactor(covariance(place, mean, ridge: ridge))
            // (x − μ) L⁻ᵀ: column j of the matrix is row j of L⁻¹.
            for row in 0..<count {
                for column in row..<count {
                    whitening[(place * count + row) * count + column] = Float(inverse[column * count + row])
                }
            }
        }
        return ["mean": mean, "projection": projection, "whitening": whitening]
    }

    private func covariance(_ place: Int, _ mean: [Float], ridge: Double) -> [Double] {
        var matrix = [Double](repeating: 0, count: count * count)
        for row in 0..<count {
            for column in 0...row {
                let product = Double(products[(place * count + row) * count + column]) / Double(images)
                let means = Double(mean[place * count + row]) * Double(mean[place * count + column])
                let scale = images > 1 ? Double(images) / Double(images - 1) : 0
                matrix[row * count + column] = (product - means) * scale + (row == column ? ridge : 0)
            }
        }
        return matrix
    }

    /// The mean variance of a feature over all places and images.
    private func wholeVariance(_ mean: [Float]) -> Double {
        var total = 0.0
        for feature in 0..<count {
            var (square, average) = (0.0, 0.0)
            for place in 0..<places {
                square += Double(products[(place * count + feature) * count + feature]) / Double(images)
                average += Double(mean[place * count + feature])
            }
            total += square / Double(places) - (average / Double(places)) * (average / Double(places))
        }
        return max(total / Double(count), 1e-12)
    }

    /// L⁻¹ of a positive matrix L Lᵀ given by its lower triangle.
    private func inverseFactor(_ matrix: [Double]) -> [Double] {
        let n = count
        var factor = matrix
        for row in 0..<n {
            for column in 0...row {
                var value = factor[row * n + column]
                for k in 0..<column { value -= factor[row * n + k] * factor[column * n + k] }
                factor[row * n + column] =
                    row == column ? max(value, 1e-12).squareRoot() : value / factor[column * n + column]
            }
        }
        var inverse = [Double](repeating: 0, count: n * n)
        for column in 0..<n {
            inverse[column * n + column] = 1 / factor[column * n + column]
            for row in column + 1..<max(n, column + 1) {
                var value = 0.0
                for k in column..<row { value -= factor[row * n + k] * inverse[k * n + column] }
                inverse[row * n + column] = value / factor[row * n + row]
            }
        }
        return inverse
    }
}
