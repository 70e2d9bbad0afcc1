/// Bytes as a constant array in C, for programs that have no file system: `const uint64_t NAME[]`, which a linker may leave in
/// read-only memory, and `NAME_size`. For little-endian processors.
public struct CArray {
    public let name: String

    /// Throws where the name is no identifier of C, or a reserved one.
    public init(name: String) throws {
        let letters = name.utf8.map { Character(UnicodeScalar($0)) }
        let isIdentifier = letters.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard let first = letters.first, isIdentifier, first.isLetter, !CArray.keywords.contains(name) else {
            throw ModelError(
                "\"\(name)\" is no name for an array in C: letters, digits and _, a letter first, no keyword")
        }
        self.name = name
    }

    /// The nearest name to that of a file.
    public init(nearest text: String) throws {
        let letters = text.unicodeScalars.map { scalar -> Character in
            let isAllowed = scalar.isASCII && (Character(scalar).isLetter || Character(scalar).isNumber)
            return isAllowed ? Character(scalar) : "_"
        }
        let name = String(letters)
        let isUsable = letters.first?.isLetter == true && !CArray.keywords.contains(name)
        try self.init(name: isUsable ? name : "model_" + name)
    }

    /// The header's text. Words rather than bytes: aligned in every standard of C and C++, and compiled several times faster.
    public func header(of bytes: [UInt8], from source: String) -> [UInt8] {
        let guardName = "\(name.uppercased())_H"
        // A path could end the comment.
        let origin = source.replacing("*/", with: "* /").filter { !$0.isNewline }
        var text = Array(
            """
            /*
             * \(origin), as read-only data. Include it in one source file, and open it without a copy of the file:
             *
             *     mf_model_open_memory(\(name), \(name)_size, NULL, &model, &error)
             */
            #ifndef \(guardName)
            #define \(guardName)

            #include <stddef.h>
            #include <stdint.h>

            static const size_t \(name)_size = \(bytes.count);

            static const uint64_t \(name)[\((bytes.count + 7) / 8)] = {
            """.utf8)
        text.reserveCapacity(text.count + bytes.count / 8 * 21)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            if start % 48 == 0 { text += Array("\n   ".utf8) }
            text += Array(" 0x".utf8)
            for index in (start..<start + 8).reversed() {
                let byte = index < bytes.count ? bytes[index] : 0
                text += [CArray.digits[Int(byte >> 4)], CArray.digits[Int(byte & 15)]]
            }
            text.append(UInt8(ascii: ","))
        }
        return text + Array("\n};\n\n#endif\n".utf8)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// Of C and C++, those that a file may well be called.
    private static let keywords: Set<String> = [
        "and", "asm", "auto", "bool", "break", "case", "catch", "char", "class", "const", "continue", "default",
        "delete",
        "do", "double", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if",
        "inline", "int", "long", "mutable", "namespace", "new", "not", "operator", "or", "private", "protected",
        "public",
        "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "template", "this",
        "throw", "true", "try", "typedef", "typename", "union", "unsigned", "using", "virtual", "void", "volatile",
        "while",
        "xor",
    ]
}
