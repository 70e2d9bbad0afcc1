import Foundation
import MetaformerInspection
import MetaformerModels
import TestSupport
import Testing

/// Programs in C and C++ that are really built against the installed library, by gcc, and run.
@Suite("Hosts of the shared library") struct HostTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.path(name) }

    @Test("a disk that is full leaves the file that was there, and nothing beside it") func fullDisk() throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: path("model"))
        try SmallModel.frame(0).withUnsafeBytes { Data($0) }.write(to: folder.url.appending(path: "frame"))
        let output = folder.url.appending(path: "output/adapted")
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: false)
        try Data("before".utf8).write(to: output)
        let host = try installation.compile("Tests/hosts/c99/main.c", to: path("host"))
        // Files that may not grow beyond 4 KB are full as a disk is.
        let failure = #expect(throws: Command.Failure.self) {
            try Command.run(
                [
                    "env", "--ignore-signal=XFSZ", "prlimit", "--fsize=4096", host, path("model"), output.path, "80",
                    "60", path("frame"),
                ], environment: installation.environment)
        }
        let text = failure?.description ?? ""
        #expect(text.contains("\(output.path): File too large"), "\(text)")
        #expect(try Data(contentsOf: output) == Data("before".utf8))
        let names = try FileManager.default.contentsOfDirectory(atPath: output.deletingLastPathComponent().path)
        #expect(names == ["adapted"])
    }

    @Test("C99, C++20, find_package and pkg-config hosts give the bits that Swift gives") func hosts() throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: path("model"))
        let frames = try (0..<3).map(SmallModel.frame)
        for (index, frame) in frames.enumerated() {
            try frame.withUnsafeBytes { Data($0) }.write(to: folder.url.appending(path: "\(index)"))
        }

        var options = Model.AdaptationOptions()
        options.epochs = 2
        options.seed = 7
        let adapted = try Model(path: path("model")).adapted(to: frames, options: options)
        try adapted.save(path: path("expected"))
        let expected = try Data(contentsOf: folder.url.appending(path: "expected"))
        let score = try Inspector(adapted).inspect(frames[2]).score

        try Command.run([
            "cmake", "-S", Command.root.appending(path: "Tests/hosts/package").path, "-B", path("hosts"),
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++",
            "-DCMAKE_PREFIX_PATH=\(installation.prefix)",
        ])
        try Command.run(["cmake", "--build", path("hosts"), "--parallel", "2"])
        let plain = try installation.compile("Tests/hosts/c99/main.c", to: path("host-pkg-config"))
        for host in [path("hosts/host-c"), path("hosts/host-cpp"), plain] {
            let output = try Command.run(
                [host, path("model"), path("adapted"), "80", "60", path("0"), path("1"), path("2")],
                environment: installation.environment)
            let fields = output.split(separator: " ")
            #expect(Double(fields[0]) == Double(score), "\(host): \(output)")
            #expect(
                try Data(contentsOf: folder.url.appending(path: "adapted")) == expected, "\(host) adapts other bits")
        }
    }

    @Test("a host in C adapts to the installed universal model, whose path both packages give") func universal()
        throws
    {
        let installation = try Installation.shared
        let model = try Command.run(
            ["pkg-config", "--variable=universal_model", "metaformer"],
            environment: ["PKG_CONFIG_PATH": "\(installation.prefix)/lib/pkgconfig"]
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(model == "\(installation.prefix)/share/metaformer/universal.safetensors")
        try Command.run([
            "cmake", "-S", Command.root.appending(path: "Tests/hosts/package").path, "-B", path("hosts"),
            "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_PREFIX_PATH=\(installation.prefix)",
        ])
        let found = try String(contentsOf: folder.url.appending(path: "hosts/universal-model"), encoding: .utf8)
        #expect(found == model)

        let frames = try (0..<5).map(SmallModel.frame)
        for (index, frame) in frames.enumerated() {
            try frame.withUnsafeBytes { Data($0) }.write(to: folder.url.appending(path: "\(index)"))
        }
        var options = Model.AdaptationOptions()
        options.seed = 7
        try Model(path: UniversalModel.universal.path()).adapted(to: frames, options: options).save(
            path: path("expected"))
        let host = try installation.compile("Tests/hosts/c99/main.c", to: path("host"))
        try Command.run(
            [host, model, path("adapted"), "80", "60"] + (0..<5).map { path("\($0)") },
            environment: installation.environment)
        let (adapted, expected) = (
            try Data(contentsOf: folder.url.appending(path: "adapted")),
            try Data(contentsOf: folder.url.appending(path: "expected"))
        )
        #expect(adapted == expected)
    }

    @Test("a model in read-only memory gives the bits of its file") func embedded() throws {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
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

    @Test("a host's own OpenMP threads and OpenBLAS's threads change no bit, and are left alone") func threads() throws
    {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
        let host = try installation.compile(
            "Tests/hosts/threads/main.c", with: ["gcc", "-std=c11"], options: ["-fopenmp", "-lopenblas", "-lpthread"],
            to: path("host"))
        let output = try Command.run([host, path("model")], environment: installation.environment)
        #expect(output == "same bits\n")
    }

    @Test("a host opens what was signed, and looks at nothing that was changed since") func signature() throws {
        let installation = try Installation.shared
        let model = Command.root.appending(path: "Tests/golden/models/1.safetensors").path
        let openssl = "/usr/bin/openssl"
        for key in [path("key"), path("other")] {
            try Command.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", key])
            try Command.run([openssl, "pkey", "-in", key, "-pubout", "-out", key + ".pub"])
        }
        try Command.run([
            openssl, "pkeyutl", "-sign", "-inkey", path("key"), "-rawin", "-in", model, "-out", path("sig"),
        ])
        let host = try installation.compile(
            "Tests/hosts/signature/main.c", with: ["gcc", "-std=c11"], options: ["-lcrypto"], to: path("host"))
        let output = try Command.run(
            [host, model, path("sig"), path("key.pub"), path("other.pub")],
            environment: installation.environment)
        #expect(output.contains(/signed: opened; \d{4,} changed: refused/), "\(output)")
    }

    @Test("a child of fork is told what it lacks, and works on one thread") func fork() throws {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
        let host = try installation.compile("Tests/hosts/fork/main.c", to: path("host"))
        #expect(try Command.run([host, path("model")], environment: installation.environment) == "same score\n")
    }

    @Test("loading and unloading it 1,000 times leaves no memory and no threads behind") func reload() throws {
        let installation = try Installation.shared
        let host = try installation.compile("Tests/hosts/reload/main.c", options: ["-ldl"], to: path("host"))
        let model = Command.root.appending(path: "Tests/golden/models/1.safetensors").path
        let output = try Command.run([host, installation.library, model], environment: installation.environment)
        #expect(output.contains(/memory [-+]\d+ KiB, threads \d+ [-+]0/), "\(output)")
    }

    @Test("matrices of OpenCV are read and written where they lie") func opencv() throws {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
        let compiler = ["g++", "-std=c++20"]
        // The stand-in always; OpenCV itself where it is installed.
        var variants = [["-I", Command.root.appending(path: "Tests/hosts/opencv").path]]
        let libraries = try? Command.run(["pkg-config", "--cflags", "opencv4"])
        if let libraries {
            variants.append([libraries.trimmingCharacters(in: .whitespacesAndNewlines), "-lopencv_core"])
        }
        for options in variants {
            let host = try installation.compile(
                "Tests/hosts/opencv/main.cpp", with: compiler, options: options, to: path("host"))
            let output = try Command.run([host, path("model")], environment: installation.environment)
            let ramp = (0..<80 * 60).map { UInt8($0 % 80) }
            let frame = try Frame(width: 80, height: 60, format: .mono8, bytes: ramp)
            let score = try Inspector(Model(path: path("model"))).inspect(frame).score
            #expect(Double(output.trimmingCharacters(in: .whitespacesAndNewlines)) == Double(score))
        }
    }

    @Test("the camera loop inspects PGM files and synthetic frames, and says how long it took") func cameraLoop() throws
    {
        let installation = try Installation.shared
        try SmallModel.adaptedFile().write(path: path("model"))
        let host = try installation.compile("bindings/examples/camera_loop.c", to: path("host"))
        let frames = folder.url.appending(path: "frames")
        try FileManager.default.createDirectory(at: frames, withIntermediateDirectories: true)
        let inspector = try Inspector(Model(path: path("model")))
        var expected: [Float] = []
        for index in 0..<3 {
            let frame = try SmallModel.frame(index)
            let pixels = frame.withUnsafeBytes { Data($0) }
            try (Data("P5\n80 60\n255\n".utf8) + pixels).write(to: frames.appending(path: "\(index).pgm"))
            expected.append(try inspector.inspect(frame).score)
        }
        let deep = (0..<80 * 60).map { UInt16($0 * 13) }
        try (Data("P5\n80 60\n65535\n".utf8) + Data(deep.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }))
            .write(to: frames.appending(path: "3.pgm"))
        let bytes = deep.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        expected.append(
            try inspector.inspect(Frame(width: 80, height: 60, format: .mono16, bytes: bytes)).score)

        let lines = try Command.run([host, path("model"), frames.path], environment: installation.environment)
            .split(separator: "\n")
        #expect(lines.count == 5)
        for (index, line) in lines.dropLast().enumerated() {
            let fields = line.split(separator: " ")
            #expect(fields[0] == "\(index).pgm" && fields[2] == "good")
            #expect(abs(try #require(Float(fields[1])) - expected[index]) <= 1e-5 * expected[index], "\(line)")
        }
        let summary = /4 frames, 0 defective; cycle time p50 [0-9.]+ ms, p99 [0-9.]+ ms, max [0-9.]+ ms/
        #expect(lines.last?.wholeMatch(of: summary) != nil)
        let synthetic = try Command.run([host, path("model"), "9"], environment: installation.environment)
        #expect(synthetic.contains("frame 8 ") && synthetic.contains("9 frames, "))
        let clock = ContinuousClock()
        let elapsed = try clock.measure {
            let paced = try Command.run([host, path("model"), "6", "10"], environment: installation.environment)
            #expect(try #require(paced.split(separator: "\n").last).contains(/max [0-9.]+ ms, [0-5] late$/))
        }
        #expect(elapsed > .milliseconds(500))
        #expect(throws: Command.Failure.self) {
            try Command.run([host, path("model"), "6", "0"], environment: installation.environment)
        }
        #expect(throws: Command.Failure.self) {
            try Command.run([host, path("model"), path("model")], environment: installation.environment)
        }
    }

    @Test(
        "a host that has just started takes little memory up to its first verdict, MB",
        arguments: [("universal", 60.0), ("paper", 110)])
    func coldStart(universal: String, most: Double) throws {
        let installation = try Installation.shared
        let host = try installation.compile("Tests/hosts/coldstart/main.c", to: path("host"))
        let model = "\(installation.prefix)/share/metaformer/\(universal).safetensors"
        let output = try Command.run([host, model], environment: installation.environment)
        let memory = try #require(output.firstMatch(of: /total ([0-9.]+) ms, ([0-9.]+) MB/))
        #expect(try #require(Double(memory.2)) < most, "\(output)")
        // The time depends on what else the machine does: scripts/bench/cold_start measures it.
        #expect(try #require(Double(memory.1)) > 0)
    }
}
