/// Draws what an inspection found over the picture that it looked at.
public enum HeatMap {
    /// A box to draw, in pixels of the picture.
    public struct Box: Sendable {
        public let x: Int
        public let y: Int
        public let width: Int
        public let height: Int

        public init(x: Int, y: Int, width: Int, height: Int) {
            (self.x, self.y, self.width, self.height) = (x, y, width, height)
        }
    }

    /// The picture in grey, tinted where the map comes near the threshold (yellow) or exceeds it (red), with boxes.
    ///
    /// - Parameter map: A value for each pixel of the picture, rows from top to bottom.
    public static func overlay(on image: Image, map: [Float], threshold: Float, boxes: [Box]) -> Image {
        precondition(map.count == image.width * image.height)
        var pixels = [UInt8](repeating: 0, count: map.count * 3)
        let scale = threshold > 0 && threshold.isFinite ? 1 / threshold : 0
        for y in 0..<image.height {
            for x in 0..<image.width {
                let index = y * image.width + x
                let tint = color(map[index] * scale)
                let grey = luma(image, x, y)
                for (channel, value) in [tint.red, tint.green, tint.blue].enumerated() {
                    let mixed = grey + (value - grey) * tint.strength
                    pixels[index * 3 + channel] = UInt8(max(0, min(255, mixed.rounded())))
                }
            }
        }
        for box in boxes { draw(box, into: &pixels, width: image.width, height: image.height) }
        return Image(width: image.width, height: image.height, channels: 3, bytes: pixels)
    }

    /// The tint of a value in units of the threshold: none below half of it, then yellow, red from the threshold on.
    private static func color(_ value: Float) -> (red: Float, green: Float, blue: Float, strength: Float) {
        let near = max(0, min(1, (value - 0.5) * 2))
        let beyond = max(0, min(1, value - 1))
        return (255, 220 * (1 - near) + 30 * (1 - beyond), 40 * (1 - near), 0.65 * near)
    }

    /// Rec. 601 luma, 0 to 255.
    private static func luma(_ image: Image, _ x: Int, _ y: Int) -> Float {
        let scale = 255 / Float(image.highestValue)
        guard image.channels == 3 else { return Float(image[x, y, 0]) * scale }
        let red = Float(image[x, y, 0])
        let green = Float(image[x, y, 1])
        let blue = Float(image[x, y, 2])
        return (0.299 * red + 0.587 * green + 0.114 * blue) * scale
    }

    /// A frame of one pixel, two for pictures of 512 and more, just around the box.
    private static func draw(_ box: Box, into pixels: inout [UInt8], width: Int, height: Int) {
        func set(_ x: Int, _ y: Int) {
            guard (0..<width).contains(x), (0..<height).contains(y) else { return }
            let index = (y * width + x) * 3
            (pixels[index], pixels[index + 1], pixels[index + 2]) = (255, 255, 255)
        }
        for line in 1...(min(width, height) >= 512 ? 2 : 1) {
            for x in (box.x - line)...(box.x + box.width - 1 + line) {
                set(x, box.y - line)
                set(x, box.y + box.height - 1 + line)
            }
            for y in (box.y - line)...(box.y + box.height - 1 + line) {
                set(box.x - line, y)
                set(box.x + box.width - 1 + line, y)
            }
        }
    }
}
