import Foundation
import MetaformerGraph
import MetaformerInspection
import MetaformerModels
import TestSupport
import Testing

/// Exported models, run by another runtime.
@Suite("ONNX export of models") struct ONNXExportTests {
    /// A model whose every part has an effect: what starts at zero or one does not here.
    private static func file(_ mode: Metaformer.Mode) throws -> TensorFile {
        let description = ModelDescription(mode: mode, channels: 3, origin: "test")
        let start = try description.file(seed: 5)
        var generator = SplitMix64(seed: 9)
        var parameters: [String: [Float]] = [:]
        for entry in start.entries {
            guard case .floats(let values) = entry.contents else { continue }
            let spread: Float = entry.name.hasPrefix("normal.") || entry.name.contains(".head.") ? 0.1 : 0
            parameters[entry.name] = values.map { $0 + spread * Float(2 * generator.nextUnit() - 1) }
        }
        return try description.file(parameters: parameters)
    }

    private static func frame(_ seed: UInt64) throws -> Frame {
        var generator = SplitMix64(seed: seed)
        let bytes = (0..<256 * 256 * 3).map { index in
            UInt8(clamping: 60 + index / 3 % 256 / 2 + Int(60 * generator.nextUnit()))
        }
        return try Frame(width: 256, height: 256, format: .rgb8, bytes: bytes)
    }

    @Test("onnxruntime gives what the engine gives, to 1e-4", .enabled(if: Command.pythonWithONNX != nil))
    func values() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "metaformer-onnx-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let frames = try [ONNXExportTests.frame(1), ONNXExportTests.frame(2)]
        var lines = 0
        for mode in Metaformer.Mode.allCases {
            let file = try ONNXExportTests.file(mode)
            let name = folder.appending(path: mode.rawValue).path
            try file.write(path: name + ".model")
            let inspector = try Inspector(Model(path: name + ".model"))
            try inspector.setThreshold(.infinity)
            let hasPrior = mode != .autoencoder
            let outputs = ["reconstruction", "map"] + (hasPrior ? ["response"] : [])
            var planes: [String: [Float]] = [:]
            for frame in frames {
                _ = try inspector.inspect(frame)
                for plane in outputs + ["image"] { planes[plane, default: []] += try inspector.plane(plane) }
            }
            func entry(_ kind: String, _ plane: String) -> TensorFile.Entry {
                let values = planes[plane] ?? []
                let shape: Shape = [2, values.count / (2 * 256 * 256), 256, 256]
                return TensorFile.Entry(name: "\(kind)/\(plane)", shape: shape, contents: .floats(values))
            }
            try Data(file.onnx(batch: 2).data).write(to: URL(filePath: name + ".onnx"))
            try TensorFile(entries: outputs.map { entry("output", $0) } + [entry("input", "image")])
                .write(path: name + ".safetensors")
            lines += outputs.count
            guard hasPrior else { continue }
            try Data(file.onnx(.prior, batch: 2).data).write(to: URL(filePath: name + " prior.onnx"))
            try TensorFile(entries: [entry("output", "response"), entry("input", "image")])
                .write(path: name + " prior.safetensors")
            lines += 1
        }
        let script = Command.root.appending(path: "scripts/reference/onnx.py").path
        let python = try #require(Command.pythonWithONNX)
        let report = try Command.run([python, script, folder.path, "1e-4"])
        #expect(report.split(separator: "\n").count == lines)
    }

    @Test("What cannot be exported is said") func refusals() throws {
        let file = try ONNXExportTests.file(.autoencoder)
        #expect { try file.onnx(.prior) } throws: { "\($0)".contains("no prior") }
        #expect { try file.onnx(batch: 0) } throws: { "\($0)".contains("batch of 0") }
        #expect { try TensorFile().onnx() } throws: { "\($0)".contains("no description") }
    }
}
