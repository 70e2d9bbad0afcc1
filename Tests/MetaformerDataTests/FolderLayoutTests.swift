import Foundation
import MetaformerData
import TestSupport
import Testing

/// Folders as people have them: every file is used for exactly one thing, or left out with a reason.
@Suite("Folders by what their names say") struct FolderLayoutTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// Layouts go by names alone, so empty files do.
    private func dataset(_ paths: String...) throws -> Dataset {
        for path in paths { try folder.write([], to: path) }
        return try Dataset(directory: folder.url)
    }

    /// Each use with its files.
    private func uses(_ dataset: Dataset) -> [String] {
        dataset.uses.map { use, files in
            var title = use.title
            if case .leftOut(let reason) = use { title += " (\(reason))" }
            return "\(title): \(files.map(dataset.relativePath).sorted().joined(separator: " "))"
        }
    }

    private func inspected(_ dataset: Dataset) -> [String] {
        dataset.inspectionItems.map { dataset.relativePath(of: $0.url) }
    }

    @Test("A part for testing without kinds is unlabelled and inspected; no image for training is")
    func testWithoutKinds() throws {
        let dataset = try dataset("train/good/0.png", "test/1.png", "test/lot 7/2.png", "test/2026-11-01/3.png")
        #expect(
            uses(dataset) == [
                "adapted to: train/good/0.png", "unlabelled: test/1.png test/2026-11-01/3.png test/lot 7/2.png",
            ])
        #expect(inspected(dataset) == ["test/1.png", "test/2026-11-01/3.png", "test/lot 7/2.png"])
    }

    @Test("Images without kinds in the part for training are good, but not beside a folder of good ones")
    func trainWithoutKinds() throws {
        let plain = try dataset("Training/0.png", "Training/lot1/1.png", "Testing/ok/2.png", "Testing/nok/3.png")
        #expect(
            uses(plain) == [
                "adapted to: Training/0.png Training/lot1/1.png", "tested: good: Testing/ok/2.png",
                "tested: nok: Testing/nok/3.png",
            ])
        let mixed = try dataset("Training/good/4.png")
        #expect(mixed.adaptationItems().map { mixed.relativePath(of: $0.url) } == ["Training/good/4.png"])
        #expect(mixed.items.count { $0.label == .unlabelled } == 2)
    }

    @Test("What lies beside good/ and is not said to be good is not adapted to")
    func goodBesideUnlabelled() throws {
        let dataset = try dataset("good/0.png", "1.png", "2026-11-02/2.png", "unlabelled/3.png", "scratch/4.png")
        #expect(
            uses(dataset) == [
                "adapted to: good/0.png", "tested: scratch: scratch/4.png",
                "unlabelled: 1.png 2026-11-02/2.png unlabelled/3.png",
            ])
    }

    @Test(
        "Masks are no defects, wherever they lie",
        arguments: [
            ["mask/000_mask.png"], ["ground_truth/crack/000.png"], ["crack/Masks/000.png"], ["GT/000.bmp"],
            ["crack/000_mask.png"], ["Annotations/crack/000_label.png"], ["labels/000-mask.png"],
        ])
    func masks(paths: [String]) throws {
        for path in paths { try folder.write([], to: path) }
        let dataset = try dataset("good/000.png", "crack/000.png")
        #expect(uses(dataset) == ["adapted to: good/000.png", "tested: crack: crack/000.png", "masks: \(paths[0])"])
        #expect(dataset.items.first { $0.label.isDefect }?.maskURL.map(dataset.relativePath) == paths[0])
        #expect(dataset.strayMasks.isEmpty)
    }

    @Test("A mask that may belong to two images belongs to neither")
    func ambiguousMask() throws {
        let dataset = try dataset("good/0.png", "crack/7.png", "dent/7.png", "mask/7_mask.png")
        #expect(dataset.items.allSatisfy { $0.maskURLs.isEmpty } && dataset.strayMasks.count == 1)
        #expect(uses(dataset).last == "left out (a mask that belongs to no image): mask/7_mask.png")
    }

    @Test("Masks of good images are masks, and say nothing")
    func goodMasks() throws {
        let dataset = try dataset("train/good/0.png", "test/good/1.png", "ground_truth/good/1.png")
        #expect(uses(dataset).last == "masks: ground_truth/good/1.png" && dataset.strayMasks.isEmpty)
    }

    @Test("Results of earlier runs are no defects")
    func results() throws {
        let dataset = try dataset(
            "good/0.png", "crack/1.png", "run7/results.json", "run7/results.csv", "run7/0.overlay.png",
            "old/units.jsonl", "old/gallery/0.png", "now/inspection.jsonl", "now/2.png", "heatmaps/3.png")
        #expect(dataset.items.count == 2)
        #expect(
            uses(dataset).suffix(2) == [
                "left out (in a folder named like results): heatmaps/3.png",
                "left out (results of an earlier run): now/2.png now/inspection.jsonl old/gallery/0.png old/units.jsonl "
                    + "run7/0.overlay.png run7/results.csv run7/results.json",
            ])
    }

    @Test(
        "Folders of good and of defective images are known by many names",
        arguments: [
            ("normal", "anomaly"), ("OK", "NOK"), ("Pass", "Fail"), ("free", "defective"), ("good", "ng"),
            ("ok", "ko"), ("Normal", "Abnormal"), ("defect-free", "Defects"), ("passed", "bad"),
            ("i.O.", "n.i.O."), ("IO", "NIO"), ("gut", "schlecht"), ("良品", "不良品"),
        ])
    func names(good: String, bad: String) throws {
        let dataset = try dataset("\(good)/0.png", "\(bad)/1.png", "\(bad)/scratch/2.png")
        #expect(dataset.items.map(\.label.name).sorted() == [bad, "good", "scratch"].sorted())
        try FileManager.default.removeItem(at: folder.url.appendingPathComponent(good))
        let alone = try Dataset(directory: folder.url)
        #expect(alone.items.allSatisfy(\.label.isDefect) && alone.items.count == 2)
    }

    @Test("Lots and dates are searched, with good and bad ones in each or without")
    func lots() throws {
        let dataset = try dataset(
            "2026-11-01/good/0.png", "2026-11-01/nok/1.png", "2026-11-02/good/shift 2/2.png", "2026-11-02/crack/3.png")
        #expect(dataset.categories.count == 1)
        #expect(
            uses(dataset) == [
                "adapted to: 2026-11-01/good/0.png 2026-11-02/good/shift 2/2.png",
                "tested: crack: 2026-11-02/crack/3.png",
                "tested: nok: 2026-11-01/nok/1.png",
            ])
        let other = try TemporaryFolder()
        for path in ["7.png", "a/b/c/0.png", "cam1/today/1.png"] { try other.write([], to: path) }
        let plain = try Dataset(directory: other.url)
        #expect(plain.items.count == 3 && plain.items.allSatisfy { $0.label == .unlabelled })
    }

    @Test("Products with good and bad folders, and no parts, are products")
    func products() throws {
        let dataset = try dataset("nut/good/0.png", "nut/bent/1.png", "cap/ok/2.png", "notes/read.txt")
        #expect(dataset.categories == ["cap", "nut"])
        #expect(dataset.items.first { $0.label.isDefect }?.label == .defect(kind: "bent"))
    }

    @Test("What is good for training only by its folder's silence is not, where a mask marks it")
    func maskedTraining() throws {
        let dataset = try dataset("Train/1.png", "Train/2.png", "Train/Label/2_label.png", "Test/3.png")
        #expect(dataset.adaptationItems().map(\.url.lastPathComponent) == ["1.png"])
    }

    @Test("Files that are not read are named with their kind; folders that lead back are walked once")
    func unread() throws {
        try folder.write([], to: "a/0.png")
        try FileManager.default.createSymbolicLink(
            at: folder.url.appendingPathComponent("a/back"), withDestinationURL: folder.url)
        let dataset = try dataset("x.webp", "y.GIF", "z.jp2", "notes.txt")
        #expect(dataset.items.count == 1)
        #expect(
            uses(dataset) == [
                "unlabelled: a/0.png", "left out (GIF images (.gif) are not read): y.GIF",
                "left out (JPEG 2000 images (.jp2) are not read): z.jp2",
                "left out (WebP images (.webp) are not read): x.webp",
                "left out (not an image): notes.txt",
            ])
        let other = try TemporaryFolder()
        try other.write([], to: "x.webp")
        let error = #expect(throws: DatasetError.self) { try Dataset(directory: other.url) }
        #expect(error?.description.contains("1: WebP images (.webp) are not read") == true)
    }

    @Test("What storage keeps beside images is nobody's image") func system() throws {
        let dataset = try dataset(
            "good/0.png", "good/@eaDir/0.png/SYNOPHOTO_THUMB_M.png", "#recycle/old.png", "$RECYCLE.BIN/1.png",
            "__MACOSX/good/._0.png", "scratch/2.png", "scratch/Thumbs.db")
        #expect(
            uses(dataset) == [
                "adapted to: good/0.png", "tested: scratch: scratch/2.png",
                "left out (not an image): scratch/Thumbs.db",
            ])
    }

    @Test("A training list names paths, or names that are alone outside the part for testing")
    func trainingList() throws {
        var dataset = try dataset(
            "train/good/0.png", "train/good/1.png", "test/good/0.png", "test/good/2.png", "test/dent/0.png")
        let training = { (dataset: Dataset) in
            dataset.items.filter { $0.split == .train }.map { dataset.relativePath(of: $0.url) }
        }
        try dataset.applyTrainingList(["0.png"])
        #expect(training(dataset) == ["train/good/0.png"])
        dataset = try Dataset(directory: folder.url)
        try dataset.applyTrainingList(["test\\good\\0.png", "train/good/1.png"])
        #expect(training(dataset).sorted() == ["test/good/0.png", "train/good/1.png"])
        try folder.write([], to: "train/good/lot2/1.png")
        dataset = try Dataset(directory: folder.url)
        let error = #expect(throws: DatasetError.self) { try dataset.applyTrainingList(["1.png"]) }
        #expect(error?.description.contains("1.png is the name of 2 images") == true)
    }
}
