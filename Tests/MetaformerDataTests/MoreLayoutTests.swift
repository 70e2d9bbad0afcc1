import Foundation
import MetaformerData
import TestSupport
import Testing

@Suite("Layouts with tables, validation and several masks") struct MoreLayoutTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func touch(_ paths: String...) throws {
        for path in paths { try folder.write([], to: path) }
    }

    private func describe(_ dataset: Dataset) -> [String] {
        dataset.items.map { item in
            let masks = item.maskURLs.map(dataset.relativePath)
            let path = dataset.relativePath(of: item.url)
            return "\(path): \(item.category) \(item.split.rawValue) \(item.label.name)"
                + (masks.isEmpty ? "" : " < \(masks.joined(separator: " "))")
        }
    }

    @Test("MVTec LOCO: a folder of masks an image")
    func loco() throws {
        try touch(
            "box/train/good/0.png", "box/validation/good/0.png", "box/test/good/0.png",
            "box/test/logical_anomalies/000.png", "box/ground_truth/logical_anomalies/000/000.png",
            "box/ground_truth/logical_anomalies/000/001.png", "box/ground_truth/logical_anomalies/009/000.png")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .loco)
        let truth = "box/ground_truth/logical_anomalies"
        #expect(
            describe(dataset) == [
                "box/train/good/0.png: box train good", "box/validation/good/0.png: box validation good",
                "box/test/good/0.png: box test good",
                "box/test/logical_anomalies/000.png: box test logical_anomalies < \(truth)/000/000.png \(truth)/000/001.png",
            ])
        #expect(dataset.strayMasks.map(dataset.relativePath) == ["\(truth)/009/000.png"])
    }

    @Test("folders that say nothing: dates, numbers, and words for a series with a number or a letter")
    func series() throws {
        let silent = ["camera1", "camera-b", "cam 2", "lot_7", "20261101_0730", "week.44", "line b"]
        let telling = ["campaign", "lineb", "camera", "lots", "7x"]
        for name in silent + telling { try touch("good/0.png", "\(name)/1.png") }
        let dataset = try Dataset(directory: folder.url)
        let kinds = Set(dataset.items.map(\.label).filter(\.isDefect).map(\.name))
        #expect(kinds == Set(telling))
        #expect(dataset.items.count { $0.label == .unlabelled } == silent.count)
    }

    @Test("links to folders above lead nowhere, also where masks lie, and however many they are")
    func loops() throws {
        try touch("good/0.png", "bad/1.png", "ground_truth/bad/1.png")
        for place in ["good", "bad", "ground_truth", "ground_truth/bad"] {
            for name in ["again", "once more", "and again"] {
                try FileManager.default.createSymbolicLink(
                    at: folder.url.appendingPathComponent("\(place)/\(name)"),
                    withDestinationURL: folder.url.appendingPathComponent(name == "again" ? "" : place))
            }
        }
        let dataset = try Dataset(directory: folder.url)
        #expect(
            describe(dataset).map { $0.split(separator: ":")[0] + ($0.contains("<") ? " with a mask" : "") }
                == ["bad/1.png with a mask", "good/0.png"])
    }

    @Test("MVTec AD 2: a public test, and private ones without labels")
    func mvtec2() throws {
        try touch(
            "can/train/good/0.png", "can/validation/good/0.png", "can/test_public/good/0.png",
            "can/test_public/bad/1.png", "can/test_public/ground_truth/bad/1_mask.png", "can/test_private/2.png")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .mvtec2 && dataset.categories == ["can"])
        #expect(
            describe(dataset) == [
                "can/train/good/0.png: can train good", "can/validation/good/0.png: can validation good",
                "can/test_public/bad/1.png: can test bad < can/test_public/ground_truth/bad/1_mask.png",
                "can/test_public/good/0.png: can test good", "can/test_private/2.png: can unassigned unlabelled",
            ])
        #expect(try Dataset(directory: folder.url.appendingPathComponent("can")).layout == .mvtec2)
    }

    @Test("VisA: its table, and masks that number the defects")
    func visa() throws {
        let table = """
            object,split,label,image,mask
            pcb,train,normal,pcb/Data/Images/Normal/1.JPG,
            pcb,test,anomaly,pcb/Data/Images/Anomaly/2.JPG,pcb/Data/Masks/Anomaly/2.png
            cashew,test,normal,cashew/Data/Images/Normal/3.JPG,
            """
        try folder.write(Array(table.utf8), to: "split_csv/1cls.csv")
        let dataset = try Dataset(directory: folder.url)
        #expect(dataset.layout == .visa && dataset.categories == ["cashew", "pcb"])
        #expect(
            describe(dataset) == [
                "cashew/Data/Images/Normal/3.JPG: cashew test good",
                "pcb/Data/Images/Anomaly/2.JPG: pcb test anomaly < pcb/Data/Masks/Anomaly/2.png",
                "pcb/Data/Images/Normal/1.JPG: pcb train good",
            ])
        #expect(dataset.items.allSatisfy { $0.maskThreshold == 0 })
        try folder.write(greyPNG(3), to: "pcb/Data/Masks/Anomaly/2.png")
        #expect(DatasetReport(of: dataset).emptyMasks.isEmpty)
    }

    @Test("A CSV list, with quotes, several masks and labels of all kinds")
    func list() throws {
        let table = """
            \u{FEFF}Path,label,mask,split\r
            "a, b.png",good,,train\r
            c.png,Dent,m/1.png; m/2.png,test\r
            \r
            d.png,0,,validation\r
            "e ""f"".png",,,\r
            """
        let file = try folder.write(Array(table.utf8), to: "parts.csv")
        let dataset = try Dataset(directory: file)
        #expect(dataset.layout == .list && dataset.categories == ["parts"])
        #expect(
            describe(dataset) == [
                "a, b.png: parts train good", "c.png: parts test Dent < m/1.png m/2.png",
                "d.png: parts validation good", "e \"f\".png: parts unassigned unlabelled",
            ])
    }

    @Test(
        "A list that is none is refused, with the line",
        arguments: [
            ("", "line 1: the file is empty"), ("path,mask\n", "line 1: no column label among path, mask"),
            ("path,label\na.png\n", "line 2: 1 fields, where the first line names 2 columns"),
            ("path,label\n\n\"a.png,x\n", "line 3: a quote is not closed"),
            ("path,label,split\na,good,tset\n", "line 2: the split is tset; it can be"),
            ("path,label\n,good\n", "line 2: the path is empty"), ("path,label\n", "line 2: no image is listed"),
        ])
    func badList(text: String, message: String) throws {
        let file = try folder.write(Array(text.utf8), to: "list.csv")
        let error = #expect(throws: DatasetError.self) { try Dataset(directory: file) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(
        "A list as spreadsheets and other tools write it",
        arguments: [
            "path;label;split\r\na\\b.png;OK;Training\r\nc.png;NG;Test\r\n",
            "sep=;\npath;label;split\na/b.png;good;train\nc.png;NG;test\n",
            "Filename\tClass\tSubset\n a/b.png \t normal \ttrain\nc.png\tNG\ttesting\n",
            "\"image_path\"|\"anomaly\"|\"set\"\na/b.png|0|train\nc.png|NG|test\n",
        ], [String.Encoding.utf8, .utf16, .utf16LittleEndian])
    func spreadsheet(text: String, encoding: String.Encoding) throws {
        let bytes = try #require(text.data(using: encoding))
        let file = try folder.write(bytes, to: "list.csv")
        #expect(
            describe(try Dataset(directory: file)) == ["a/b.png: list train good", "c.png: list test NG"])
    }

    @Test("A list of another tool is refused with what would be right", arguments: ["json", "xml", "manifest"])
    func otherTool(ending: String) throws {
        let file = try folder.write(Array("{}".utf8), to: "labels.\(ending)")
        let error = #expect(throws: DatasetError.self) { try Dataset(directory: file) }
        #expect(error?.description.contains("a CSV file with the columns path, label") == true)
        let headless = try folder.write(Array("a.png,good\nb.png,bad\n".utf8), to: "list.csv")
        let second = #expect(throws: DatasetError.self) { try Dataset(directory: headless) }
        #expect(second?.description.contains("the first line names the columns") == true)
    }

    @Test("A split by groups leaks nothing")
    func groups() throws {
        var groups: [String: String] = [:]
        for tile in 0..<40 {
            for exposure in 0..<3 {
                let name = "exp\(exposure)_num_\(tile).jpg"
                // The first exposures of tiles 0 to 3 show a crack.
                let kind = tile < 4 && exposure == 0 ? "MT_Crack" : "MT_Free"
                try touch("\(kind)/Imgs/\(name)")
                groups[name] = "tile \(tile)"
            }
        }
        var dataset = try Dataset(directory: folder.url)
        try dataset.applyGroups(groups, testShare: 0.25, seed: 3)
        let splits = Dictionary(grouping: dataset.items) { groups[$0.url.lastPathComponent] ?? "" }
        #expect(splits.values.allSatisfy { Set($0.map(\.split)).count == 1 })
        #expect(dataset.items.filter { $0.label.isDefect }.allSatisfy { $0.split == .test })
        let good = dataset.items.filter { $0.label == .good }
        #expect(good.count { $0.split == .test } == 29 && good.count { $0.split == .train } == 87)
        let first = dataset.items.map(\.split)
        try dataset.applyGroups(groups, testShare: 0.25, seed: 3)
        #expect(dataset.items.map(\.split) == first)
        try dataset.applyGroups(groups, testShare: 0.25, seed: 4)
        #expect(dataset.items.map(\.split) != first)
        groups["exp0_num_7.jpg"] = nil
        let error = #expect(throws: DatasetError.self) { try dataset.applyGroups(groups) }
        #expect(error?.description.contains("1 image is in no group, exp0_num_7.jpg the first") == true)
    }
}
