import Foundation
import MetaformerModels
import Testing

/// The installed shared library, and hosts in C and C++ that are really built against it, by gcc.
@Suite("Hosts of the shared library", .serialized)
final class HostTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "metaformer-hosts-\(UUID().uuidString)")
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    /// Runs a command of the system, and returns what it printed; its failure is the test's.
    @discardableResult
    private func run(_ command: String..., environment: [String: String] = [:]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // Test threads block signals, and children inherit that: cmake would wait for SIGCHLD for ever.
        process.arguments = ["--default-signal"] + command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let log = folder.appending(path: "log-\(UUID().uuidString)")
        try Data().write(to: log)
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOf: log, encoding: .utf8)
        try #require(process.terminationStatus == 0, "\(command.joined(separator: " ")):\n\(text)")
        return text
    }

    private func install() throws {
        try run(
            "cmake", "-S", root.appending(path: "CSources").path, "-B", path("build"), "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_INSTALL_PREFIX=\(path("prefix"))", "-DCMAKE_INSTALL_LIBDIR=lib",
            "-DCMAKE_C_FLAGS=-Werror")
        try run("cmake", "--build", path("build"), "--parallel", "2")
        try run("cmake", "--install", path("build"))
    }

    private func frame(_ seed: Int) -> [UInt8] {
        (0..<80 * 60).map { UInt8(truncatingIfNeeded: 100 + $0 % 80 + ($0 &* (seed + 3)) % 7) }
    }

    @Test("C99, C++20, find_package and pkg-config hosts give the bits that Swift gives") func hosts() throws {
        try install()
        var description = ModelDescription(mode: .full, channels: 1, origin: "test")
        description.architecture = Metaformer.Configuration(mode: .full, imageSize: 64, channels: 1, latentSize: 8)
        try description.file(seed: 3).write(path: path("model"))
        for index in 0..<3 { try Data(frame(index)).write(to: folder.appending(path: "\(index)")) }

        var options = Model.AdaptationOptions()
        options.epochs = 2
        options.seed = 7
        let frames = try (0..<3).map { try Frame(width: 80, height: 60, format: .mono8, bytes: frame($0)) }
        let taught = try Model(path: path("model")).adapted(to: frames, options: options)
        try taught.save(path: path("expected"))
        let expected = try Data(contentsOf: folder.appending(path: "expected"))
        let score = try Inspector(taught).inspect(frames[2]).score

        try run(
            "cmake", "-S", root.appending(path: "Tests/hosts/package").path, "-B", path("hosts"),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_PREFIX_PATH=\(path("prefix"))")
        try run("cmake", "--build", path("hosts"), "--parallel", "2")
        let flags = try run(
            "pkg-config", "--cflags", "--libs", "metaformer",
            environment: ["PKG_CONFIG_PATH": path("prefix/lib/pkgconfig")])
        try run(
            "sh", "-c",
            "gcc -std=c99 -Wall -Wextra -Wpedantic -Werror '\(root.path)/Tests/hosts/c99/main.c' "
                + "\(flags.trimmingCharacters(in: .whitespacesAndNewlines)) -o '\(path("host-pkg-config"))'")
        for host in ["hosts/host-c", "hosts/host-cpp", "host-pkg-config"] {
            let output = try run(
                path(host), path("model"), path("taught"), "80", "60", path("0"), path("1"), path("2"),
                environment: ["LD_LIBRARY_PATH": path("prefix/lib")])
            let fields = output.split(separator: " ")
            #expect(Double(fields[0]) == Double(score), "\(host): \(output)")
            #expect(try Data(contentsOf: folder.appending(path: "taught")) == expected, "\(host) teaches other bits")
        }
        try checkLibrary()
    }

    /// What the library exports and needs.
    private func checkLibrary() throws {
        let library = path("prefix/lib/libmetaformer.so")
        let symbols = try run("nm", "-D", "--defined-only", library).split(separator: "\n").compactMap {
            $0.split(separator: " ").last.map { String($0.prefix { $0 != "@" }) }
        }
        #expect(symbols.count > 40 && symbols.allSatisfy { $0.hasPrefix("mf_") || $0 == "MF_0" }, "\(symbols)")
        let dynamic = try run("readelf", "-d", library)
        let needed = dynamic.split(separator: "\n").filter { $0.contains("(NEEDED)") }
        #expect(
            needed.allSatisfy { line in ["libc.so", "libm.so", "libgomp.so"].contains { line.contains($0) } },
            "\(needed)")
        #expect(dynamic.contains("soname: [libmetaformer.so.0]"))
        let size = try FileManager.default.attributesOfItem(atPath: path("prefix/lib/libmetaformer.so.0.1.0"))[.size]
        #expect((size as? Int ?? .max) < 1_500_000)
        // Everything that the headers declare is there to be linked.
        for header in ["metaformer.h", "metaformer/engine.h"] {
            let text = try String(contentsOf: root.appending(path: "include/\(header)"), encoding: .utf8)
            for match in text.matches(of: /\b(mf_[a-z0-9_]+)\(/) where text.contains("MF_API") {
                let name = String(match.1)
                if !["mf_progress", "mf_log"].contains(name) {
                    #expect(symbols.contains(name), "\(name) is declared, but not exported")
                }
            }
        }
    }

    @Test("the headers are C99, C11, C17, C++11 and C++20") func headers() throws {
        for (compiler, language, standards) in [
            ("gcc", "c", ["c99", "c11", "c17"]), ("g++", "c++", ["c++11", "c++20"]),
        ] {
            for standard in standards {
                for header in ["metaformer.h", "metaformer/engine.h"] {
                    try run(
                        compiler, "-std=\(standard)", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                        "-x", language,
                        "-I", root.appending(path: "include").path, root.appending(path: "include/\(header)").path)
                }
            }
        }
    }
}
