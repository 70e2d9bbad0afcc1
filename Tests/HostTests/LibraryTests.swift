import Foundation
import TestSupport
import Testing

/// What the shared library is to its hosts: symbols, layouts, needs.
///
/// With MF_UPDATE_SNAPSHOTS=1 in the environment the golden files in Tests/golden/abi are rewritten. A change there other than an
/// addition breaks hosts that are built already: it needs a new METAFORMER_ABI in metaformer.h.
@Suite("The shared library") struct LibraryTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private let headers = Headers()
    private static let isUpdating = ProcessInfo.processInfo.environment["MF_UPDATE_SNAPSHOTS"] == "1"

    private func expectGolden(_ lines: [String], _ name: String) throws {
        let file = Command.root.appending(path: "Tests/golden/abi/\(name)")
        let text = lines.joined(separator: "\n") + "\n"
        if LibraryTests.isUpdating { try Data(text.utf8).write(to: file) }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(
            text == golden,
            """
            the binary interface is not that of \(name); where that is meant, write it anew by
            MF_UPDATE_SNAPSHOTS=1 swift test --filter LibraryTests
            """)
    }

    // MARK: Symbols

    @Test("it exports what the headers declare, and what is agreed") func symbols() throws {
        let installation = try Installation.shared
        let symbols = try Command.run(["nm", "-D", "--defined-only", installation.library]).split(separator: "\n")
            .compactMap { $0.split(separator: " ").last.map { String($0) } }.filter { !$0.hasPrefix("MF_") }.sorted()
        try expectGolden(symbols, "symbols.txt")
        let abi = try headers.abi()
        let declared = try headers.functions()
        #expect(declared.count > 40)
        #expect(Set(symbols) == Set(declared.map { "\($0)@@MF_\(abi)" }))
    }

    @Test("every declared function can be linked") func linking() throws {
        let declared = try headers.functions()
        let source = """
            #include <metaformer.h>
            #include <metaformer/engine.h>
            typedef void (*function)(void);
            int main(void) {
                volatile function functions[] = {\(declared.map { "(function)\($0)" }.joined(separator: ", "))};
                for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
                    if (!functions[i]) return 1;
                return 0;
            }
            """
        let installation = try Installation.shared
        try Data(source.utf8).write(to: folder.url.appending(path: "all.c"))
        try Command.run(["gcc", folder.path("all.c")] + installation.flags + ["-o", folder.path("all")])
        try Command.run([folder.path("all")], environment: installation.environment)
    }

    // MARK: Layout

    @Test("structs and numbers lie as is agreed") func layout() throws {
        try expectGolden(headers.layout(in: folder), "layout.txt")
    }

    @Test(
        "the headers are C99, C11, C17, C++11 and C++20",
        arguments: [("gcc", "c99"), ("gcc", "c11"), ("gcc", "c17"), ("g++", "c++11"), ("g++", "c++20")])
    func headers(compiler: String, standard: String) throws {
        for header in Headers.names {
            try Command.run([
                compiler, "-std=\(standard)", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                "-x", compiler == "gcc" ? "c" : "c++", "-I", Command.root.appending(path: "include").path,
                Command.root.appending(path: "include/\(header)").path,
            ])
        }
    }

    // MARK: Needs

    /// The library as SwiftPM builds it, beside the tests.
    private static let swiftPM = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "libMetaformer.so").path

    @Test("it needs libc, libm and the OpenMP runtime, and is under 1.5 MB stripped", arguments: [false, true])
    func needs(isBuiltBySwiftPM: Bool) throws {
        let library = isBuiltBySwiftPM ? LibraryTests.swiftPM : try Installation.shared.library
        let abi = try headers.abi()
        let dynamic = try Command.run(["readelf", "-d", library])
        let needed = dynamic.matches(of: /\(NEEDED\).*\[(lib[a-z+]+)\.so/).map { String($0.1) }
        #expect(needed.contains("libomp") && Set(needed).isSubset(of: ["libc", "libm", "libomp"]), "\(needed)")
        #expect(dynamic.contains("soname: [libmetaformer.so.\(abi)]") && dynamic.contains("NODELETE"))
        try Command.run(["strip", "-o", folder.path("stripped"), library])
        let size = try FileManager.default.attributesOfItem(atPath: folder.path("stripped"))[.size] as? Int
        #expect(try #require(size) < 1_500_000)
    }

    @Test("SwiftPM builds the same library from the same sources") func swiftPM() throws {
        let installation = try Installation.shared
        let symbols = try [installation.library, LibraryTests.swiftPM].map {
            try Command.run(["nm", "-D", "--defined-only", "--format=posix", $0]).split(separator: "\n")
                .map { $0.prefix { $0 != " " } }.sorted()
        }
        #expect(symbols[0] == symbols[1])
        // Hosts of the one run with the other, and get the same bits.
        let host = try installation.compile(
            "Tests/hosts/opencv/main.cpp", with: ["g++", "-std=c++20"],
            options: [
                "-I", Command.root.appending(path: "Tests/hosts/opencv").path,
            ], to: folder.path("host"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("libmetaformer.so.\(headers.abi())"), withDestinationPath: LibraryTests.swiftPM)
        let model = folder.path("model")
        try SmallModel.adaptedFile().write(path: model)
        let outputs = try [installation.environment, ["LD_LIBRARY_PATH": folder.url.path]].map {
            try Command.run([host, model], environment: $0)
        }
        #expect(outputs[0] == outputs[1])
    }

    @Test("the Debian package holds library, headers, packages, program and manual") func debianPackage() throws {
        let installation = try Installation.shared
        try Command.run(
            ["cpack", "-B", folder.url.path, "--config", "\(installation.build)/CPackConfig.cmake"],
            environment: ["CPACK_PACKAGE_DIRECTORY": folder.url.path], in: folder.url)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        let package = folder.path(try #require(names.first { $0.hasSuffix(".deb") }))
        let contents = try Command.run(["dpkg-deb", "-c", package])
        for file in [
            "/usr/bin/metaformer", "/usr/include/metaformer.h", "/usr/include/metaformer/engine.h",
            "/usr/include/metaformer/metrics.h", "/usr/include/metaformer/settings.h",
            "/usr/include/metaformer.hpp", "/usr/include/metaformer_opencv.hpp",
            "/libmetaformer.so.\(try headers.abi())",
            "/pkgconfig/metaformer.pc", "/cmake/Metaformer/MetaformerConfig.cmake", "/usr/share/man/man1/metaformer.1",
            "/usr/share/doc/metaformer/copyright",
        ] {
            #expect(contents.contains(file), "\(file)")
        }
        let needs = try Command.run(["dpkg-deb", "-f", package, "Depends"])
        #expect(needs.contains("libc6") && needs.contains("libomp5") && !needs.contains("libgomp"), "\(needs)")
    }
}
