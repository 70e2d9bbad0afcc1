import Foundation
import MetaformerData
import TestSupport
import Testing

/// What `data check` says of folders as people have them, against `Tests/golden/data-check`: one file a layout.
@Suite("data check on folders of all kinds") struct DataCheckTests {
    /// A folder by its files: those that end in an image's way are written as images, masks as masks.
    struct Layout: Sendable, CustomTestStringConvertible {
        let name: String
        let files: [String]
        var testDescription: String { name }
    }

    static let layouts: [Layout] = [
        Layout(
            name: "parts-and-kinds",
            files: [
                "train/good/0.png", "train/good/1.png", "test/good/0.png", "test/dent/0.png",
                "ground_truth/dent/0_mask.png",
            ]),
        Layout(
            name: "test-without-kinds", files: ["train/good/0.png", "train/good/1.png", "test/0.png", "test/1.png"]),
        Layout(name: "good-beside-unlabelled", files: ["good/0.png", "good/1.png", "2.png", "3.png"]),
        Layout(
            name: "masks-and-results-beside-good",
            files: [
                "good/0.png", "crack/1.png", "mask/1_mask.png", "run/results.json", "run/results.csv",
                "run/0.overlay.png",
            ]),
        Layout(name: "dates", files: ["2026-11-01/0.png", "2026-11-01/1.png", "2026-11-02/2.png", "3.png"]),
        Layout(name: "normal-and-anomaly", files: ["normal/0.png", "normal/1.png", "anomaly/2.png"]),
        Layout(name: "unread-endings", files: ["0.png", "1.webp", "2.gif", "3.jp2", "notes.txt"]),
        Layout(name: "damaged", files: ["0.png", "cut.png", "small.png", "plain.png"]),
        Layout(name: "two-products", files: ["cap/good/0.png", "cap/bent/1.png", "nut/good/2.png"]),
        Layout(name: "list", files: ["list.csv", "images/0.png", "images/1.png"]),
    ]

    private static let golden = Command.root.appending(path: "Tests/golden/data-check")

    @Test("It says what each file is used for", arguments: layouts)
    func report(layout: Layout) throws {
        let folder = try TemporaryFolder()
        let root = folder.url.appending(path: layout.name)
        for (index, path) in layout.files.enumerated() { try write(path, below: root, index) }
        let target = layout.name == "list" ? "list/list.csv" : layout.name
        let outcome = try Program.run("data", "check", target, "--threads", "1", in: folder.url)
        let text = outcome.output + outcome.errors + "exit status \(outcome.exitCode)\n"
        let file = DataCheckTests.golden.appending(path: layout.name + ".txt")
        if ProcessInfo.processInfo.environment["MF_UPDATE_SNAPSHOTS"] == "1" {
            try FileManager.default.createDirectory(at: DataCheckTests.golden, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let agreed = try? String(contentsOf: file, encoding: .utf8)
        #expect(text == agreed, "run the tests with MF_UPDATE_SNAPSHOTS=1 if the new text is meant")
    }

    private func write(_ path: String, below root: URL, _ index: Int) throws {
        let file = root.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        let side = path.hasPrefix("small") ? 20 : 40
        let isMask = path.contains("mask")
        let bytes = (0..<side * side).map { pixel -> UInt8 in
            if isMask { return pixel < 80 ? 255 : 0 }
            return path.hasPrefix("plain") ? 90 : UInt8(60 + (pixel &* (index + 3)) % 97)
        }
        guard path.hasSuffix(".png") else {
            return try Data("path;label;split\r\nimages\\0.png;good;train\r\nimages\\1.png;NG;test\r\n".utf8).write(
                to: file)
        }
        try Image(width: side, height: side, channels: 1, bytes: bytes).write(png: file)
        if path.hasPrefix("cut") { try Data(Data(contentsOf: file).dropLast(40)).write(to: file) }
    }
}
