import Foundation
import MetaformerData
import Synchronization

/// An image at a whole fraction of its size, every so many pixels of it, in 8 bits: for people.
struct ReducedImage: Sendable {
    let image: Image
    /// Pixels of the original a side of one.
    let shrink: Int

    init(of image: Image, longestSide: Int) {
        let shrink = max(1, (max(image.width, image.height) + longestSide - 1) / longestSide)
        let (width, height) = (max(1, image.width / shrink), max(1, image.height / shrink))
        let (channels, step, line) = (image.channels, image.bitDepth / 8, image.width * image.channels)
        // Where only the low bits are in use, the image would be black otherwise.
        let shift = image.bits - 8
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * channels) { bytes, count in
            image.bytes.withUnsafeBytes { source in
                for y in 0..<height {
                    for x in 0..<width {
                        for channel in 0..<channels {
                            let offset = (y * shrink * line + x * shrink * channels + channel) * step
                            bytes[count] =
                                step == 1
                                ? source[offset]
                                : UInt8(
                                    min(255, source.loadUnaligned(fromByteOffset: offset, as: UInt16.self) >> shift))
                            count += 1
                        }
                    }
                }
            }
        }
        self.image = Image(width: width, height: height, channels: channels, bytes: bytes)
        self.shrink = shrink
    }
}

/// The thumbnails of the images that a report shows, as they are inspected: no file is read twice for them, and no more are
/// kept than are shown.
final class ThumbnailPool: Sendable {
    private let capacity: Int
    private let kept = Mutex<[String: (severity: Double, jpeg: Data)]>([:])

    init(capacity: Int = InspectionReport.shownCount) { self.capacity = capacity }

    /// Adds that of an image, where it is among the worst so far.
    func add(_ image: @autoclosure () -> Image, of row: InspectionResults.Row) throws {
        guard kept.withLock({ $0.count < capacity || $0.values.contains { $0.severity < row.severity } }) else {
            return
        }
        let jpeg = try Thumbnail.jpeg(of: image())
        kept.withLock { kept in
            kept[row.image] = (row.severity, jpeg)
            guard kept.count > capacity, let least = kept.min(by: { $0.value.severity < $1.value.severity }) else {
                return
            }
            kept[least.key] = nil
        }
    }

    var all: [String: Data] { kept.withLock { $0.mapValues(\.jpeg) } }
}

/// Images of 8 bits at a smaller size, each pixel the mean of those that become it.
enum Thumbnail {
    static let longestSide = 320

    /// Of the reduced image that it is made of where there is no overlay: pixels enough to take means of.
    static let longestSourceSide = 2 * longestSide

    /// - Precondition: 8 bits a sample.
    static func jpeg(of image: Image) throws -> Data {
        let step = max(1, (max(image.width, image.height) + longestSide - 1) / longestSide)
        let (width, height) = (max(1, image.width / step), max(1, image.height / step))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(width * height * image.channels)
        image.bytes.withUnsafeBytes { source in
            for y in 0..<height {
                for x in 0..<width {
                    for channel in 0..<image.channels {
                        var sum = 0
                        for row in y * step..<min(image.height, (y + 1) * step) {
                            for column in x * step..<min(image.width, (x + 1) * step) {
                                sum += Int(source[(row * image.width + column) * image.channels + channel])
                            }
                        }
                        bytes.append(UInt8(sum / (step * step)))
                    }
                }
            }
        }
        return try Image(width: width, height: height, channels: image.channels, bytes: bytes).jpegData()
    }
}
