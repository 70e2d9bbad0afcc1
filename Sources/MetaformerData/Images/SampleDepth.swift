import Foundation
import MetaformerEngine

/// How many bits of 16-bit samples are in use: cameras of 10 to 14 bits leave the upper ones 0, and only the values over a whole
/// set of images tell.
public struct SampleDepth: Sendable, Equatable {
    /// What can be in use.
    public static let choices = [8, 10, 12, 14, 16]

    /// Images of 8 and of 16 bits a sample.
    public private(set) var shallowCount = 0
    public private(set) var deepCount = 0
    /// The highest value of those of 16 bits.
    public private(set) var highest = 0
    /// The first of 8 bits, for messages.
    private var firstShallow: String?

    public init() {}

    /// Looks at the images of files. What cannot be read is left out, and those of 8 bits are not decoded.
    public init(of urls: [URL], threads: Int = 0) {
        let found = Parallel.map(count: urls.count, threads: threads) { index -> (isDeep: Bool, highest: Int)? in
            guard EncodedImage.mayBeDeep(urls[index]) else { return (false, 0) }
            guard let image = try? Image(contentsOf: urls[index]) else { return nil }
            return (image.bitDepth == 16, image.bitDepth == 16 ? image.highestSample : 0)
        }
        for case (let url, .some(let image)) in zip(urls, found) {
            if !image.isDeep, firstShallow == nil { firstShallow = url.lastPathComponent }
            add(isDeep: image.isDeep, highest: image.highest)
        }
    }

    public mutating func add(_ image: Image) {
        add(isDeep: image.bitDepth == 16, highest: image.bitDepth == 16 ? image.highestSample : 0)
    }

    private mutating func add(isDeep: Bool, highest: Int) {
        shallowCount += isDeep ? 0 : 1
        deepCount += isDeep ? 1 : 0
        self.highest = max(self.highest, highest)
    }

    /// The fewest bits that hold all values; nil where no image has 16 bits a sample.
    public var bits: Int? { deepCount == 0 ? nil : Int(mf_samples_bits(UInt16(clamping: highest))) }

    /// What was found, for people; nil where no image has 16 bits a sample.
    public var text: String? {
        bits.map { "\($0) of 16 bits are in use: the highest value of \(deepCount) images is \(highest)" }
    }

    /// That images of both kinds are there, for people; nil where they are not.
    public var mixture: String? {
        guard deepCount > 0, shallowCount > 0, let bits, bits > 8 else { return nil }
        return "\(shallowCount) of 8 bits (\(firstShallow ?? "")) are beside \(deepCount) of \(bits) bits"
    }

    /// How images fit a model that was adapted from images of so many bits: the bits to read those of 16 with, or what is wrong.
    ///
    /// The rule is the engine's, `mf_depth_fit`.
    public func fitting(adaptedBits: Int) -> Result<Int?, Mismatch> {
        if shallowCount > 0 && adaptedBits != 8 {
            return .failure(Mismatch(adaptedBits: adaptedBits, found: shallowText))
        }
        guard let bits else { return .success(nil) }
        let status = mf_depth_fit(
            UInt64(shallowCount), UInt64(deepCount), UInt16(clamping: highest), Int32(clamping: adaptedBits), nil)
        guard status == MF_OK else {
            let found = "these have values up to \(highest) in 16 bits, which is \(bits) bits"
            return .failure(Mismatch(adaptedBits: adaptedBits, found: found))
        }
        return .success(adaptedBits)
    }

    private var shallowText: String {
        guard deepCount > 0 else { return "these have 8 bits" }
        let verb = shallowCount == 1 ? "has" : "have"
        return "\(shallowCount) of \(shallowCount + deepCount) images, \(firstShallow ?? "") the first, \(verb) 8 bits"
    }

    /// Images of another depth than those that a model was adapted from.
    public struct Mismatch: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
        let adaptedBits: Int
        let found: String

        public var description: String {
            "the model was adapted from images of \(adaptedBits) bits, but \(found); adapt it from such images, or "
                + "give --bits to say how many of 16 bits are in use"
        }
        public var errorDescription: String? { description }
    }
}

extension EncodedImage {
    /// Whether a file may have samples of 16 bits: by its first bytes, where these tell.
    static func mayBeDeep(_ url: URL) -> Bool {
        guard FileStatus(url)?.isRegular == true, let file = try? FileHandle(forReadingFrom: url) else { return true }
        defer { try? file.close() }
        guard let start = try? file.read(upToCount: 25), start.count == 25 else { return true }
        if start.starts(with: [0xff, 0xd8]) || start.starts(with: Array("BM".utf8)) { return false }
        let depth = start[start.startIndex + 24]
        return !start.starts(with: [0x89, 0x50, 0x4e, 0x47]) || depth == 16
    }
}

extension Image {
    /// The highest of all samples.
    public var highestSample: Int {
        guard bitDepth == 16 else { return Int(bytes.max() ?? 0) }
        return bytes.withUnsafeBytes { bytes in
            let samples = bytes.bindMemory(to: UInt16.self)
            return Int(mf_samples_highest(samples.baseAddress, samples.count))
        }
    }

    /// Reads a file of which, where it has 16 bits a sample, only the lower `bits` are in use; nil for all of them.
    ///
    /// - Throws: where a sample is higher than that.
    public init(
        contentsOf url: URL, bits: Int?, remark: (String) -> Void = { _ in }
    ) throws(ImageFileError) {
        try self.init(contentsOf: url, bits: bits, remark: remark, contents: { _ in })
    }

    /// The same, with the bytes of the file for who needs them as well.
    package init(
        contentsOf url: URL, bits: Int?, remark: (String) -> Void, contents: (Data) -> Void
    ) throws(ImageFileError) {
        let image = try Image(contentsOf: url, remark: remark, contents: contents)
        guard let bits, bits < 16, image.bitDepth == 16 else {
            self = image
            return
        }
        let highest = image.highestSample
        guard highest < 1 << bits else {
            throw ImageFileError(
                url, .unsupported("a value of \(highest), where \(bits) bits go up to \((1 << bits) - 1)"))
        }
        self = image.using(bits: bits)
    }

    /// The same samples, of which the lower bits are in use. 8 bits are stored as such.
    ///
    /// - Precondition: 16 bits a sample, and none that is higher.
    func using(bits: Int) -> Image {
        guard bits == 8 else {
            return Image(width: width, height: height, channels: channels, bitDepth: 16, bits: bits, bytes: bytes)
        }
        let low = bytes.withUnsafeBytes { $0.bindMemory(to: UInt16.self).map { UInt8(truncatingIfNeeded: $0) } }
        return Image(width: width, height: height, channels: channels, bytes: low)
    }
}
