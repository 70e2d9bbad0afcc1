import Foundation
import Testing

@testable import MetaformerData

@Suite("Synthetic defects")
struct SyntheticDefectTests {
    private func image(channels: Int, bitDepth: Int, width: Int = 70, height: Int = 50) -> Image {
        let samples = (0..<width * height * channels).map { index -> UInt16 in
            let (x, y) = (index / channels % width, index / channels / width)
            return UInt16(90 + x + (y / 8 % 2) * 40 + index % channels * 10)
        }
        return bitDepth == 16
            ? Image(width: width, height: height, channels: channels, samples: samples.map { $0 * 257 })
            : Image(width: width, height: height, channels: channels, bytes: samples.map { UInt8($0) })
    }

    @Test(
        "the mask is just what differs from the image, visibly", arguments: SyntheticDefect.allCases,
        [(1, 8), (3, 8), (1, 16), (3, 16)])
    func mask(_ kind: SyntheticDefect, _ form: (channels: Int, bitDepth: Int)) {
        let image = image(channels: form.channels, bitDepth: form.bitDepth)
        let white = form.bitDepth == 16 ? 65535.0 : 255.0
        for seed in 0..<20 {
            var generator = RandomGenerator(seed: UInt64(seed))
            let copy = kind.painted(on: image, using: &generator)
            #expect(copy.image.width == image.width && copy.image.height == image.height)
            #expect(copy.image.channels == image.channels && copy.image.bitDepth == image.bitDepth)
            var (change, count) = (0.0, 0)
            for y in 0..<image.height {
                for x in 0..<image.width {
                    let differences = (0..<image.channels).map { abs(copy.image[x, y, $0] - image[x, y, $0]) }
                    #expect((differences.max() != 0) == (copy.mask[y * image.width + x] == 1))
                    guard copy.mask[y * image.width + x] == 1 else { continue }
                    change += Double(differences.reduce(0, +)) / Double(image.channels) / white
                    count += 1
                }
            }
            #expect(count > 0 && count < image.width * image.height / 4, "\(count) pixels")
            #expect(change / Double(max(count, 1)) >= 0.0199, "\(change / Double(max(count, 1)))")
        }
    }

    @Test("a seed fixes all of it, and another gives another", arguments: SyntheticDefect.allCases)
    func seeds(_ kind: SyntheticDefect) {
        let image = image(channels: 3, bitDepth: 8)
        let copies = [4, 4, 5].map { (seed: UInt64) in
            var generator = RandomGenerator(seed: seed)
            return kind.painted(on: image, using: &generator)
        }
        #expect(copies[0] == copies[1] && copies[0] != copies[2])
    }

    @Test("a flat image gets a fault that shows as well", arguments: SyntheticDefect.allCases)
    func flat(_ kind: SyntheticDefect) {
        for level in [UInt8(0), 128, 255] {
            let image = Image(width: 40, height: 40, channels: 1, bytes: [UInt8](repeating: level, count: 1600))
            var generator = RandomGenerator(seed: 3)
            #expect(kind.painted(on: image, using: &generator).mask.contains(1))
        }
    }

    @Test("the smallest images are no trouble", arguments: SyntheticDefect.allCases)
    func smallest(_ kind: SyntheticDefect) {
        var generator = RandomGenerator(seed: 1)
        let copy = kind.painted(on: Image(width: 1, height: 1, channels: 1, bytes: [7]), using: &generator)
        #expect(copy.mask.count == 1)
    }
}
