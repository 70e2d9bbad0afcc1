import Foundation
import MetaformerData

/// Photos of a folder, and foreground masks of the same names in another.
package struct MaskedPhotos {
    package let photos: [URL]
    /// The photos that have a mask.
    package private(set) var pairs: [(image: URL, mask: URL)]

    /// - Parameters:
    ///   - masks: the folder of masks; nil for none.
    ///   - names: file names of the photos to take; all where nil.
    package init(images: String, masks: String?, names: Set<String>? = nil) throws {
        let all = try Dataset(directory: URL(fileURLWithPath: images)).items.map(\.url)
        photos = all.filter { names?.contains($0.lastPathComponent) ?? true }
        guard !photos.isEmpty else { throw TrainingError("\(images): holds none of the photos that are named") }
        guard let masks else {
            pairs = []
            return
        }
        let urls = try Dataset(directory: URL(fileURLWithPath: masks)).items.map(\.url)
        let byName = Dictionary(urls.map { ($0.deletingPathExtension().lastPathComponent, $0) }) { first, _ in first }
        pairs = photos.compactMap { photo in
            byName[photo.deletingPathExtension().lastPathComponent].map { (image: photo, mask: $0) }
        }
        guard !pairs.isEmpty else {
            throw TrainingError("\(masks): holds no mask named like a photo of \(images)")
        }
    }

    /// Takes pairs out, drawn at random, from the photos as well.
    package func holdingOut(_ count: Int, seed: UInt64) throws -> (rest: MaskedPhotos, held: [URL]) {
        guard count < pairs.count else {
            throw TrainingError("\(count) photos cannot be held out: only \(pairs.count) have masks")
        }
        var generator = RandomGenerator(seed: seed, stream: 0x4845_4c44)
        let held = Set(pairs.shuffled(using: &generator).prefix(count).map(\.image))
        return (
            MaskedPhotos(
                photos: photos.filter { !held.contains($0) }, pairs: pairs.filter { !held.contains($0.image) }),
            held.sorted { $0.path < $1.path }
        )
    }

    private init(photos: [URL], pairs: [(image: URL, mask: URL)]) {
        self.photos = photos
        self.pairs = pairs
    }

    /// The names in a text file, one a line.
    package static func names(in path: String) throws -> Set<String> {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw TrainingError("\(path): cannot be read; name a text file with a photo's name a line")
        }
        return Set(text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) })
    }
}
