import Foundation
import MetaformerData
import MetaformerInspection

/// Values that scripts/reference/metrics.py computed once with scikit-learn, scikit-image and SciPy.
enum Golden {
    struct Maps: Decodable, Sendable, CustomStringConvertible {
        struct Image: Decodable, Sendable {
            let width, height: Int
            let map: [Float]
            let mask: [UInt8]?

            var scores: FloatMap { FloatMap(width: width, height: height, values: map) }
            var defects: DefectMask? { mask.map { DefectMask(width: width, height: height, pixels: $0) } }
        }
        let name: String
        let images: [Image]
        let auroc, averagePrecision, bestF1: Double
        /// With the limits 0.05, 0.3 and 1.
        let pro: [Double]
        let threshold: Float
        let overlaps: [Double]
        var description: String { name }
    }

    struct Scores: Decodable, Sendable, CustomStringConvertible {
        let name: String
        let scores: [Float]
        let labels: [Int]
        let auroc, averagePrecision, bestF1: Double
        var description: String { name }
    }

    struct Similarity: Decodable, Sendable, CustomStringConvertible {
        let name: String
        let height, width, channels: Int
        let mean: Double
        /// Row, column and channel.
        let places: [[Int]]
        let values: [Double]
        var description: String { name }
    }

    static let maps = read("maps", as: [Maps].self)
    static let scores = read("scores", as: [Scores].self)
    static let similarities = read("ssim", as: [Similarity].self)

    private static func read<Cases: Decodable & RangeReplaceableCollection>(_ name: String, as: Cases.Type) -> Cases {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("golden/metrics/\(name).json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        // An empty list fails the test that counts the cases.
        return (try? decoder.decode(Cases.self, from: Data(contentsOf: file))) ?? Cases()
    }
}

/// The floats that `mix` of scripts/reference/metrics.py makes: SplitMix64, 24 bits each, in [0, 1).
func mix(_ seed: UInt64, _ count: Int) -> [Float] {
    (1...UInt64(count)).map { i in
        var z = seed &+ i &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        z ^= z >> 31
        return Float(z >> 40) * 0x1p-24
    }
}
