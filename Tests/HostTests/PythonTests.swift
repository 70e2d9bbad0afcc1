import Foundation
import MetaformerModels
import TestSupport
import Testing

/// The Python package: its wheel is built and installed into an environment of its own, where its tests run.
@Suite("The Python package") struct PythonTests {
    static let python = "/usr/bin/python3"

    /// An environment with NumPy and the wheel, made once for all tests of a run.
    private static let environment = Result {
        let installation = try Installation.shared
        let folder = Command.root.appending(path: ".build/hosts/python")
        try? FileManager.default.removeItem(at: folder)
        // Building leaves files beside the sources: it is done on a copy.
        let sources = folder.appending(path: "sources")
        for part in ["bindings/python", "include"] {
            try FileManager.default.createDirectory(
                at: sources.appending(path: part).deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                at: Command.root.appending(path: part), to: sources.appending(path: part))
        }
        // What an earlier build left in the tree is not what is tested.
        try? FileManager.default.removeItem(at: sources.appending(path: "bindings/python/build"))
        try Command.run(
            [
                python, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index",
                "--wheel-dir", folder.appending(path: "wheels").path, sources.appending(path: "bindings/python").path,
            ],
            environment: [
                "METAFORMER_LIBRARY": installation.library,
                "METAFORMER_UNIVERSAL_MODEL": "\(installation.prefix)/share/metaformer/universal.safetensors",
            ])
        let environment = folder.appending(path: "environment").path
        try Command.run([python, "-m", "venv", "--system-site-packages", environment])
        let wheels = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "wheels").path)
        let wheel = try #require(wheels.first)
        try Command.run([
            "\(environment)/bin/pip", "install", "--quiet", "--no-index", "--no-deps",
            folder.appending(path: "wheels/\(wheel)").path,
        ])
        return (python: "\(environment)/bin/python", wheels: wheels)
    }

    /// The interpreter that has the package.
    static var interpreter: String { get throws { try environment.get().python } }

    @Test("the wheel is for any Python 3 on its platform") func wheel() throws {
        let wheels = try PythonTests.environment.get().wheels
        #expect(wheels.count == 1)
        #expect(
            try #require(wheels.first).wholeMatch(of: /metaformer-\d+\.\d+\.\d+-py3-none-linux_[a-z0-9_]+\.whl/) != nil)
    }

    @Test("its own tests pass where it is installed") func ownTests() throws {
        let folder = try TemporaryFolder()
        try SmallModel.file().write(path: folder.path("model"))
        try SmallModel.adaptedFile().write(path: folder.path("adapted"))
        let output = try Command.run(
            [try PythonTests.interpreter, "-m", "unittest", "-v", "test_metaformer"],
            environment: [
                "MODEL": folder.path("model"), "ADAPTED": folder.path("adapted"), "OMP_WAIT_POLICY": "passive",
                "LAYOUT": Command.root.appending(path: "Tests/golden/abi/layout.txt").path,
            ],
            in: Command.root.appending(path: "bindings/python/tests"))
        #expect(output.contains(/Ran [34][0-9] tests in/) && output.contains("\nOK"), "\(output)")
    }
}
