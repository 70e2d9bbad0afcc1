import Foundation
import MetaformerData
import MetaformerModels
import TestSupport
import Testing

/// The command line, C, C++ and Python on the same images. `scripts/parity` does it for any data set.
@Suite("Parity") struct ParityTests {
    @Test("command line, C, C++ and Python give the same bits") func parity() throws {
        let installation = try Installation.shared
        let folder = try TemporaryFolder()
        try SmallModel.adaptedFile().write(path: folder.path("model"))
        let images = folder.url.appending(path: "images")
        try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
        for index in 0..<4 {
            let channels = index == 3 ? 3 : 1
            let bytes = (0..<(60 + index) * 80 * channels).map { UInt8(truncatingIfNeeded: $0 % 87 &* (index + 2)) }
            try Image(width: 80, height: 60 + index, channels: channels, bytes: bytes)
                .write(png: images.appending(path: "\(index).png"))
        }
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "metaformer").path
        let output = try Command.run(
            [
                try PythonTests.interpreter, Command.root.appending(path: "scripts/parity").path, "--metaformer",
                program, "--prefix", installation.prefix, "--model", folder.path("model"), images.path,
            ], environment: ["OMP_WAIT_POLICY": "passive"])
        #expect(output.contains("4 of 4 images give the same bits by the command line, C, C++ and Python"))
    }
}
