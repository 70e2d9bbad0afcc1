import Foundation
import MetaformerData
import MetaformerInspection

/// Why a data set or its maps cannot be evaluated.
public struct EvaluationError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    public let description: String
    public init(_ description: String) { self.description = description }
    public var errorDescription: String? { description }

    /// Makes a folder; throws with the system's words.
    static func making(_ folder: URL) throws(EvaluationError) {
        do {
            try Folder.make(folder)
        } catch {
            throw EvaluationError("\(folder.relativePath): cannot be made: \(error)")
        }
    }
}

extension DatasetItem {
    /// What is known of the image's defective pixels.
    public enum Truth: Sendable, Equatable {
        /// No pixel is defective.
        case good
        case defective(DefectMask)
        /// Defective, but nobody knows where: it counts for images, and is left out of everything about pixels.
        case unknown
    }

    /// Reads the masks. Where they mark nothing they tell nothing: the truth is then `unknown`.
    ///
    /// - Parameter size: The image's, to which masks of another size are brought; nil: masks have their own.
    /// - Throws: `ImageFileError` where a mask cannot be read, `EvaluationError` where masks differ in size.
    public func truth(size: (width: Int, height: Int)? = nil) throws -> Truth {
        guard label.isDefect else { return .good }
        var union: DefectMask?
        for url in maskURLs {
            let mask = DefectMask(try Image(maskAt: url, threshold: maskThreshold, size: size))
            guard let sum = union else {
                union = mask
                continue
            }
            guard sum.width == mask.width, sum.height == mask.height else {
                throw EvaluationError(
                    "\(url.relativePath): \(mask.width) x \(mask.height), another mask of its image \(sum.width) x "
                        + "\(sum.height)")
            }
            union?.formUnion(mask)
        }
        guard let union, !union.isEmpty else { return .unknown }
        return .defective(union)
    }
}

extension Dataset {
    /// Where an image's map lies in MVTec's layout for submissions: `<category>/test/<kind>/<image>.tiff`; with the image's folders
    /// and ending in its name where another image would have the same.
    public func mapPath(of item: DatasetItem) -> String {
        let folder = "\(item.category)/test/\(item.label.name)/"
        let stem = item.url.deletingPathExtension().lastPathComponent
        let isAlone = !items.contains {
            $0.url != item.url && $0.split == item.split && $0.category == item.category && $0.label == item.label
                && $0.url.deletingPathExtension().lastPathComponent == stem
        }
        let name = isAlone ? stem : relativePath(of: item.url).replacing("/", with: "_")
        return folder + name + ".tiff"
    }
}
