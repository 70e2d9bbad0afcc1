import CImageCodecs
import Testing

/// What the codecs say to calls that no file can answer: a status and a text, and nothing is written.
@Suite("Calls of the image codecs") struct CodecCallTests {
    /// Calls `body` with room for a message, and gives it with the status.
    private func call(_ body: (UnsafeMutablePointer<CChar>, Int) -> mfc_status) -> (status: mfc_status, text: String) {
        var message = [CChar](repeating: 0, count: Int(MFC_MESSAGE_SIZE))
        let status = message.withUnsafeMutableBufferPointer { body($0.baseAddress!, $0.count) }
        return (status, String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    @Test("Pixels go into a buffer of exactly the image's size")
    func pixelBuffers() {
        var png = PNGBuilder(width: 2, height: 1)
        png.rows = [[7, 9]]
        let file = png.file
        var pixels: [UInt8] = [1, 1, 1]
        for size in [0, 1, 3] {
            let (status, text) = call {
                mfc_decode(file, file.count, MFC_IMAGES, &pixels, size, $0, $1)
            }
            #expect(status == MFC_INVALID_ARGUMENT && text.contains("\(size) bytes, the image 2"), "\(text)")
        }
        let (status, text) = call { mfc_decode(file, file.count, MFC_IMAGES, nil, 2, $0, $1) }
        #expect(status == MFC_INVALID_ARGUMENT && text.contains("no pixel buffer"))
        #expect(pixels == [1, 1, 1])
        #expect(mfc_decode(file, file.count, MFC_IMAGES, &pixels, 2, nil, 0) == MFC_OK && pixels == [7, 9, 1])
        #expect(mfc_decode(file, file.count, MFC_IMAGES, &pixels, 3, nil, 0) == MFC_INVALID_ARGUMENT)
    }

    @Test("Images that a format cannot hold are not encoded")
    func encoding() {
        let pixels = [UInt8](repeating: 0, count: 4 * 70_000)
        let floats = [Float](repeating: 0, count: 4)
        var out = mfc_buffer()
        func info(_ width: UInt32, _ height: UInt32, _ channels: UInt32, _ sample: mfc_sample) -> mfc_image_info {
            mfc_image_info(width: width, height: height, channels: channels, sample: sample)
        }
        for (image, expected, word) in [
            (info(2, 2, 2, MFC_SAMPLE_U8), MFC_INVALID_ARGUMENT, "1 or 3 channels"),
            (info(2, 2, 1, MFC_SAMPLE_F32), MFC_INVALID_ARGUMENT, "8 or 16 bits"),
            (info(0, 2, 1, MFC_SAMPLE_U8), MFC_CORRUPT, "0 x 2"),
            (info(65_536, 1, 1, MFC_SAMPLE_U8), MFC_TOO_LARGE, "at most 65535"),
        ] {
            var image = image
            let (status, text) = call { mfc_encode_png(&image, pixels, &out, $0, $1) }
            #expect(status == expected && text.contains(word), "\(text)")
        }
        for (image, quality, expected, word) in [
            (info(2, 2, 2, MFC_SAMPLE_U8), 90, MFC_INVALID_ARGUMENT, "1 or 3 channels"),
            (info(2, 2, 1, MFC_SAMPLE_U16), 90, MFC_INVALID_ARGUMENT, "8 bits"),
            (info(2, 2, 1, MFC_SAMPLE_U8), 0, MFC_INVALID_ARGUMENT, "quality of 0"),
            (info(2, 2, 1, MFC_SAMPLE_U8), 101, MFC_INVALID_ARGUMENT, "quality of 101"),
            (info(2, 0, 1, MFC_SAMPLE_U8), 90, MFC_CORRUPT, "2 x 0"),
            // A side that the other formats hold, but a JPEG does not.
            (info(65_501, 1, 1, MFC_SAMPLE_U8), 90, MFC_CORRUPT, "65500"),
        ] as [(mfc_image_info, Int32, mfc_status, String)] {
            var image = image
            let (status, text) = call { mfc_encode_jpeg(&image, pixels, quality, &out, $0, $1) }
            #expect(status == expected && text.contains(word), "\(text)")
        }
        for (image, expected, word) in [
            (info(1, 1, 3, MFC_SAMPLE_F32), MFC_INVALID_ARGUMENT, "one channel"),
            (info(2, 2, 1, MFC_SAMPLE_U16), MFC_INVALID_ARGUMENT, "32-bit floats"),
            (info(0, 1, 1, MFC_SAMPLE_F32), MFC_CORRUPT, "0 x 1"),
        ] {
            var image = image
            let (status, text) = call { mfc_encode_tiff(&image, floats, MFC_TIFF_NONE, &out, $0, $1) }
            #expect(status == expected && text.contains(word), "\(text)")
        }
        #expect(out.bytes == nil && out.size == 0)
        mfc_buffer_free(&out)
        mfc_buffer_free(nil)
    }

    @Test("Formats and their endings are listed to an end, and bytes of none are none")
    func formats() {
        func list(_ entry: (Int) -> UnsafePointer<CChar>?) -> [String] {
            var texts: [String] = []
            while let text = entry(texts.count) { texts.append(String(cString: text)) }
            return texts
        }
        #expect(list(mfc_format_name) == ["PNG", "JPEG", "TIFF", "BMP", "PNM"])
        let endings = list(mfc_format_ending)
        #expect(Set(endings).isSuperset(of: ["png", "jpg", "tiff", "dib", "ppm"]))
        #expect(Set(endings).count == endings.count)
        #expect(mfc_sniff(Array("P5 1 1 255\n".utf8), 11).map { String(cString: $0) } == "PNM")
        #expect(mfc_sniff(Array("no image".utf8), 8) == nil)
    }
}
