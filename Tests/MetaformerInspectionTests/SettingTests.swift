import Foundation
import MetaformerEngine
import MetaformerGraph
import TestSupport
import Testing

@testable import MetaformerInspection
@testable import MetaformerModels

/// What the library says can be set, against what it does.
@Suite("Settings and options that are listed") struct SettingTests {
    private let folder: TemporaryFolder
    private let frames: [Frame]
    init() throws {
        folder = try TemporaryFolder()
        var description = ModelDescription(mode: .autoencoder, channels: 1, origin: "test")
        description.pixels = .init(mode: .autoencoder, imageSize: 64, channels: 1, latentSize: 8)
        try description.file(seed: 5).write(path: folder.path("model"))
        frames = try (0..<3).map { seed in
            try Frame(width: 64, height: 64, format: .mono8, bytes: (0..<4096).map { UInt8($0 * (seed + 3) % 251) })
        }
    }

    private struct Entry {
        let key, help: String
        let type: mf_setting_type
        let low, high, number: Double
        let choices: [String]
        let choice: String?
    }

    private func list(
        _ count: Int, _ info: (Int, UnsafeMutablePointer<mf_setting_description>?) -> mf_status
    ) -> [Entry] {
        (0..<count).map { index in
            var d = mf_setting_description()
            d.struct_size = MemoryLayout<mf_setting_description>.size
            #expect(info(index, &d) == MF_OK)
            var choices: [String] = []
            while let given = d.choices, let next = given[choices.count] { choices.append(String(cString: next)) }
            return Entry(
                key: String(cString: d.key), help: String(cString: d.help), type: d.type, low: d.low, high: d.high,
                number: d.default_number, choices: choices, choice: d.default_choice.map { String(cString: $0) })
        }
    }

    private var settings: [Entry] { list(mf_setting_count(), mf_setting_info) }
    private var options: [Entry] { list(mf_option_count(), mf_option_info) }

    private func error(_ metadata: [String: String?]) throws -> EngineError? {
        var file = try TensorFile(path: folder.path("model"))
        for (key, value) in metadata { file.metadata[key] = value }
        try file.write(path: folder.path("changed"))
        do {
            let model = try Model(path: folder.path("changed"))
            var options = Model.AdaptationOptions()
            options.epochs = 1
            _ = try model.adapted(to: frames, options: options)
            return nil
        } catch let error as EngineError { return error }
    }

    @Test("each has a key of its own, a line of help, and a default within its bounds") func listing() {
        for list in [settings, options] {
            #expect(list.count > 10 && Set(list.map(\.key)).count == list.count)
            for entry in list {
                #expect(entry.help.count > 5 && !entry.help.contains("\n"), "\(entry.key)")
                switch entry.type {
                case MF_SETTING_NUMBER:
                    #expect(entry.low < entry.high && entry.choices.isEmpty, "\(entry.key)")
                    #expect(entry.number.isNaN || (entry.low...entry.high).contains(entry.number), "\(entry.key)")
                case MF_SETTING_CHOICE:
                    #expect(entry.choices.count > 1 && entry.number.isNaN, "\(entry.key)")
                    #expect(entry.choice.map(entry.choices.contains) ?? true, "\(entry.key)")
                default: #expect(entry.type == MF_SETTING_TEXT && entry.choices.isEmpty && entry.number.isNaN)
                }
            }
        }
        #expect(options.allSatisfy { $0.type == MF_SETTING_NUMBER && $0.key.contains(".") })
        var description = mf_setting_description()
        #expect(mf_setting_info(0, &description) == MF_E_INVALID && description.key == nil)
        description.struct_size = MemoryLayout<mf_setting_description>.size
        #expect(mf_setting_info(mf_setting_count(), &description) == MF_E_INVALID && description.key == nil)
        #expect(mf_option_info(mf_option_count(), &description) == MF_E_INVALID && description.key == nil)
        #expect(mf_setting_info(0, nil) == MF_E_INVALID)
    }

    @Test("all that adaptation writes into a model is listed, within the bounds that are listed") func written() throws
    {
        let model = try Model(path: folder.path("model"))
        var options = Model.AdaptationOptions()
        options.epochs = 1
        try model.adapted(to: frames, options: options).save(path: folder.path("adapted"))
        let before = try TensorFile(path: folder.path("model")).metadata
        let after = try TensorFile(path: folder.path("adapted")).metadata
        let known = Dictionary(uniqueKeysWithValues: settings.map { ($0.key, $0) })
        let added = after.filter { before[$0.key] == nil && $0.key != "checksum" && $0.key != "format" }
        #expect(added.count > 8)
        for (key, value) in added {
            let entry = try #require(known[key], "\(key)")
            switch entry.type {
            case MF_SETTING_NUMBER: #expect((entry.low...entry.high).contains(try #require(Double(value))), "\(key)")
            case MF_SETTING_CHOICE: #expect(entry.choices.contains(value), "\(key): \(value)")
            default: #expect(!value.isEmpty)
            }
        }
        // What only adaptation in closed form writes, or that to frames whose depth is not stated.
        let others = ["adapted.scores", "adapted.depth"]
        for entry in settings where entry.key.hasPrefix("adapted.") && !others.contains(entry.key) {
            #expect(added[entry.key] != nil, "\(entry.key)")
        }
    }

    @Test("a setting that is read keeps to what is listed") func read() throws {
        #expect(try error([:]) == nil)
        for entry in settings where entry.key.contains(/^(input|score|adapt)\./) {
            switch entry.type {
            case MF_SETTING_NUMBER:
                for value in [entry.low - 1, entry.high * 2 + 1] {
                    let error = try #require(try error([entry.key: "\(value)"]), "\(entry.key)")
                    #expect(error.status == MF_E_LIMIT && error.description.contains("'\(entry.key)'"), "\(error)")
                }
                let error = try #require(try error([entry.key: "many"]), "\(entry.key)")
                #expect(error.status == MF_E_FORMAT && error.description.contains("not a number"), "\(error)")
            case MF_SETTING_CHOICE:
                let error = try #require(try error([entry.key: "other"]), "\(entry.key)")
                #expect(error.status == MF_E_FORMAT && error.description.contains("'\(entry.key)' is 'other'"))
                #expect(error.description.contains(entry.choices.last! + " are possible"), "\(error)")
            default: Issue.record("\(entry.key) is read as a text")
            }
            if entry.number.isNaN && entry.choice == nil {
                let error = try #require(try error([entry.key: nil]), "\(entry.key)")
                #expect(error.description.contains("has no setting '\(entry.key)'"), "\(error)")
            } else {
                #expect(try error([entry.key: nil]) == nil, "\(entry.key)")
            }
        }
    }

    @Test("options keep to what is listed, and a zero is the default") func bounds() throws {
        var model: OpaquePointer?
        try #require(mf_model_open_file(folder.path("model"), nil, &model, nil) == MF_OK)
        defer { mf_model_release(model) }
        // Every number of these structs, by its place: none is listed with other bounds than it is held to.
        let known = Dictionary(uniqueKeysWithValues: options.map { ($0.key, $0) })
        func refusal(_ key: String, _ change: (inout mf_adapt_options, Double) -> Void) throws {
            let entry = try #require(known["mf_adapt_options.\(key)"])
            for beyond in [entry.low - 1, entry.high + 1] {
                var options = mf_adapt_options()
                var failure = emptyError()
                var adapted: OpaquePointer?
                options.struct_size = MemoryLayout<mf_adapt_options>.size
                change(&options, beyond)
                let status = frames[0].withImage { mf_adapt(model, $0, 1, &options, &adapted, &failure) }
                let said = text(of: failure)
                #expect(status == MF_E_INVALID && said.hasPrefix("mf_adapt_options.\(key) is"), "\(said)")
            }
        }
        try refusal("threads") { $0.threads = Int32($1) }
        try refusal("epochs") { $0.epochs = Int32($1) }
        try refusal("learning_rate") { $0.learning_rate = Float($1) }
        try refusal("flips") { $0.flips = Int32($1) }
        try refusal("shift") { $0.shift = Int32($1) }
        try refusal("false_alarm_rate") { $0.false_alarm_rate = Float($1) }
        try refusal("framing") { $0.framing = mf_framing(rawValue: UInt32(truncatingIfNeeded: Int($1))) }
        var (explicit, own) = (Model.AdaptationOptions(), Model.AdaptationOptions())
        (explicit.epochs, own.epochs) = (1, 1)
        explicit.falseAlarmRate = Float(try #require(known["mf_adapt_options.false_alarm_rate"]).number)
        own.falseAlarmRate = 0
        let thresholds = try [explicit, own].map {
            try Model(path: folder.path("model")).adapted(to: frames, options: $0)[setting: "threshold"]
        }
        #expect(thresholds[0] == thresholds[1] && thresholds[0] != nil)
    }

    @Test("an option is set by its name, within its bounds, and nothing else with it") func named() throws {
        func set(_ key: String, _ value: Double, _ options: inout mf_adapt_options) -> (mf_status, String) {
            var failure = emptyError()
            return (mf_option_set(key, value, &options, &failure), text(of: failure))
        }
        var expected = mf_adapt_options()
        expected.struct_size = MemoryLayout<mf_adapt_options>.size
        var options = expected
        #expect(set("mf_adapt_options.shift", 3, &options) == (MF_OK, ""))
        #expect(set("mf_adapt_options.false_alarm_rate", 0.25, &options) == (MF_OK, ""))
        #expect(set("mf_adapt_options.seed", 0x1p64, &options) == (MF_OK, ""))
        #expect(set("mf_adapt_options.precision", 2, &options) == (MF_OK, ""))
        (expected.shift, expected.false_alarm_rate, expected.seed) = (3, 0.25, .max)
        expected.precision = MF_PRECISION_INT8
        #expect(withUnsafeBytes(of: options) { a in withUnsafeBytes(of: expected) { a.elementsEqual($0) } })

        for entry in self.options where entry.key.hasPrefix("mf_adapt_options.") {
            let (status, said) = set(entry.key, entry.low - 1, &options)
            #expect(status == MF_E_INVALID && said.hasPrefix("\(entry.key) is -"), "\(said)")
        }
        #expect(set("mf_adapt_options.shift", .nan, &options).0 == MF_E_INVALID)
        #expect(
            set("mf_adapt_options.shift", 2.5, &options)
                == (MF_E_INVALID, "mf_adapt_options.shift is 2.5; whole numbers are possible"))
        let (status, said) = set("mf_adapt_options.shfit", 1, &options)
        #expect(
            status == MF_E_INVALID && said.hasPrefix("there is no option 'shfit'; there are threads, epochs,"),
            "\(said)")
        #expect(set("options.shift", 1, &options).1 == "mf_option_set: no struct of options is called 'options.shift'")
        options.struct_size = MemoryLayout.offset(of: \mf_adapt_options.precision)!
        let older = set("mf_adapt_options.precision", 1, &options)
        #expect(older.0 == MF_E_UNSUPPORTED && older.1.contains("does not hold it"), "\(older.1)")
        #expect(mf_option_set(nil, 1, &options, nil) == MF_E_INVALID)
        #expect(
            withUnsafeBytes(of: options) { a in
                withUnsafeBytes(of: expected) { a.dropFirst(8).elementsEqual($0.dropFirst(8)) }
            })
    }

    @Test("adaptation takes any option by its name") func adaptationByName() throws {
        let model = try Model(path: folder.path("model"))
        var (typed, byName) = (Model.AdaptationOptions(), Model.AdaptationOptions())
        (typed.epochs, typed.shift) = (1, 2)
        byName.named = ["epochs": 1, "shift": 2, "cache_bytes": 1]
        let files = try [typed, byName].enumerated().map { index, options in
            try model.adapted(to: frames, options: options).save(path: folder.path("\(index)"))
            return try Data(contentsOf: URL(fileURLWithPath: folder.path("\(index)")))
        }
        #expect(files[0] == files[1])
        byName.named = ["epoch": 1]
        #expect(throws: EngineError.self) { try model.adapted(to: frames, options: byName) }
    }
}
