import Foundation
import MetaformerData
import MetaformerInspection
import TestSupport
import Testing

@testable import MetaformerEvaluation

extension TemporaryFolder {
    /// Writes a grey image of 48 x 40 pixels.
    func write(_ path: String, width: Int = 48, height: Int = 40, _ level: (Int, Int) -> UInt8) throws {
        let file = url.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        let bytes = (0..<width * height).map { level($0 % width, $0 / width) }
        try Image(width: width, height: height, channels: 1, bytes: bytes).write(png: file)
    }
}

@Suite("Runs") struct RunTests {
    let folder: TemporaryFolder
    var output: URL { folder.url.appendingPathComponent("output") }

    init() throws {
        folder = try TemporaryFolder()
        for i in 0..<3 { try folder.write("nut/train/good/\(i).png") { x, y in UInt8(100 + (x + i) % 5) } }
        for i in 0..<2 { try folder.write("nut/test/good/\(i).png") { x, y in UInt8(100 + (x + 2 * i) % 5) } }
        for i in 0..<3 {
            let isInside = { (x: Int, y: Int) in (10..<20).contains(x) && (5 + i..<20).contains(y) }
            try folder.write("nut/test/dent/\(i).png") { x, y in isInside(x, y) ? 250 : 100 }
            if i < 2 { try folder.write("nut/ground_truth/dent/\(i)_mask.png") { x, y in isInside(x, y) ? 255 : 0 } }
        }
    }

    private func plan() throws -> EvaluationPlan {
        var plan = EvaluationPlan(
            dataset: try Dataset(directory: folder.url.appendingPathComponent("nut")),
            methods: [.squaredErrorAutoencoder])
        plan.adaptation.epochs = 1
        plan.shots = [.count(1), .all]
        plan.seeds = [5]
        return plan
    }

    private func withoutTimes(_ results: [UnitResult]) -> [[ImageScore]] { results.map(\.scores) }

    @Test("A run writes all of its files; an interrupted one goes on where it stopped, with the same figures")
    func resume() throws {
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        let run = try EvaluationRun(try plan(), folder: output)
        // Stopped while the second unit is tested.
        #expect(throws: CancellationError.self) {
            try run.run { step in !(step.finished == 1 && step.stage == "testing" && step.done == 2) }
        }
        let store = try UnitStore(folder: output)
        #expect(store.results.map(\.unit.shots) == [.count(1)])
        // What a crash left behind is no result.
        let file = output.appendingPathComponent(UnitStore.fileName)
        let damaged = try Data(contentsOf: file) + Data("{\"unit\":{\"meth".utf8)
        try damaged.write(to: file)

        var begun: Set<EvaluationUnit> = []
        let results = try run.run { step in
            begun.insert(step.unit)
            return true
        }
        #expect(results.map(\.unit) == run.plan.units)
        #expect(begun == Set(run.plan.units.suffix(1)))
        let again = try run.run { _ in
            Issue.record("nothing is left to do")
            return true
        }
        #expect(again == results)
        let other = folder.url.appendingPathComponent("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        let whole = try EvaluationRun(try plan(), folder: other).run()
        #expect(withoutTimes(whole) == withoutTimes(results))
        #expect(whole.map(\.pixels) == results.map(\.pixels))

        let first = try #require(results.first)
        #expect(first.goodCount == 2 && first.defectiveCount == 3)
        #expect(first.withoutMaskCount == 1 && first.trainingCount == 1)
        #expect(first.pixels?.imageCount == 4 && first.pixels?.pixelCount == 4 * 48 * 40)

        try writesFiles(run, results)
        // What cannot be read is not taken for nothing, and written over.
        try FileManager.default.removeItem(at: file)
        try FileManager.default.createDirectory(at: file, withIntermediateDirectories: true)
        #expect(throws: (any Error).self) { try run.run() }
        try mapsGiveTheSame(run, results)
    }

    private func writesFiles(_ run: EvaluationRun, _ results: [UnitResult]) throws {
        let provenance = Provenance(run.plan, version: "1.2.3", command: "metaformer evaluate <&>")
        try ResultFiles(results, plan: run.plan, provenance: provenance).write(to: output)
        let text = { try String(contentsOf: output.appendingPathComponent($0), encoding: .utf8) }
        #expect(try text("results.csv").split(separator: "\n").count == 3)
        #expect(try text("scores.csv").split(separator: "\n").count == 1 + 2 * 5)
        let columns = try text("results.csv").split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).count
        }
        #expect(Set(columns) == [23])
        #expect(try text("tables.md").contains("| nut |"))
        let json = try JSONSerialization.jsonObject(with: Data(text("results.json").utf8)) as? [String: Any]
        #expect((json?["units"] as? [Any])?.count == 2 && (json?["summary"] as? [Any])?.count == 2)
        let page = try text("report.html")
        #expect(page.contains("metaformer evaluate &lt;&amp;&gt;"))
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("src=\"/"))
        let images = page.components(separatedBy: "<img ").dropFirst()
        #expect(
            images.count >= 15 && images.allSatisfy { $0.contains("alt=\"") && $0.contains("src=\"data:image/png") })
    }

    private func mapsGiveTheSame(_ run: EvaluationRun, _ results: [UnitResult]) throws {
        let featured = try #require(results.first { run.isFeatured($0.unit) })
        #expect(featured.unit.shots == .all && featured.unit.seed == 5)
        let maps = output.appendingPathComponent("maps/\(featured.unit.folderName)")
        let map = try FloatMap(contentsOf: maps.appendingPathComponent("nut/test/dent/0.tiff"))
        #expect(map.width == 48 && map.height == 40)
        let measured = try MapSet(folder: maps, dataset: run.plan.dataset).measure("nut")
        #expect(measured.pixels == featured.pixels && measured.withoutMaskCount == 1)
        let bare = MapSet(folder: maps.appendingPathComponent("nut"), dataset: run.plan.dataset)
        #expect(try bare.measure("nut") == measured)

        try FloatMap(width: 3, height: 1, values: [1, 2, 3]).write(
            tiff: maps.appendingPathComponent("nut/test/dent/0.tiff"))
        let size = #expect(throws: EvaluationError.self) { try bare.measure("nut") }
        #expect(size?.description.hasSuffix("0.tiff: the mask is 48 x 40, its map 3 x 1") == true)
        try FileManager.default.removeItem(at: maps.appendingPathComponent("nut/test/dent/0.tiff"))
        let missing = #expect(throws: EvaluationError.self) { try bare.measure("nut") }
        #expect(missing?.description.contains("there is no map nut/test/dent/0.tiff for test/dent/0.png") == true)
    }

    @Test("A plan that makes no sense is refused before any work")
    func refusals() throws {
        func refusal(_ change: (inout EvaluationPlan) -> Void) throws -> String {
            var plan = try plan()
            change(&plan)
            let error = #expect(throws: EvaluationError.self) { try EvaluationRun(plan, folder: output) }
            return error?.description ?? ""
        }
        #expect(try refusal { $0.shots = [.count(4)] } == "nut: 4 shots, but only 3 good images for training")
        #expect(try refusal { $0.categories = ["cap"] } == "cap: no category of the data set; it has nut")
        #expect(try refusal { $0.methods += $0.methods }.hasPrefix("two methods are called l2-AE"))
        #expect(try refusal { $0.methods = [] }.hasPrefix("nothing to evaluate"))
        try folder.write("plain/good/0.png") { _, _ in 9 }
        let plain = try Dataset(directory: folder.url.appendingPathComponent("plain"))
        #expect(try refusal { $0.dataset = plain }.hasPrefix("plain: the test images must hold good and defective"))
    }

    @Test("A folder of an evaluation that failed early is taken again; one in use, or of other files, is not")
    func folders() throws {
        let path = folder.path("results")
        do {
            let held = try EvaluationFolder(path: path)
            #expect(throws: FolderError.self) { try EvaluationFolder(path: path) }
            withExtendedLifetime(held) {}
        }
        try Data().write(to: folder.url.appending(path: "results/files.json"))
        _ = try EvaluationFolder(path: path)
        try folder.write("mine/image.png") { _, _ in 1 }
        #expect(throws: EvaluationError.self) { try EvaluationFolder(path: folder.path("mine")) }
    }

    @Test("Results of other settings are not taken for those asked for")
    func provenance() throws {
        let plan = try plan()
        let digest = { (plan: EvaluationPlan) in plan.provenance(of: plan.methods[0], category: "nut") { _ in "" } }
        let changes: [(inout Model.AdaptationOptions) -> Void] = [
            { $0.epochs = 2 }, { $0.batch = 3 }, { $0.learningRate = 0.01 }, { $0.framing = .tile },
            { $0.flips = true },
            { $0.shift = 1 }, { $0.falseAlarmRate = 0.1 },
        ]
        var others = changes.map { change in
            var other = plan
            change(&other.adaptation)
            return other
        }
        others += [plan, plan]
        try folder.write("nut/test/good/9.png") { _, _ in 100 }
        others[changes.count].dataset = try Dataset(directory: folder.url.appendingPathComponent("nut"))
        others[changes.count + 1].proLimit = 0.05
        #expect(Set((others + [plan]).map(digest)).count == changes.count + 3)
        // Threads change no result, and the seed is the unit's.
        var same = plan
        (same.adaptation.threads, same.adaptation.seed) = (3, 4)
        #expect(digest(same) == digest(plan))
    }

    @Test("Damaged images and masks end nothing and are counted; what has changed is measured again")
    func damaged() throws {
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        for path in ["train/good/9.png", "test/dent/9.png", "ground_truth/dent/1_mask.png"] {
            let file = folder.url.appendingPathComponent("nut/\(path)")
            try Data("no image".utf8).write(to: file)
        }
        var plan = try plan()
        plan.shots = [.all]
        let result = try #require(try EvaluationRun(plan, folder: output).run().first)
        #expect(result.trainingCount == 3 && result.defectiveCount == 3 && result.withoutMaskCount == 2)
        #expect(result.unreadable?.count == 3 && result.pixels != nil)
        let text = Summary([result]).text
        #expect(
            text.contains("2 of 3 defective images have no usable mask") && text.contains("3 files could not be used"))

        // Touched without a change: nothing is done again. Changed: it is.
        let mask = folder.url.appendingPathComponent("nut/ground_truth/dent/0_mask.png")
        let data = try Data(contentsOf: mask)
        try data.write(to: mask)
        _ = try EvaluationRun(plan, folder: output).run { _ in
            Issue.record("nothing has changed")
            return true
        }
        try folder.write("nut/ground_truth/dent/0_mask.png") { x, y in x < 5 && y < 5 ? 255 : 0 }
        let again = try #require(try EvaluationRun(plan, folder: output).run().first)
        #expect(again.pixels != result.pixels && again.pixels?.defectivePixelCount == 25)
    }

    @Test("Maps of images that differ in their ending or folder have names of their own")
    func mapNames() throws {
        try folder.write("nut/test/dent/0.bmp.png") { _, _ in 9 }
        try folder.write("nut/test/dent/lot2/0.png") { _, _ in 9 }
        let dataset = try Dataset(directory: folder.url.appendingPathComponent("nut"))
        let paths = dataset.items.filter { $0.label.isDefect }.map(dataset.mapPath)
        #expect(Set(paths).count == 5 && paths.contains("nut/test/dent/1.tiff"))
    }

    @Test("Truth: several masks together, none that tells, and masks that number defects")
    func truth() throws {
        for (i, column) in [2, 7].enumerated() {
            try folder.write("loco/ground_truth/logical/0/00\(i).png", width: 32, height: 32) { x, _ in
                x == column ? 255 : 0
            }
        }
        try folder.write("loco/test/logical/0.png", width: 32, height: 32) { _, _ in 9 }
        try folder.write("loco/train/good/0.png") { _, _ in 9 }
        let loco = try Dataset(directory: folder.url.appendingPathComponent("loco"))
        let item = try #require(loco.items.first { $0.label.isDefect })
        guard case .defective(let mask) = try item.truth() else {
            Issue.record("no mask")
            return
        }
        #expect(mask.pixels.count { $0 == 1 } == 64 && mask.pixels[2] == 1 && mask.pixels[7] == 1)
        try folder.write("loco/ground_truth/logical/0/001.png", width: 9, height: 9) { _, _ in 255 }
        #expect(throws: EvaluationError.self) { try item.truth() }
        guard case .defective(let scaled) = try item.truth(size: (32, 32)) else {
            Issue.record("no mask")
            return
        }
        #expect(scaled.pixels.allSatisfy { $0 == 1 })

        let image = Image(width: 2, height: 1, channels: 1, bytes: [3, 0])
        #expect(DefectMask(image).isEmpty && DefectMask(image, threshold: 0).pixels == [1, 0])
        let deep = Image(width: 2, height: 1, channels: 1, samples: [32_767, 32_768])
        #expect(DefectMask(deep).pixels == [0, 1])
        let color = Image(width: 2, height: 1, channels: 3, bytes: [0, 0, 128, 127, 127, 127])
        #expect(DefectMask(color).pixels == [1, 0])
    }

    @Test("The gallery shows a tiled image whole, and no plane of a single tile") func tiledGallery() throws {
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        // A light column at the left end: the last tile does not see it.
        let wide = { (x: Int, _: Int) in UInt8(x < 30 ? 250 : 100) }
        try folder.write("bar/train/good/0.png", width: 400, height: 260, wide)
        try folder.write("bar/test/good/0.png", width: 400, height: 260, wide)
        try folder.write("bar/test/dent/0.png", width: 400, height: 260) { x, y in x > 350 && y > 200 ? 10 : wide(x, y)
        }
        var plan = EvaluationPlan(
            dataset: try Dataset(directory: folder.url.appendingPathComponent("bar")),
            methods: [.squaredErrorAutoencoder])
        (plan.adaptation.epochs, plan.adaptation.framing) = (1, .tile)
        let result = try #require(try EvaluationRun(plan, folder: output).run().first)
        let shown = Gallery(folder: output).read(result.unit)
        #expect(shown.count == 2)
        for (entry, panels) in shown {
            #expect(entry.panels.map(\.title) == ["image, tiled", "anomaly map"])
            let file = folder.url.appendingPathComponent("panel.png")
            try #require(panels.first).write(to: file)
            let overlay = try Image(contentsOf: file)
            #expect(overlay[2, 64, 0] > 200 && overlay[64, 64, 0] < 150)
        }
        let map = FloatMap(width: 4, height: 2, values: [0, 9, 1, 2, 3, 4, 8, 5])
        #expect(map.reduced(width: 2, height: 1).values == [9, 8])
        #expect(map.reduced(width: 4, height: 4).values.count == 16)
    }
}
