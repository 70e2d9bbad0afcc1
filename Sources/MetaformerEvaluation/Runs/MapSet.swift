import Foundation
import MetaformerData
import MetaformerInspection

/// Anybody's anomaly maps of a data set, in MVTec's layout for submissions, measured.
public struct MapSet: Sendable {
    /// What was measured of one category.
    public struct Result: Sendable, Codable, Equatable {
        public let category: String
        public let imageCount: Int
        /// Defective images without a mask, which are left out of `pixels`.
        public let withoutMaskCount: Int
        /// By the maximum of each map.
        public let images: Classification
        public let pixels: Localization?
        public let proLimit: Double
    }

    public let dataset: Dataset
    public let folder: URL

    /// - Parameters:
    ///   - folder: holds `<category>/test/<kind>/<image>.tiff`, or .tif; for one category also without its name.
    ///   - dataset: what the maps are of.
    public init(folder: URL, dataset: Dataset) {
        self.dataset = dataset
        self.folder = folder
    }

    /// The labelled test images of a category, or all labelled ones where there is no split.
    public func items(_ category: String) -> [DatasetItem] {
        let labelled = dataset.items.filter { $0.category == category && $0.label != .unlabelled }
        let test = labelled.filter { $0.split == .test }
        return test.isEmpty ? labelled : test
    }

    /// Measures a category. `progress` is called after every image.
    ///
    /// - Throws: where a map is missing, cannot be read, or is not of its image's size.
    public func measure(
        _ category: String, proLimit: Double = 0.3, threads: Int = 0, progress: () -> Void = {}
    ) throws -> Result {
        let evaluation = try MapEvaluation(threads: threads)
        var (scores, labels, withoutMask): ([Float], [Bool], Int) = ([], [], 0)
        for item in items(category) {
            defer { progress() }
            let url = try self.map(of: item)
            let map = try FloatMap(contentsOf: url)
            let truth = try item.truth(size: Image.size(at: item.url))
            do {
                switch truth {
                case .good: try evaluation.add(map)
                case .defective(let mask): try evaluation.add(map, mask: mask)
                case .unknown: withoutMask += 1
                }
            } catch {
                throw EvaluationError("\(url.relativePath): \(error)")
            }
            scores.append(map.values.max() ?? 0)
            labels.append(item.label.isDefect)
        }
        do {
            return Result(
                category: category, imageCount: scores.count, withoutMaskCount: withoutMask,
                images: try Classification(scores: scores, isDefective: labels),
                pixels: labels.count { $0 } > withoutMask ? try evaluation.measure(proLimit: proLimit) : nil,
                proLimit: proLimit)
        } catch {
            throw EvaluationError("\(category): \(error)")
        }
    }

    private func map(of item: DatasetItem) throws -> URL {
        let path = dataset.mapPath(of: item)
        let inCategory = String(path.dropFirst(item.category.count + 1))
        let stems = [path, inCategory].map { String($0.dropLast(".tiff".count)) }
        for stem in stems {
            for ending in ["tiff", "tif"] {
                let url = folder.appendingPathComponent("\(stem).\(ending)")
                if FileManager.default.fileExists(atPath: url.path) { return url }
            }
        }
        throw EvaluationError(
            "\(folder.relativePath): there is no map \(path) for \(dataset.relativePath(of: item.url)); every test image "
                + "needs one, a TIFF file of 32-bit floats at the image's own size")
    }
}
