import Foundation

/// JPEG files of 24 x 16 pixels: six blocks of 8 x 8, each of one colour.
enum JPEGFixtures {
    /// Grey levels 20, 60, 100 in the upper row of blocks, 140, 180, 220 in the lower.
    static let grey = bytes(
        """
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
        sKDAkKCgr/wAALCAAQABgBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAACAn/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AInlAUBQFAUD
        /9k=
        """)

    /// Red, green, blue above yellow, cyan, magenta.
    static let rgb = bytes(
        """
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
        sKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wAARCAAQ
        ABgDAREAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAACQgK/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/EABYBAQEBAAAAAAAAAAAAAAAAAAoICf
        /EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AIvSm38JQlsFcDZpjVhsUADVQkMqwasa6pDrH//Z
        """)

    /// The same colours as `rgb`, in several scans.
    static let progressive = bytes(
        """
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
        sKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wgARCAAQ
        ABgDAREAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAACAcJ/8QAFgEBAQEAAAAAAAAAAAAAAAAACQcI/9oADAMBAAIQAxAAAAGLynfyUloVg1
        ptWbFADVJCqxqmupOt/8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQABBQJf/8QAFBEBAAAAAAAAAAAAAAAAAAAAIP/aAAgBAwEBPwFf/8QA
        FBEBAAAAAAAAAAAAAAAAAAAAIP/aAAgBAgEBPwFf/8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQAGPwJf/8QAFBABAAAAAAAAAAAAAAAAAA
        AAIP/aAAgBAQABPyFf/9oADAMBAAIAAwAAABAAAD//xAAUEQEAAAAAAAAAAAAAAAAAAAAg/9oACAEDAQE/EF//xAAUEQEAAAAAAAAAAAAAAAAA
        AAAg/9oACAECAQE/EF//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAE/EF//2Q==
        """)

    static let cmyk = bytes(
        """
        /9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCg
        wJCgoK/8AAFAgAEAAYBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAoACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZ
        AEsAAD8A38H/AB/x/wAAM/xJABn+I/w/wANABo/xH+ABpP/Z
        """)

    /// A file with an EXIF segment of only an orientation put in behind its first marker.
    static func with(orientation: Int, isBigEndian: Bool, in file: [UInt8]) -> [UInt8] {
        with(
            segment: Array("Exif".utf8) + [0, 0] + exif(orientation: orientation, isBigEndian: isBigEndian), in: file)
    }

    /// EXIF data of an orientation alone.
    static func exif(orientation: Int, isBigEndian: Bool) -> [UInt8] {
        let number = { (value: Int, size: Int) -> [UInt8] in
            let little = (0..<size).map { UInt8(value >> (8 * $0) & 255) }
            return isBigEndian ? little.reversed() : little
        }
        return
            (isBigEndian ? [0x4d, 0x4d, 0, 42] : [0x49, 0x49, 42, 0]) + number(8, 4) + number(1, 2)
            + number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + [0, 0] + number(0, 4)
    }

    /// A file with an APP1 segment put in behind its first marker.
    static func with(segment: [UInt8], in file: [UInt8]) -> [UInt8] {
        let length = segment.count + 2
        return file[..<2] + [0xff, 0xe1, UInt8(length >> 8), UInt8(length & 255)] + segment + file[2...]
    }

    private static func bytes(_ base64: String) -> [UInt8] {
        Array(Data(base64Encoded: base64, options: .ignoreUnknownCharacters) ?? Data())
    }
}
