import Foundation
import MetaformerInspection
import MetaformerModels
import TestSupport
import Testing

/// Hosts that are built already run with every later library, and later hosts with this one.
@Suite("Growth of the interface") struct GrowthTests {
    private let temporary: TemporaryFolder
    init() throws { temporary = try TemporaryFolder() }

    /// The folders of headers that hosts out there were built with.
    private static let frozen: [URL] = {
        let folder = Command.root.appending(path: "Tests/hosts/frozen")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasPrefix("abi-") }.sorted().map { folder.appending(path: $0) }
    }()

    // MARK: Earlier hosts

    @Test("a host of frozen headers gets the bits that Swift gets, and nothing beyond its structs is touched")
    func frozenHosts() throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: temporary.path("model"))
        let frames = try (0..<3).map(SmallModel.frame)
        var options = Model.AdaptationOptions()
        (options.epochs, options.seed) = (2, 7)
        let adapted = try Model(path: temporary.path("model")).adapted(to: frames, options: options)
        try adapted.save(path: temporary.path("expected"))
        let expected = try Data(contentsOf: temporary.url.appending(path: "expected"))
        let score = try Inspector(adapted).inspect(frames[2]).score
        #expect(!GrowthTests.frozen.isEmpty)
        for headers in GrowthTests.frozen {
            let host = try installation.compile(
                "Tests/hosts/frozen/main.c", options: ["-I", headers.path, "-lm"], to: temporary.path("host"))
            let output = try Command.run(
                [host, temporary.path("model"), temporary.path("adapted")], environment: installation.environment)
            #expect(Double(output.trimmingCharacters(in: .whitespacesAndNewlines)) == Double(score), "\(headers)")
            #expect(try Data(contentsOf: temporary.url.appending(path: "adapted")) == expected, "\(headers)")
        }
    }

    /// What of an interface a later one breaks: all that is gone or another, and fields that are added where hosts have padding.
    private func breaks(of earlier: [String], by later: [String]) -> [String] {
        func sizes(_ lines: [String]) -> [String: Int] {
            let pairs = lines.map { $0.split(separator: " ") }.filter { $0.count == 2 && $0[0].hasPrefix("mf_") }
            return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), Int($0[1]) ?? 0) })
        }
        let (before, after) = (sizes(earlier), sizes(later))
        var broken = earlier.filter { !later.contains($0) && before[String($0.prefix { $0 != " " })] == nil }
        for (name, size) in before {
            guard let grown = after[name] else {
                broken.append(name)
                continue
            }
            let fields = later.filter { $0.hasPrefix("\(name).") }
            if grown != size && !fields[0].hasPrefix("\(name).struct_size ") {
                broken.append("\(name) has no struct_size")
            }
            let places: [[Int]] = fields.filter { !earlier.contains($0) }.map { line in
                line.split(separator: " ").dropFirst().compactMap { Int($0) }
            }
            if places.contains(where: { $0[0] < size }) { broken.append("\(name) has a field in its padding") }
            if let last = places.last, last[0] + last[1] != grown { broken.append("\(name) ends in padding") }
        }
        return broken
    }

    @Test("structs and constants of frozen headers lie where they lay, and fields are added behind them")
    func frozenLayouts() throws {
        let today = try Headers().layout(in: temporary)
        for headers in GrowthTests.frozen {
            let earlier = try Headers(folder: headers).layout(in: temporary)
            #expect(earlier.count > 100 && breaks(of: earlier, by: today).isEmpty)
        }
    }

    @Test("what would break a host is found") func breaksAreFound() {
        let earlier = ["mf_a 16", "mf_a.struct_size 0 8", "mf_a.width 8 4", "mf_b 4", "mf_b.x 0 4", "MF_OK 0x0"]
        #expect(breaks(of: earlier, by: earlier).isEmpty)
        #expect(breaks(of: earlier, by: earlier.dropLast()) == ["MF_OK 0x0"])
        #expect(breaks(of: earlier, by: earlier.map { $0 == "MF_OK 0x0" ? "MF_OK 0x1" : $0 }) == ["MF_OK 0x0"])
        func changed(_ lines: [String: String], adding added: [String] = []) -> [String] {
            breaks(of: earlier, by: earlier.map { lines[$0] ?? $0 } + added)
        }
        #expect(changed(["mf_a 16": "mf_a 24"], adding: ["mf_a.scale 16 8"]).isEmpty)
        #expect(changed(["mf_a.width 8 4": "mf_a.width 12 4"]).contains("mf_a.width 8 4"))
        #expect(changed([:], adding: ["mf_a.height 12 4"]) == ["mf_a has a field in its padding"])
        #expect(changed(["mf_a 16": "mf_a 24"], adding: ["mf_a.flag 16 4"]) == ["mf_a ends in padding"])
        #expect(changed(["mf_b 4": "mf_b 8"], adding: ["mf_b.y 4 4"]) == ["mf_b has no struct_size"])
    }

    // MARK: Later hosts

    @Test("a host of later headers is served where it leaves new fields zero, and refused by name where it does not")
    func laterHost() throws {
        let installation = try Installation.shared
        try SmallModel.file().write(path: temporary.path("model"))
        let host = try installation.compile(
            "Tests/hosts/newer/main.c", with: ["gcc", "-std=c11"], to: temporary.path("host"))
        let output = try Command.run([host, temporary.path("model")], environment: installation.environment)
        #expect(output == "all structs may grow\n")
    }

    // MARK: Structs

    @Test("structs of every form are read and written, and each struct's first form is recorded") func forms() throws {
        let engine = Command.root.appending(path: "CSources/MetaformerEngine")
        let sources: [String] = [
            Command.root.appending(path: "Tests/hosts/abi/main.c").path,
            engine.appending(path: "support/abi.c").path, engine.appending(path: "support/error.c").path,
        ]
        let options: [String] = [
            "-std=c17", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all", "-I", engine.path, "-I", engine.appending(path: "include").path,
        ]
        try Command.run(["gcc"] + options + sources + ["-o", temporary.path("host")])
        let output = try Command.run([temporary.path("host")], environment: ["ASAN_OPTIONS": "detect_leaks=0"])
        let recorded = Set(output.split(separator: "\n").map(String.init))
        let growing = try Headers().structures().filter { $0.fields.contains("struct_size") }.map(\.name)
        #expect(Set(recorded.map { String($0.prefix { $0 != " " }) }) == Set(growing))
        // A frozen header has the first form of each of its structs.
        for headers in GrowthTests.frozen {
            for line in try Headers(folder: headers).layout(in: temporary) {
                let name = String(line.prefix { $0 != " " })
                if growing.contains(name) { #expect(recorded.contains(line)) }
            }
        }
    }

    @Test(
        "MF_INIT sets struct_size and nothing else, without a warning",
        arguments: [("gcc", "c99"), ("gcc", "c17"), ("g++", "c++11"), ("g++", "c++20")])
    func initializer(compiler: String, standard: String) throws {
        let growing = try Headers().structures().filter { $0.fields.contains("struct_size") }.map(\.name)
        var source = """
            #include <metaformer.h>
            #include <metaformer/engine.h>
            #include <string.h>
            static const mf_error outside = MF_INIT(mf_error);
            int main(void) {
                int wrong = outside.struct_size != sizeof(mf_error);

            """
        for name in growing {
            source += """
                {
                    \(name) value = MF_INIT(\(name)), zero;
                    memset(&zero, 0, sizeof zero);
                    zero.struct_size = sizeof zero;
                    wrong |= memcmp(&value, &zero, sizeof zero) != 0;
                }

                """
        }
        source += "return wrong;\n}\n"
        let file = temporary.path(compiler == "gcc" ? "host.c" : "host.cpp")
        try Data(source.utf8).write(to: URL(filePath: file))
        try Command.run([
            compiler, "-std=\(standard)", "-Wall", "-Wextra", "-Wpedantic", "-Werror", file,
            "-I", Command.root.appending(path: "include").path, "-o", temporary.path("host"),
        ])
        try Command.run([temporary.path("host")])
    }
}
