import CImageCodecs
import Foundation

extension Image {
    /// Reads a file of one of `ImageFormat.names`, whatever its name ends in.
    ///
    /// Palettes are expanded and transparency is dropped; the orientation that a JPEG or PNG (in its EXIF part) or a TIFF
    /// file tells is applied, so the image stands upright. Of a TIFF file with several pages the first is read.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - remark: called where the file is read although something about it is odd, with what that is.
    public init(contentsOf url: URL, remark: (String) -> Void = { _ in }) throws(ImageFileError) {
        try self.init(contentsOf: url, remark: remark, contents: { _ in })
    }

    /// The same, with the bytes of the file for who needs them as well.
    init(contentsOf url: URL, remark: (String) -> Void, contents: (Data) -> Void) throws(ImageFileError) {
        let file = try EncodedImage(contentsOf: url, as: MFC_IMAGES)
        contents(file.data)
        try self.init(file, remark)
    }

    /// The size of the image in a file, upright, in pixels. Its pixels are not looked at.
    public static func size(at url: URL) throws(ImageFileError) -> (width: Int, height: Int) {
        let info = try EncodedImage(contentsOf: url).info
        return (Int(info.width), Int(info.height))
    }

    init(_ file: EncodedImage, _ remark: (String) -> Void) throws(ImageFileError) {
        guard file.info.sample != MFC_SAMPLE_F32 else {
            throw ImageFileError(file.url, .unsupported("a map of 32-bit floats, where an image is needed"))
        }
        let bytes = try file.decode(remark)
        self.init(
            width: Int(file.info.width), height: Int(file.info.height), channels: Int(file.info.channels),
            bitDepth: file.info.sample == MFC_SAMPLE_U16 ? 16 : 8, bytes: bytes)
    }

    /// The image as the codecs know it.
    private var info: mfc_image_info {
        mfc_image_info(
            width: UInt32(width), height: UInt32(height), channels: UInt32(channels),
            sample: bitDepth == 16 ? MFC_SAMPLE_U16 : MFC_SAMPLE_U8)
    }

    /// Writes a PNG file. An existing file is replaced whole or not at all.
    public func write(png url: URL) throws(ImageFileError) {
        var info = info
        let data = try encode(to: url) { buffer, message, size in
            bytes.withUnsafeBytes { mfc_encode_png(&info, $0.baseAddress, buffer, message, size) }
        }
        try data.replaceImageFile(at: url)
    }

    /// Writes a JPEG file of 8 bits, for people to look at: small, and soon written. An existing file is replaced whole or not at
    /// all.
    public func write(jpeg url: URL) throws(ImageFileError) { try jpegData(for: url).replaceImageFile(at: url) }

    /// The bytes of a JPEG file.
    public func jpegData() throws(ImageFileError) -> Data { try jpegData(for: URL(fileURLWithPath: "JPEG")) }

    private func jpegData(for url: URL) throws(ImageFileError) -> Data {
        let quality: Int32 = 90
        var info = info
        return try encode(to: url) { buffer, message, size in
            bytes.withUnsafeBytes { mfc_encode_jpeg(&info, $0.baseAddress, quality, buffer, message, size) }
        }
    }
}

/// The formats of image files.
public enum ImageFormat {
    /// Those that are read: "PNG" and so on.
    public static let names = list(mfc_format_name)

    /// How the names of their files end, in small letters and without the dot. Capitals are as good.
    public static let endings = Set(list(mfc_format_ending))

    /// The names as a sentence has them.
    public static var sentence: String { names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "") }

    private static func list(_ element: (Int) -> UnsafePointer<CChar>?) -> [String] {
        var values: [String] = []
        while let value = element(values.count) { values.append(String(cString: value)) }
        return values
    }
}

/// An image file in memory whose header has been read and found within the limits.
struct EncodedImage {
    let url: URL
    let data: Data
    let content: mfc_content
    /// What decoding will give.
    let info: mfc_image_info

    init(contentsOf url: URL, as content: mfc_content = MFC_IMAGES) throws(ImageFileError) {
        let data = try readImageFile(url)
        var info = mfc_image_info()
        try check(url) { message, size in
            data.withUnsafeBytes { (file: UnsafeRawBufferPointer) in
                mfc_probe(
                    file.baseAddress?.assumingMemoryBound(to: UInt8.self), file.count, content, &info, message, size)
            }
        }
        self.url = url
        self.data = data
        self.content = content
        self.info = info
    }

    /// Whether values are only near what was drawn.
    var isLossy: Bool {
        data.withUnsafeBytes { file in
            mfc_sniff(file.baseAddress?.assumingMemoryBound(to: UInt8.self), file.count).map { String(cString: $0) }
        } == "JPEG"
    }

    func decode(_ remark: (String) -> Void = { _ in }) throws(ImageFileError) -> [UInt8] {
        var info = info
        let size = mfc_image_size(&info)
        guard isAvailable(size) else {
            throw ImageFileError(url, .tooLarge("\(size >> 20) MiB of memory needed, more than there is"))
        }
        var status = MFC_OK
        var message = ""
        let pixels = [UInt8](unsafeUninitializedCapacity: size) { pixels, count in
            adviseLargePages(UnsafeMutableRawBufferPointer(pixels))
            (status, message) = withMessage { text, textSize in
                data.withUnsafeBytes { (file: UnsafeRawBufferPointer) in
                    let bytes = file.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    return mfc_decode(bytes, file.count, content, pixels.baseAddress, size, text, textSize)
                }
            }
            count = status == MFC_OK ? size : 0
        }
        guard status == MFC_OK else { throw ImageFileError(url, status: status, message: message) }
        if !message.isEmpty { remark(message) }
        return pixels
    }
}

/// Whether the system would give this many bytes: an array that cannot be allocated ends the process, where asking first
/// makes an error of it.
private func isAvailable(_ size: Int) -> Bool {
    guard size > 64 << 20 else { return true }
    let trial = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let trial, trial != MAP_FAILED else { return false }
    munmap(trial, size)
    return true
}

/// Memory that is about to be filled comes faster in large pages than in thousands of small ones.
private func adviseLargePages(_ memory: UnsafeMutableRawBufferPointer) {
    let page = 2 << 20
    guard let start = memory.baseAddress, memory.count > 2 * page else { return }
    let first = (Int(bitPattern: start) + page - 1) / page * page
    let length = (Int(bitPattern: start) + memory.count - first) / page * page
    madvise(UnsafeMutableRawPointer(bitPattern: first), length, MADV_HUGEPAGE)
}

/// Runs an encoder for the file `url` and takes over what it made.
func encode(
    to url: URL, _ body: (UnsafeMutablePointer<mfc_buffer>, UnsafeMutablePointer<CChar>, Int) -> mfc_status
) throws(ImageFileError) -> Data {
    var buffer = mfc_buffer()
    try check(url) { message, size in body(&buffer, message, size) }
    defer { mfc_buffer_free(&buffer) }
    return Data(bytes: buffer.bytes, count: buffer.size)
}

private func check(
    _ url: URL, _ body: (UnsafeMutablePointer<CChar>, Int) -> mfc_status
) throws(ImageFileError) {
    let (status, message) = withMessage(body)
    guard status == MFC_OK else { throw ImageFileError(url, status: status, message: message) }
}

private func withMessage(
    _ body: (UnsafeMutablePointer<CChar>, Int) -> mfc_status
) -> (mfc_status, String) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MFC_MESSAGE_SIZE)) { text in
        text.initialize(repeating: 0)
        guard let start = text.baseAddress else { return (MFC_NO_MEMORY, "") }
        let status = body(start, text.count)
        return (status, String(cString: start))
    }
}

/// Why there is no file of a name: it may be that of a link, or one that no text can hold.
private func reasonOfAbsence(_ url: URL) -> ImageFileError.Reason {
    let code = errno
    guard code == ENOENT else { return .inaccessible(String(cString: strerror(code))) }
    var status = stat()
    if lstat(url.path, &status) == 0 { return .inaccessible("a link to a file that is not there") }
    return url.path.contains("\u{fffd}") ? .inaccessible("its name is not UTF-8; rename it") : .notFound
}

/// No image within the limits has a larger file.
private let maximumFileSize = 4 << 30

private func readImageFile(_ url: URL) throws(ImageFileError) -> Data {
    var status = stat()
    guard stat(url.path, &status) == 0 else {
        throw ImageFileError(url, reasonOfAbsence(url))
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw ImageFileError(url, .isDirectory)
    default: throw ImageFileError(url, .inaccessible("not a regular file"))
    }
    guard status.st_size > 0 else { throw ImageFileError(url, .empty) }
    guard status.st_size <= maximumFileSize else { throw ImageFileError(url, .tooLarge("a file of over 4 GiB")) }
    guard access(url.path, R_OK) == 0 else {
        throw ImageFileError(url, .inaccessible(String(cString: strerror(errno))))
    }
    do {
        return try Data(contentsOf: url)
    } catch {
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let reason = cause.map { String(cString: strerror(Int32(clamping: $0.code))) } ?? "the system could not read it"
        throw ImageFileError(url, .inaccessible(reason))
    }
}

extension Data {
    func replaceImageFile(at url: URL) throws(ImageFileError) {
        do {
            try AtomicFile.write(self, to: url)
        } catch {
            throw ImageFileError(url, .notWritable(error.message))
        }
    }
}
