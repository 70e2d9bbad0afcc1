import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels
import TestSupport
import Testing

/// The shared library, built by CMake with gcc, and installed once for all tests of a run.
struct Installation: Sendable {
    private static let made = Result { try Installation() }
    static var shared: Installation { get throws { try made.get() } }

    static let folder = Command.root.appending(path: ".build/hosts")
    let prefix = Installation.folder.appending(path: "prefix").path
    let build = Installation.folder.appending(path: "build").path
    /// What gcc needs to build against it, by pkg-config.
    let flags: [String]

    var library: String { "\(prefix)/lib/libmetaformer.so" }
    /// For running what was built against it. Threads that spin while they wait would take turns on a busy machine.
    var environment: [String: String] { ["LD_LIBRARY_PATH": "\(prefix)/lib", "OMP_WAIT_POLICY": "passive"] }

    private init() throws {
        // The build is kept, and brought up to date; what is installed is new.
        try? FileManager.default.removeItem(atPath: prefix)
        try Command.run([
            "cmake", "-S", Command.root.appending(path: "CSources").path, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_INSTALL_PREFIX=\(prefix)", "-DCMAKE_INSTALL_LIBDIR=lib",
            "-DCMAKE_C_FLAGS=-Werror",
            // Any program will do to see where it goes.
            "-DMETAFORMER_PROGRAM=/bin/true",
        ])
        try Command.run(["cmake", "--build", build, "--parallel", "2"])
        try Command.run(["cmake", "--install", build])
        let output = try Command.run(
            ["pkg-config", "--cflags", "--libs", "metaformer"],
            environment: ["PKG_CONFIG_PATH": "\(prefix)/lib/pkgconfig"])
        flags = output.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// Compiles a host of Tests/hosts or another source of the package, and returns the program's path.
    func compile(
        _ source: String, with compiler: [String] = ["gcc", "-std=c99"], options: [String] = [], to program: String
    ) throws -> String {
        try Command.run(
            compiler + ["-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", Command.root.appending(path: source).path]
                + options + flags + ["-o", program])
        return program
    }
}

/// A small model with every part, for grey images of 64 x 64 pixels.
enum SmallModel {
    static func file(_ mode: Metaformer.Mode = .full) throws -> TensorFile {
        var description = ModelDescription(mode: mode, channels: 1, origin: "test")
        description.pixels = Metaformer.Configuration(mode: mode, imageSize: 64, channels: 1, latentSize: 8)
        return try description.file(seed: 3)
    }

    /// One that gives verdicts as if it knew a product: all are good.
    static func adaptedFile() throws -> TensorFile {
        var file = try file()
        file.metadata["threshold"] = "1000"
        return file
    }

    /// Grey frames of 80 x 60 pixels.
    static func frame(_ seed: Int) throws -> Frame {
        let bytes = (0..<80 * 60).map { UInt8(truncatingIfNeeded: 100 + $0 % 80 + ($0 &* (seed + 3)) % 7) }
        return try Frame(width: 80, height: 60, format: .mono8, bytes: bytes)
    }
}
