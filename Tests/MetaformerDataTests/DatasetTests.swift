import Foundation
import MetaformerData
import TestSupport
import Testing

/// Bytes of a small PNG of one grey level.
func greyPNG(_ level: UInt8, width: Int = 40, height: Int = 40, isStriped: Bool = false) -> [UInt8] {
    var png = PNGBuilder(width: width, height: height)
    png.rows = Array(repeating: (0..<width).map { isStriped && $0 % 2 == 0 ? level / 2 : level }, count: height)
    return png.file
}

@Suite("Layouts of data sets") struct DatasetTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// Layouts go by names alone, so empty files do.
    private func touch(_ paths: String...) throws {
        for path in paths { try folder.write([], to: path) }
    }

    private func describe(_ dataset: Dataset) -> [String] {
        dataset.items.map { item in
            let mask = item.maskURL.map { " < " + dataset.relativePath(of: $0) } ?? ""
            let path = dataset.relativePath(of: item.url)
            return "\(path): \(item.category) \(item.split.rawValue) \(item.label.name)\(mask)"
        }
    }

    @Test("MVTec AD, one category")
    func mvtecCategory() throws {
        try touch(
            "cap/train/good/001.png", "cap/train/good/000.png", "cap/test/good/000.png", "cap/test/dent/000.png",
            "cap/test/dent/001.png", "cap/ground_truth/dent/000_mask.png", "cap/ground_truth/dent/001.tif",
            "cap/ground_truth/dent/009_mask.png", "cap/license.txt", "cap/.hidden/train/good/7.png")
        let dataset = try Dataset(directory: folder.url.appendingPathComponent("cap"))
        #expect(dataset.layout == .mvtec && dataset.categories == ["cap"])
        #expect(
            describe(dataset) == [
                "train/good/000.png: cap train good", "train/good/001.png: cap train good",
                "test/dent/000.png: cap test dent < ground_truth/dent/000_mask.png",
                "test/dent/001.png: cap test dent < ground_truth/dent/001.tif", "test/good/000.png: cap test good",
            ])
        #expect(dataset.strayMasks.map(dataset.relativePath) == ["ground_truth/dent/009_mask.png"])
    }

    @Test("MVTec AD, a folder of categories among other folders")
    func mvtecCategories() throws {
        try touch(
            "nut/train/good/0.png", "nut/test/bent/0.png", "cap/train/good/0.png", "cap/test/good/0.png",
            "papers/read.txt", "readme.md")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .mvtec && dataset.categories == ["cap", "nut"])
        #expect(dataset.items.count == 4)
        #expect(dataset.items.first { $0.label == .defect(kind: "bent") }?.maskURL == nil)
    }

    @Test("MVTec AD without one of its parts")
    func mvtecPartial() throws {
        try touch("a/train/good/0.png", "b/test/crack/0.png", "b/ground_truth/crack/0_mask.png")
        let training = try Dataset(directory: folder.url.appendingPathComponent("a"))
        #expect(training.items.map(\.split) == [.train])
        let test = try Dataset(directory: folder.url.appendingPathComponent("b"))
        #expect(test.layout == .mvtec && test.items.map(\.label) == [.defect(kind: "crack")])
        #expect(DatasetReport(of: test).categoriesWithoutGood == ["b"])
    }

    @Test("Magnetic tiles, and their published split")
    func magneticTiles() throws {
        try touch(
            "MT_Free/Imgs/a.jpg", "MT_Free/Imgs/a.png", "MT_Free/Imgs/b.jpg", "MT_Free/Imgs/b.png",
            "MT_Crack/Imgs/c.jpg", "MT_Crack/Imgs/c.png", "MT_Crack/Imgs/d.jpg", "MT_Crack/Imgs/lost.png")
        var dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .magneticTile)
        #expect(dataset.items.map(\.label.name) == ["crack", "crack", "good", "good"])
        #expect(dataset.items.map { $0.maskURL?.lastPathComponent } == ["c.png", nil, nil, nil])
        #expect(dataset.items.allSatisfy { $0.split == .unassigned })
        #expect(dataset.strayMasks.map(\.lastPathComponent) == ["lost.png"])

        try dataset.applyTrainingList(["b.jpg"])
        #expect(dataset.items.map(\.split) == [.test, .test, .test, .train])
        let path = dataset.directory.relativePath
        #expect(throws: DatasetError.trainingList(path: path, unknown: 2, first: "c.jpg")) {
            try dataset.applyTrainingList(["a.jpg", "x.jpg", "c.jpg"])
        }
        #expect(dataset.items.map(\.split) == [.test, .test, .test, .train])
    }

    @Test("MSRA10K: masks are no images")
    func msra10k() throws {
        try touch("Imgs/2.jpg", "Imgs/2.png", "Imgs/1.jpg", "Imgs/1.png", "Readme.txt")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .msra10k)
        #expect(dataset.items.map(\.url.lastPathComponent) == ["1.jpg", "2.jpg"])
        #expect(dataset.items.allSatisfy { $0.label == .unlabelled && $0.maskURL == nil })
        #expect(dataset.strayMasks.isEmpty)
    }

    @Test("A flat folder, with folders below it; endings in any case; other files left out")
    func flat() throws {
        try touch("b.JPG", "a.png", "c.tiff", "notes.txt", ".d.png", "sub/e.png")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .flat)
        #expect(dataset.items.map(\.url.lastPathComponent) == ["a.png", "b.JPG", "c.tiff", "e.png"])
        #expect(dataset.leftOut.map(\.url.lastPathComponent) == ["notes.txt"])
        #expect(dataset.items.allSatisfy { $0.label == .unlabelled && $0.split == .unassigned })
    }

    @Test("A folder named good or ok gives labels", arguments: ["good", "ok", "OK", "Normal", "pass"])
    func flatGood(name: String) throws {
        try touch("\(name)/0.png", "scratch/0.png")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .flat)
        #expect(Set(dataset.items.map(\.label)) == [.good, .defect(kind: "scratch")])
    }

    @Test("What is no data set is refused with what is there and what would be right")
    func refusals() throws {
        let missing = folder.url.appendingPathComponent("missing")
        #expect(throws: DatasetError.notFound(path: missing.relativePath)) { try Dataset(directory: missing) }
        let file = try folder.write([1], to: "some/file.txt")
        #expect(throws: DatasetError.notAFolder(path: file.relativePath)) { try Dataset(directory: file) }
        let some = folder.url.appendingPathComponent("some")
        let error = #expect(throws: DatasetError.self) { try Dataset(directory: some) }
        #expect(error == .notRecognised(path: some.relativePath, found: "1 other file"))
        #expect(error?.description.contains("train/good") == true)
        try folder.makeFolder("empty")
        let empty = folder.url.appendingPathComponent("empty")
        #expect(throws: DatasetError.notRecognised(path: empty.relativePath, found: "the folder is empty")) {
            try Dataset(directory: empty)
        }
    }

    @Test("The report finds everything that is wrong, and goes on")
    func report() throws {
        let good = greyPNG(9)
        try folder.write(good, to: "train/good/0.png")
        try folder.write(greyPNG(9, width: 41, height: 42), to: "train/good/1.png")
        try folder.write(good.dropLast(20), to: "train/good/cut.png")
        try folder.write(Array("text".utf8), to: "train/good/text.png")
        for (name, mask) in [("0", greyPNG(255)), ("1", greyPNG(0)), ("2", greyPNG(255, width: 41))] {
            try folder.write(good, to: "test/dent/\(name).png")
            try folder.write(mask, to: "ground_truth/dent/\(name)_mask.png")
        }
        try folder.write(good, to: "test/dent/3.png")
        try folder.write(good, to: "ground_truth/dent/8_mask.png")
        let report = DatasetReport(of: try Dataset(directory: folder.url), threads: 2)

        #expect(report.imageCount == 8)
        #expect(report.counts.map { "\($0.split) \($0.label) \($0.count)" } == ["train good 4", "test dent 4"])
        #expect(report.sizes.map { [$0.width, $0.height, $0.count] } == [[40, 40, 5], [41, 42, 1]])
        #expect(report.formats.map { [$0.channels, $0.bitDepth, $0.count] } == [[1, 8, 6]])
        #expect(report.unreadable.map(\.path) == ["train/good/cut.png", "train/good/text.png"])
        #expect(report.maskSizeMismatches.map(\.path) == ["ground_truth/dent/2_mask.png"])
        #expect(report.maskSizeMismatches.map(\.detail) == ["41 x 40, its image 40 x 40"])
        #expect(report.masksWithoutImage.map(\.path) == ["ground_truth/dent/8_mask.png"])
        #expect(report.defectsWithoutMask.map(\.path) == ["test/dent/3.png"])
        #expect(report.emptyMasks.map(\.path) == ["ground_truth/dent/1_mask.png"])
        #expect(report.hasErrors && report.errorCount == 3)

        let lines = report.description.split(separator: "\n")
        #expect(lines.contains("error: cannot be read: 2"))
        #expect(lines.dropFirst().allSatisfy { $0.count <= 80 })
    }

    @Test("A clean folder gives a clean report")
    func cleanReport() throws {
        for i in 0..<3 { try folder.write(greyPNG(UInt8(9 + i), isStriped: true), to: "\(i).png") }
        let report = DatasetReport(of: try Dataset(directory: folder.url))
        #expect(!report.hasErrors)
        #expect(report.description.contains("all 40 x 40") && report.description.contains("nothing is wrong"))
    }
}
