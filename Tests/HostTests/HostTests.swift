import Foundation
import MetaformerModels
import TestSupport
import Testing

/// Programs in C and C++ that are really built against the installed library, by gcc, and run.
@Suite("Hosts of the shared library") struct HostTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.path(name) }

    @Test("C99, C++20, find_package and pkg-config hosts give the bits that Swift gives") func hosts() throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: path("model"))
        let frames = try (0..<3).map(SmallModel.frame)
        for (index, frame) in frames.enumerated() {
            try Data(frame.bytes).write(to: folder.url.appending(path: "\(index)"))
        }

        var options = Model.AdaptationOptions()
        options.epochs = 2
        options.seed = 7
        let taught = try Model(path: path("model")).adapted(to: frames, options: options)
        try taught.save(path: path("expected"))
        let expected = try Data(contentsOf: folder.url.appending(path: "expected"))
        let score = try Inspector(taught).inspect(frames[2]).score

        try Command.run([
            "cmake", "-S", Command.root.appending(path: "Tests/hosts/package").path, "-B", path("hosts"),
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++",
            "-DCMAKE_PREFIX_PATH=\(installation.prefix)",
        ])
        try Command.run(["cmake", "--build", path("hosts"), "--parallel", "2"])
        let plain = try installation.compile("Tests/hosts/c99/main.c", to: path("host-pkg-config"))
        for host in [path("hosts/host-c"), path("hosts/host-cpp"), plain] {
            let output = try Command.run(
                [host, path("model"), path("taught"), "80", "60", path("0"), path("1"), path("2")],
                environment: installation.environment)
            let fields = output.split(separator: " ")
            #expect(Double(fields[0]) == Double(score), "\(host): \(output)")
            #expect(
                try Data(contentsOf: folder.url.appending(path: "taught")) == expected, "\(host) teaches other bits")
        }
    }

    @Test("a model in read-only memory gives the bits of its file") func embedded() throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: path("model"))
        let bytes = Array(try Data(contentsOf: folder.url.appending(path: "model")))
        let header = try CArray(name: "washer").header(of: bytes, from: "washer */ \n.safetensors")
        try Data(header).write(to: folder.url.appending(path: "washer.h"))
        let host = try installation.compile(
            "Tests/hosts/embedded/main.c", options: ["-I", folder.url.path], to: path("host"))
        let output = try Command.run([host, "80", "60"], environment: installation.environment)
        let ramp = (0..<80 * 60).map { UInt8($0 % 80) }
        let frame = try Frame(width: 80, height: 60, format: .mono8, bytes: ramp)
        let score = try Inspector(Model(path: path("model"))).inspect(frame).score
        #expect(Double(output.trimmingCharacters(in: .whitespacesAndNewlines)) == Double(score))
        // The words lie where nothing is ever written.
        #expect(try Command.run(["nm", host]).contains(/\sr washer\n/))
        try Command.run([
            "g++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-variable", "-fsyntax-only",
            "-x",
            "c++", path("washer.h"),
        ])
    }
}
