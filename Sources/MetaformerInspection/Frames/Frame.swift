import MetaformerEngine
import MetaformerGraph
import MetaformerModels

/// A frame for the engine: pixels of its own, which copies share, described as GenICam does.
public struct Frame: Sendable {
    public enum Format: Sendable {
        case mono8, mono10, mono12, mono14, mono16
        case rgb8, rgb10, rgb12, rgb14, rgb16
        /// 16 bits a sample, of which it is not stated how many low ones are in use: adaptation tells it by the values over all
        /// frames, and inspections take the model's.
        case monoUnstated, rgbUnstated

        /// That of 1 or 3 channels and so many bits in use, 8 to 16; nil where there is none.
        public init?(channels: Int, bits: Int) {
            let grey: [Int: Format] = [8: .mono8, 10: .mono10, 12: .mono12, 14: .mono14, 16: .mono16]
            let colours: [Int: Format] = [8: .rgb8, 10: .rgb10, 12: .rgb12, 14: .rgb14, 16: .rgb16]
            guard let format = (channels == 1 ? grey : colours)[bits] else { return nil }
            self = format
        }

        var code: UInt32 {
            switch self {
            case .mono8: MF_PIXEL_MONO8.rawValue
            case .mono10: MF_PIXEL_MONO10.rawValue
            case .mono12: MF_PIXEL_MONO12.rawValue
            case .mono14: MF_PIXEL_MONO14.rawValue
            case .mono16: MF_PIXEL_MONO16.rawValue
            case .rgb8: MF_PIXEL_RGB8.rawValue
            case .rgb10: MF_PIXEL_RGB10.rawValue
            case .rgb12: MF_PIXEL_RGB12.rawValue
            case .rgb14: MF_PIXEL_RGB14.rawValue
            case .rgb16: MF_PIXEL_RGB16.rawValue
            case .monoUnstated: MF_PIXEL_MONO16_UNSTATED
            case .rgbUnstated: MF_PIXEL_RGB16_UNSTATED
            }
        }
        var bytesPerPixel: Int {
            switch self {
            case .mono8: 1
            case .mono10, .mono12, .mono14, .mono16, .monoUnstated: 2
            case .rgb8: 3
            case .rgb10, .rgb12, .rgb14, .rgb16, .rgbUnstated: 6
            }
        }
    }

    public let width: Int
    public let height: Int
    public let format: Format
    private let pixels: Pixels

    public var isGrey: Bool { [.mono8, .mono10, .mono12, .mono14, .mono16, .monoUnstated].contains(format) }

    /// Takes pixels: rows from top to bottom, without padding; 16-bit samples in the machine's byte order.
    ///
    /// Throws where the bytes are not those of the size and format.
    public init(width: Int, height: Int, format: Format, bytes: [UInt8]) throws {
        guard width > 0, height > 0, bytes.count == width * height * format.bytesPerPixel else {
            throw ModelError("\(bytes.count) bytes are no frame of \(width) x \(height) pixels")
        }
        self.width = width
        self.height = height
        self.format = format
        pixels = Pixels(bytes)
    }

    /// Calls `body` with the pixels, as they were given.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(pixels) { try body($0.bytes) }
    }

    /// Calls `body` with the engine's view of the frame.
    func withImage<Result>(_ body: (UnsafePointer<mf_image>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(pixels) {
            var image = view
            return try body(&image)
        }
    }

    /// Calls `body` with the engine's view of all frames.
    static func withImages<Result>(
        _ frames: [Frame], _ body: (UnsafeBufferPointer<mf_image>) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(frames) { try frames.map(\.view).withUnsafeBufferPointer(body) }
    }

    /// The frame as an inspection by a model of this size sees it: [channels, height, width] in [0, 1].
    ///
    /// Throws where the channels are not 1 or 3, or the frame is smaller than 32 pixels a side.
    public func planes(channels: Int, height: Int, width: Int) throws -> [Float] {
        var planes = [Float](repeating: 0, count: max(channels, 0) * max(height, 0) * max(width, 0))
        try withImage { image in
            try EngineError.check { error in
                mf_frame_planes(
                    image, Int32(clamping: channels), Int32(clamping: height), Int32(clamping: width), &planes, error)
            }
        }
        return planes
    }

    /// What the engine sees of the frame, which must be held meanwhile.
    private var view: mf_image {
        mf_image(
            struct_size: MemoryLayout<mf_image>.size, pixel_format: format.code, width: Int32(clamping: width),
            height: Int32(clamping: height), row_stride: width * format.bytesPerPixel, data: pixels.bytes.baseAddress)
    }

    /// Bytes that stay where they are as long as they are held: the engine takes many frames at a time by their addresses.
    /// They are the array's own, which nobody writes to while it is held here, so that it does not move.
    private final class Pixels: Sendable {
        private let values: [UInt8]
        nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

        init(_ values: [UInt8]) {
            self.values = values
            bytes = self.values.withUnsafeBytes { $0 }
        }
    }
}
