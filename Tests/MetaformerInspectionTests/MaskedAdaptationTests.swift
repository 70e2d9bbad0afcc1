import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// Regions of interest while a model is adapted.
@Suite("Masks in adaptation")
final class MaskedAdaptationTests {
    let folder: TemporaryFolder
    private var model: OpaquePointer?

    init() throws {
        folder = try TemporaryFolder()
        try smallDescription(.autoencoder, channels: 1).file(seed: 5).write(path: folder.path("model"))
        try #require(mf_model_open_file(folder.path("model"), nil, &model, nil) == MF_OK)
    }

    deinit { mf_model_release(model) }

    private static let size = 64

    /// A disc with a label of noise in a corner, another one in each frame.
    private func labelled(_ seed: UInt64) throws -> Frame {
        var generator = SplitMix64(seed: seed)
        return try frame(MaskedAdaptationTests.size, MaskedAdaptationTests.size) { x, y in
            if x < 20, y < 20 { return generator.nextUnit() }
            return (x - 36) * (x - 36) + (y - 36) * (y - 36) < 400 ? 0.8 : 0.2
        }
    }

    private func outsideLabel(_ x: Int, _ y: Int) -> Bool { x >= 28 || y >= 28 }

    /// Adapts to four frames with masks of these functions, and returns the status, the text and the saved file.
    private func adapt(
        _ masks: [(Int, Int) -> Bool], size: Int = MaskedAdaptationTests.size, model: OpaquePointer? = nil
    ) throws -> (status: mf_status, text: String, threshold: Float, file: Data) {
        let frames = try (0..<4).map { try labelled(UInt64($0)) }
        let bytes: [[UInt8]] = masks.map { inside in
            (0..<size * size).map { inside($0 % size, $0 / size) ? 1 : 0 }
        }
        let marks = bytes.flatMap { $0 }
        var (adapted, failure): (OpaquePointer?, mf_error) = (nil, emptyError())
        let status = Frame.withImages(frames) { images in
            marks.withUnsafeBufferPointer { marks in
                let views = masks.indices.map { index in
                    mf_mask(
                        struct_size: MemoryLayout<mf_mask>.size, width: Int32(size), height: Int32(size),
                        row_stride: size, data: marks.baseAddress.map { $0 + index * size * size })
                }
                return views.withUnsafeBufferPointer { views in
                    var options = mf_adapt_options()
                    options.struct_size = MemoryLayout<mf_adapt_options>.size
                    options.epochs = 30
                    options.batch = 2
                    options.masks = views.isEmpty ? nil : views.baseAddress
                    options.mask_count = views.count
                    return mf_adapt(
                        model ?? self.model, images.baseAddress, images.count, &options, &adapted, &failure)
                }
            }
        }
        guard status == MF_OK else { return (status, text(of: failure), 0, Data()) }
        defer { mf_model_release(adapted) }
        try #require(mf_model_save(adapted, folder.path("adapted"), nil) == MF_OK)
        let threshold = mf_model_setting(adapted, "threshold").flatMap { Float(String(cString: $0)) }
        return (status, "", try #require(threshold), try Data(contentsOf: URL(filePath: folder.path("adapted"))))
    }

    @Test("a mask of everything is none, and one for all frames is one for each") func equalMasks() throws {
        let none = try adapt([])
        let everything = try adapt([{ _, _ in true }])
        #expect(none.status == MF_OK && everything.file == none.file)
        let one = try adapt([outsideLabel])
        let each = try adapt([outsideLabel, outsideLabel, outsideLabel, outsideLabel])
        #expect(one.status == MF_OK && one.file == each.file && one.file != none.file)
    }

    @Test("what a mask ignores is neither learnt nor evaluated") func ignored() throws {
        let masked = try adapt([outsideLabel])
        #expect(masked.status == MF_OK)
        let host = try Host(folder.path("adapted"))
        for seed in 100..<104 {
            let input = try labelled(UInt64(seed))
            let inside = try withMask(64, 64, outsideLabel) { try host.map(input, mask: $0).result }
            #expect(inside.is_anomalous == 0)
            // Its label was no part of what is normal: without the mask it stands out.
            let whole = host.inspect(input).result
            #expect(whole.score > 20 * inside.score, "\(whole.score), \(inside.score), \(whole.threshold)")
        }
    }

    @Test("ignored pixels weigh nothing in the loss and its gradient") func gradient() throws {
        var architecture = Metaformer.Configuration(mode: .autoencoder, imageSize: 64, channels: 1, latentSize: 16)
        architecture.loss.weight = 0
        let programs = try ModelPrograms(architecture)
        let gradient = try Runner(program: (programs["gradient"]?.data ?? []))
        let inspect = try Runner(program: (programs["inspect"]?.data ?? []))
        let values = Dictionary(
            uniqueKeysWithValues: programs.parameters.map { ($0.name, $0.initialValues(seed: 3)) })
        var buffers: [String: FloatBuffer] = [:]
        for runner in [gradient, inspect] {
            for slot in runner.slots {
                let buffer = buffers[slot.name] ?? FloatBuffer(count: slot.count)
                if let initial = values[slot.name] { buffer.assign(initial) }
                buffers[slot.name] = buffer
                try runner.bind(slot.name, to: buffer)
            }
        }
        let (image, mask) = (try #require(buffers["image"]), try #require(buffers["mask"]))
        let (weight, loss) = (try #require(buffers["weight"]), try #require(buffers["loss"]))
        image.assign((0..<64 * 64).map { Float(0.5 + 0.4 * sin(Double($0) * 0.37)) })
        weight.assign([1])
        try inspect.run()
        let reconstruction = try #require(buffers["reconstruction"]).values
        let gradients = buffers.filter { $0.key.hasPrefix("gradient/") }
        func run(_ values: [Float]) throws -> Float {
            for buffer in gradients.values { buffer.assign([Float](repeating: 0, count: buffer.count)) }
            mask.assign(values)
            try gradient.run()
            return loss.values[0]
        }
        let none = try run([Float](repeating: 0, count: 64 * 64))
        #expect(none == 0 && gradients.values.allSatisfy { $0.values.allSatisfy { $0 == 0 } })

        let marks: [Float] = (0..<64 * 64).map { $0 % 64 < 30 ? 1 : 0 }
        let half = try run(marks)
        let expected = marks.indices.reduce(0.0) { sum, i in
            let error = Double(reconstruction[i] - image.values[i])
            return sum + Double(marks[i]) * error * error / (64 * 64)
        }
        #expect(Swift.abs(Double(half) - expected) <= 1e-5 * expected)
        // Both halves together are the whole: so are their gradients.
        let left = gradients.mapValues { $0.values }
        let other = try run(marks.map { 1 - $0 })
        let right = gradients.mapValues { $0.values }
        let whole = try run([Float](repeating: 1, count: 64 * 64))
        #expect(Swift.abs(half + other - whole) <= 1e-5 * whole)
        for (name, buffer) in gradients {
            let (a, b, all) = (try #require(left[name]), try #require(right[name]), buffer.values)
            let scale = all.map(Swift.abs).max() ?? 0
            for i in all.indices { #expect(Swift.abs(a[i] + b[i] - all[i]) <= 1e-4 * scale + 1e-9, "\(name)") }
        }
    }

    @Test("masks that cannot be are refused by frame and reason") func refused() throws {
        let all = { (_: Int, _: Int) in true }
        let none = { (_: Int, _: Int) in false }
        let empty = try adapt([all, all, none, all])
        #expect(empty.status == MF_E_INVALID && empty.text.contains("frame 2") && empty.text.contains("nothing"))
        let two = try adapt([all, all])
        #expect(two.status == MF_E_INVALID && two.text.contains("4"))
        let small = try adapt([all], size: 60)
        #expect(small.status == MF_E_INVALID && small.text.contains("60 x 60"))
    }

    @Test("a model whose programs know no mask is adapted without one, and says so with one") func withoutMask() throws
    {
        let description = smallDescription(.autoencoder, channels: 1)
        let file = try description.file(seed: 5)
        let metaformer = Metaformer(try description.requirePixels())
        let graph = Graph()
        let image = try graph.input("image", metaformer.imageShape(1))
        let weights = try graph.input("weight", [1])
        let reconstruction = try metaformer.reconstruct(image, response: nil, in: Scope(graph)).image
        let loss = try description.requirePixels().loss(reconstruction, image, weights: weights)
        let trainable = try metaformer.trainableParameters()
        let variables = try trainable.map { try graph.variable($0.name, $0.shape) }
        let gradients = try MetaformerGraph.gradient(of: loss, withRespectTo: variables)
        let program = try Program(
            graph: graph, outputs: [("loss", loss)],
            updates: zip(trainable, gradients).map { parameter, gradient in
                let name = "gradient/\(parameter.name)"
                return (name: name, tensor: try graph.variable(name, parameter.shape) + gradient)
            })
        let entries = file.entries.map {
            $0.name == "program/gradient" ? TensorFile.Entry(name: $0.name, bytes: program.data) : $0
        }
        try TensorFile(entries: entries, metadata: file.metadata).write(path: folder.path("old"))
        var old: OpaquePointer?
        try #require(mf_model_open_file(folder.path("old"), nil, &old, nil) == MF_OK)
        defer { mf_model_release(old) }
        let plain = try adapt([], model: old)
        #expect(plain.status == MF_OK)
        let masked = try adapt([outsideLabel], model: old)
        #expect(masked.status == MF_E_STATE && masked.text.contains("mask"))
        // What the mask is of ones for, it does not change.
        let new = try adapt([])
        #expect(new.threshold == plain.threshold)
    }
}
