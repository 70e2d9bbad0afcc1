import Foundation
import MetaformerData
import TestSupport
import Testing

@testable import MetaformerEvaluation
@testable import MetaformerInspection

@Suite("The report") struct ReportTests {
    private static let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// A page of one method with four images, two of them wrong.
    private func page(_ folder: TemporaryFolder) throws -> String {
        try folder.write("nut/train/good/0.png") { _, _ in 1 }
        let scores = [0.9, 0.2, 0.7, 0.4].enumerated().map { index, score in
            ImageScore(
                path: "\(index).png", label: index % 2 == 0 ? "dent" : "good", isDefective: index % 2 == 0,
                score: Float(score))
        }
        let result = makeResult("A<B", shots: .count(1), scores: scores, threshold: 0.75)
        let more = makeResult("A<B", shots: .all, scores: scores, threshold: 0.3)
        let gallery = Gallery(folder: folder.url)
        let panels = folder.url.appendingPathComponent("gallery/\(more.unit.folderName)")
        try FileManager.default.createDirectory(at: panels, withIntermediateDirectories: true)
        try Image(width: 1, height: 1, channels: 1, bytes: [7]).write(png: panels.appendingPathComponent("a.png"))
        let entries = Gallery.selection(more).map {
            Gallery.Entry(score: $0, isWrong: more.isWrong($0), panels: [.init(title: "image", file: "a.png")])
        }
        try JSONEncoder().encode(entries).write(to: panels.appendingPathComponent("index.json"))
        var plan = EvaluationPlan(
            dataset: try Dataset(directory: folder.url.appendingPathComponent("nut")), methods: [])
        plan.shots = [.count(1), .all]
        let files = ResultFiles(
            [result, more], plan: plan,
            provenance: Provenance(plan, version: "1.0.0", command: "metaformer \"evaluate\""))
        return ReportPage(files, gallery: gallery).html
    }

    @Test("Everything that comes from outside is escaped, and all that it shows is there")
    func content() throws {
        let html = try page(try TemporaryFolder())
        #expect(html.contains("A&lt;B") && !html.contains("A<B"))
        #expect(html.contains("metaformer &quot;evaluate&quot;"))
        for part in [
            "ROC of images", "PRO up to", "Mean image AUROC for k shots", "Scores of A",
            "threshold",
        ] {
            #expect(html.contains(part), "\(part)")
        }
        #expect(!html.contains("Beside the paper"))
        #expect(html.components(separatedBy: "<img ").count == 5)
        #expect(html.components(separatedBy: "role=\"img\" aria-label=\"").count == 5)
    }

    @Test("Every series has a line of its own, with a colour in light, in dark and on paper")
    func series() {
        for index in 0..<ReportAssets.seriesCount {
            #expect(ReportAssets.style.contains(".s\(index) { --c: var(--s\(index));"))
            #expect(ReportAssets.style.components(separatedBy: "--s\(index): #").count == 4)
        }
    }

    @Test("A chart's places lie in it, whatever the values", arguments: [1e-30, 0.05, 1, 12_345])
    func ticks(scale: Double) {
        let ticks = Chart.ticks(0...scale)
        #expect((3...8).contains(ticks.count) || scale < 1e-4)
        #expect(ticks.allSatisfy { $0.at <= scale * 1.0001 })
        #expect(Chart.ticks(0...0.3).last?.text == "0.3" || Chart.ticks(0...0.3).last?.text == "0.30")
        #expect(Chart.ticks(1...1).isEmpty)
    }

    @Test("A browser opens it without a complaint, and its images can be ordered", .enabled(if: browser != nil))
    func browserOpens() throws {
        let folder = try TemporaryFolder()
        let probe = """
            <script>
            const select = document.querySelector("select");
            const order = () => [...document.querySelectorAll(".gallery li")].map((e) => e.dataset.score).join(" ");
            const first = order();
            select.value = "descending"; select.dispatchEvent(new Event("change"));
            const second = order();
            select.value = "rank"; select.dispatchEvent(new Event("change"));
            document.title = [first, second, order()].join(" / ");
            </script></body>
            """
        let file = folder.url.appendingPathComponent("report.html")
        try page(folder).replacing("</body>", with: probe).write(to: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(ReportTests.browser))
        process.arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--user-data-dir=\(folder.url.path)/profile", "--dump-dom", file.absoluteString,
        ]
        let (output, errors) = (folder.url.appendingPathComponent("out"), folder.url.appendingPathComponent("err"))
        for stream in [output, errors] { try Data().write(to: stream) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        let dom = try String(contentsOf: output, encoding: .utf8)
        let log = try String(contentsOf: errors, encoding: .utf8)
        #expect(process.terminationStatus == 0)
        #expect(!log.contains("CONSOLE"), "\(log)")
        #expect(dom.contains("<title>0.4 0.9 0.7 0.2 / 0.9 0.7 0.4 0.2 / 0.4 0.9 0.7 0.2</title>"))
    }
}
