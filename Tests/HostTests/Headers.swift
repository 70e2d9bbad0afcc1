import Foundation
import TestSupport
import Testing

/// The public headers of a folder, and what they say of the binary interface.
struct Headers {
    /// The contract of hosts, in files of which early versions had the first alone.
    private static let publicNames = ["metaformer.h", "metaformer/settings.h", "metaformer/metrics.h"]
    static let names = publicNames + ["metaformer/engine.h"]
    var folder = Command.root.appending(path: "include")

    /// A header without its comments.
    private func text(_ header: String) throws -> String {
        let url = folder.appending(path: header)
        guard header == "metaformer.h" || FileManager.default.fileExists(atPath: url.path) else { return "" }
        let text = try String(contentsOf: url, encoding: .utf8)
        return text.replacing(/\/\*(?:[^*]|\*(?!\/))*\*\//, with: "")
    }

    /// The number that the names of the library and of its symbols have.
    func abi() throws -> String {
        String(try #require(try text("metaformer.h").firstMatch(of: /#define METAFORMER_ABI (\d+)/)).1)
    }

    /// Every function that is declared for others.
    func functions() throws -> [String] {
        let declaration = /^MF_API[^;]*?\b(mf_[a-z0-9_]+)\(/.anchorsMatchLineEndings()
        return try Headers.names.flatMap { try text($0).matches(of: declaration).map { String($0.1) } }
    }

    /// The names of the structs, with their fields.
    func structures() throws -> [(name: String, fields: [String])] {
        try Headers.names.map(text).joined().matches(of: /typedef struct (mf_[a-z0-9_]+) \{([^}]*)\}/).map { match in
            let declarations = match.2.split(separator: ";").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
            let fields = declarations.filter { !$0.isEmpty }.flatMap { declaration -> [String] in
                if let function = declaration.firstMatch(of: /\(\*([a-z_0-9]+)\)/) { return [String(function.1)] }
                return declaration.split(separator: ",").compactMap { part in
                    part.matches(of: /[A-Za-z_][A-Za-z_0-9]*(?=\s*(\[|$))/).last.map { String($0.0) }
                }
            }
            return (String(match.1), fields)
        }
    }

    /// Lines as a compiler sees them: "struct size", "struct.field offset size", "CONSTANT number".
    func layout(in temporary: TemporaryFolder) throws -> [String] {
        var source = """
            #include <metaformer.h>
            #include <metaformer/engine.h>
            #include <stdio.h>
            int main(void) {

            """
        for (name, fields) in try structures() {
            #expect(!fields.isEmpty, "\(name)")
            source += "printf(\"\(name) %zu\\n\", sizeof(\(name)));\n"
            for field in fields {
                source += "printf(\"\(name).\(field) %zu %zu\\n\", offsetof(\(name), \(field)), "
                source += "sizeof(((\(name) *)0)->\(field)));\n"
            }
        }
        // Of the public header only: the numbers of the engine's are those of ops.def and steps.def.
        let contract = try Headers.publicNames.map(text).joined()
        for list in contract.matches(of: /typedef enum mf_[a-z_]+ \{([^}]*)\}/) {
            for constant in list.1.matches(of: /MF_[A-Z0-9_]+/) {
                source += "printf(\"\(constant.0) 0x%x\\n\", (unsigned)\(constant.0));\n"
            }
        }
        for constant in contract.matches(of: /#define (MF_M[AI][XN]_[A-Z_]+)\b/) {
            source += "printf(\"\(constant.1) %llu\\n\", (unsigned long long)\(constant.1));\n"
        }
        source += "return 0;\n}\n"
        try Data(source.utf8).write(to: temporary.url.appending(path: "layout.c"))
        try Command.run(["gcc", "-I", folder.path, temporary.path("layout.c"), "-o", temporary.path("layout")])
        return try Command.run([temporary.path("layout")]).split(separator: "\n").map(String.init)
    }
}
