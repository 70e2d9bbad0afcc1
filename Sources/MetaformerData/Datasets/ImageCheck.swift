/// What commands ask of an image beyond that it can be read: one place for those that use images and those that only check them.
public enum ImageCheck {
    /// The shortest side that models take, in pixels.
    public static let smallestSide = 32

    /// Why an image cannot be inspected or adapted to; nil where it can.
    public static func obstacle(_ image: Image) -> String? {
        guard image.width >= smallestSide, image.height >= smallestSide else {
            return "\(image.width) x \(image.height) pixels; each side must have at least \(smallestSide)"
        }
        return nil
    }

    /// What is odd about an image that can be used, such as that all of its pixels are alike; nil where nothing is.
    public static func oddity(_ image: Image) -> String? {
        let size = image.channels * image.bitDepth / 8
        let isPlain = image.bytes.withUnsafeBytes { bytes in
            bytes.count > size && zip(bytes, bytes.dropFirst(size)).allSatisfy { $0 == $1 }
        }
        return isPlain ? "all pixels are alike" : nil
    }
}
