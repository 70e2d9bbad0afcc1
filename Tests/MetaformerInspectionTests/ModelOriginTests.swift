import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

@Suite("Where models come from")
struct ModelOriginTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func path(_ mode: Metaformer.Mode) throws -> String {
        let path = folder.path(mode.rawValue)
        try smallDescription(mode).file(seed: 5).write(path: path)
        return path
    }

    private func inspected(_ model: Model) throws -> [Float] {
        try scoring(model, threads: 2).inspect(disc(50, scratched: true), wantsMap: true).map
    }

    // MARK: Half precision

    @Test("a model of half precision is that of the rounded parameters, and is saved as it was") func halfPrecision()
        throws
    {
        let whole = try smallDescription(.full).file(seed: 5)
        try whole.inHalfPrecision.write(path: folder.path("half"))
        let read = try TensorFile(path: folder.path("half"))
        var rounded = whole
        rounded.entries = whole.entries.map { entry in
            guard case .floats(let values) = entry.contents else { return entry }
            let isMeasured = entry.name.hasPrefix("normal.")
            let kept = isMeasured ? values : values.map { Float(Float16($0)) }
            #expect(read.entries.first { $0.name == entry.name }?.isHalf == !isMeasured)
            return .init(name: entry.name, shape: entry.shape, contents: .floats(kept))
        }
        try rounded.write(path: folder.path("rounded"))
        let (half, expected) = (try Model(path: folder.path("half")), try Model(path: folder.path("rounded")))
        #expect(try inspected(half) == inspected(expected))
        try half.save(path: folder.path("saved"))
        let files = try ["saved", "half"].map { try Data(contentsOf: folder.url.appending(path: $0)) }
        #expect(files[0] == files[1])

        // What is adapted to the one is adapted to the other, whose numbers are the same; in another order, as a file's floats
        // come before its halves.
        var options = Model.AdaptationOptions()
        options.epochs = 1
        try half.adapted(to: [disc(1)], options: options).save(path: folder.path("a"))
        try expected.adapted(to: [disc(1)], options: options).save(path: folder.path("b"))
        let adapted = try ["a", "b"].map { name in
            try TensorFile(path: folder.path(name)).entries.sorted { $0.name < $1.name }.map { entry in
                TensorFile.Entry(name: entry.name, shape: entry.shape, contents: entry.contents)
            }
        }
        let isAdaptedAlike = adapted[0] == adapted[1]
        #expect(isAdaptedAlike)
    }

    // MARK: Parts

    @Test(
        "fewer parts are the model that had these parts from the start",
        arguments: [Metaformer.Mode.autoencoder, .prior])
    func parts(_ mode: Metaformer.Mode) throws {
        let reduced = try ModelOrigin(.file(try path(.full)), mode: mode).file(channels: 3, seed: 0)
        // Parameters are drawn by name: those of the larger model are these.
        let expected = try smallDescription(mode).file(seed: 5)
        #expect(Set(reduced.entries.map(\.name)) == Set(expected.entries.map(\.name)))
        for entry in expected.entries { #expect(reduced.entries.first { $0.name == entry.name } == entry) }
        #expect(reduced.metadata["configuration"] == mode.rawValue)
        _ = try Model(reduced)
    }

    @Test("fewer parts of an adapted model forget what adaptation measured") func forgotten() throws {
        var options = Model.AdaptationOptions()
        options.epochs = 1
        try Model(path: try path(.full)).adapted(to: [disc(1)], options: options).save(path: folder.path("adapted"))
        let file = try ModelOrigin(.file(folder.path("adapted")), mode: .prior).file(channels: 3, seed: 0)
        #expect(file.metadata["threshold"] == nil)
        #expect(try #require(file.floats("normal.gain")).allSatisfy { $0 == 1 })
        let tuned = try TensorFile(path: folder.path("adapted")).floats("autoencoder.encoder.0.weight")
        #expect(file.floats("autoencoder.encoder.0.weight") == tuned)
    }

    @Test("parts that a file lacks are named, with the file") func missingParts() throws {
        let path = try path(.prior)
        let error = #expect(throws: ModelError.self) {
            try ModelOrigin(.file(path), mode: .full).file(channels: 3, seed: 0)
        }
        let text = error?.description ?? ""
        #expect(text == "\(path): the model is of configuration A+P and has not all parts of A+P+T")
        try TensorFile(entries: [], metadata: ["a": "b"]).write(path: folder.path("foreign"))
        #expect(throws: ModelError.self) {
            try ModelOrigin(.file(folder.path("foreign")), mode: .autoencoder).file(channels: 3, seed: 0)
        }
    }

    // MARK: A learned prior

    @Test("a model from scratch takes a learned prior, and only that") func learnedPrior() throws {
        let configuration = InstancePrior.Configuration(channels: 1, width: 4, blocks: 1, workingSize: 32)
        let values = try FrozenPrior.specifications(configuration).map { ($0.name, $0.initialValues(seed: 77)) }
        let prior = FrozenPrior(configuration: configuration, parameters: Dictionary(uniqueKeysWithValues: values))
        let file = try ModelOrigin.scratch(.prior, trained: prior).file(channels: 3, seed: 5)
        for (name, values) in values { #expect(file.floats(name) == values, "\(name)") }
        // The prior's channels are the model's.
        #expect(file.metadata["input.channels"] == "1")
        let plain = try ModelOrigin.scratch(.prior).file(channels: 1, seed: 5)
        #expect(file.floats("autoencoder.encoder.0.weight") == plain.floats("autoencoder.encoder.0.weight"))
        _ = try Model(file)
    }

    // MARK: Optimisers

    @Test("gradient descent on one batch is the step of Eq. 6: minus the rate times the summed gradient")
    func singleStep() throws {
        let frames = try (0..<3).map { try disc(UInt64($0)) }
        let origin = ModelOrigin(.file(try path(.autoencoder)), optimizer: .gradientDescent)
        let file = try origin.file(channels: 3, seed: 0)
        #expect(file.metadata["adapt.loss"] == "sum")
        var options = Model.AdaptationOptions()
        (options.epochs, options.batch, options.learningRate) = (1, 3, 0.01)
        try Model(file).adapted(to: frames, options: options).save(path: folder.path("stepped"))
        let stepped = try TensorFile(path: folder.path("stepped"))

        // The gradients of the frames, one by one, by the gradient program itself.
        guard case .bytes(let program) = file.entries.first(where: { $0.name == "program/gradient" })?.contents else {
            Issue.record("no gradient program")
            return
        }
        let runner = try Runner(program: program, threads: 2)
        let image = FloatBuffer(count: 3 * 64 * 64)
        var bound: [String: FloatBuffer] = [
            "image": image, "weight": FloatBuffer([1]),
            "mask": FloatBuffer([Float](repeating: 1, count: 64 * 64)), "loss": FloatBuffer(count: 1),
        ]
        let parameters = try Metaformer(smallDescription(.autoencoder).requirePixels()).trainableParameters()
        for parameter in parameters {
            bound[parameter.name] = FloatBuffer(try #require(file.floats(parameter.name)))
            bound["gradient/\(parameter.name)"] = FloatBuffer(count: parameter.shape.count)
        }
        for (name, buffer) in bound { try runner.bind(name, to: buffer) }
        for frame in frames {
            image.assign(try frame.planes(channels: 3, height: 64, width: 64))
            try runner.run()
        }
        var largest: Float = 0
        for parameter in parameters {
            let before = try #require(file.floats(parameter.name))
            let after = try #require(stepped.floats(parameter.name))
            let gradient = try #require(bound["gradient/\(parameter.name)"]).values
            for i in before.indices {
                largest = max(largest, abs(0.01 * gradient[i]))
                let difference = abs(after[i] - (before[i] - 0.01 * gradient[i]))
                // The order of the frames differs, and with it the last bits of the sum.
                #expect(difference <= 1e-6 * (abs(before[i]) + 1), "\(parameter.name) \(i)")
            }
        }
        #expect(largest > 1e-4)
    }

    @Test("an optimiser that was changed there and back gives the file itself") func thereAndBack() throws {
        let file = try smallDescription(.autoencoder).file(seed: 5)
        let other = try file.updated(by: .gradientDescent)
        #expect(other.entries != file.entries)
        let back = try other.updated(by: .adam(Adam()))
        #expect(back.entries == file.entries && back.metadata == file.metadata)
    }

    @Test("a loss that a file asks for and that is none is refused") func unknownLoss() throws {
        var file = try smallDescription(.autoencoder).file(seed: 5)
        file.metadata["adapt.loss"] = "most"
        let error = #expect(throws: EngineError.self) { try Model(file).adapted(to: [disc(1)]) }
        #expect(error?.description.contains("'adapt.loss' is 'most'; mean and sum are possible") == true)
    }

    // MARK: The universal model

    @Test("the universal model lies beside the program, or in share below its prefix; else it is said where not")
    func universal() throws {
        let model = try Model(path: UniversalModel.universal.path())
        #expect(model[setting: "configuration"] == "A+P+T")
        let program = folder.url.appending(path: "prefix/bin")
        try FileManager.default.createDirectory(at: program, withIntermediateDirectories: true)
        let error = #expect(throws: ModelError.self) { try UniversalModel.universal.path(from: program) }
        let share = folder.url.appending(path: "prefix/share/metaformer")
        #expect(error?.description.contains(share.path + "/universal.safetensors; name a model file") == true)
        try FileManager.default.createDirectory(at: share, withIntermediateDirectories: true)
        try Data().write(to: share.appending(path: "universal.safetensors"))
        #expect(try UniversalModel.universal.path(from: program) == share.path + "/universal.safetensors")
    }

    @Test("the models that come with the program are read, and described without what means nothing")
    func shippedDescriptions() throws {
        for model in UniversalModel.allCases {
            let path = Command.root.appending(path: "Sources/MetaformerModels/Resources/\(model.fileName)").path
            let file = try TensorFile(path: path)
            let description = try ModelDescription(settings: file.metadata)
            #expect((description.features != nil) == (model == .universal))
            #expect((description.pixels != nil) == (model == .paper))
            let settings = try description.settings()
            #expect(try ModelDescription(settings: settings) == description)
            if model == .paper { #expect(settings["description"] == file.metadata["description"]) }
        }
    }
}
