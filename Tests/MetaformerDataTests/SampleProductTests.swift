import Foundation
import TestSupport
import Testing

@testable import MetaformerData

@Suite("The sample product") struct SampleProductTests {
    /// Few images, for what is about files.
    private func small(seed: UInt64) -> SampleProduct {
        SampleProduct(seed: seed, trainingCount: 2, testCount: 1, defectCount: 1)
    }

    @Test("It is large enough to adapt, test, and tell defects apart")
    func counts() {
        let items = SampleProduct().items
        #expect(items.filter { $0.path.hasPrefix("train/good/") }.count >= 32)
        #expect(items.filter { $0.path.hasPrefix("test/good/") }.count >= 8)
        #expect(items.filter { $0.defect != nil }.count >= 20)
        #expect(Set(items.compactMap(\.defect)).count >= 4)
        #expect(Set(items.map(\.path)).count == items.count)
    }

    @Test("A seed fixes every byte, and each image has its own")
    func seeds() throws {
        let items = [SampleProduct().items[0], try #require(SampleProduct().items.last)]
        for item in items {
            let (image, mask) = SampleProduct(seed: 7).render(item)
            let again = SampleProduct(seed: 7).render(item)
            #expect(again.image == image && again.mask == mask)
            #expect(SampleProduct(seed: 8).render(item).image != image)
        }
        let product = SampleProduct(seed: 7)
        #expect(product.render(product.items[0]).image != product.render(product.items[1]).image)
    }

    @Test("Good images have black masks")
    func goodMasks() {
        let product = SampleProduct(seed: 3)
        let (image, mask) = product.render(product.items[0])
        #expect(image.width == 256 && image.height == 256 && image.channels == 3 && image.bitDepth == 8)
        #expect(mask.width == 256 && mask.channels == 1 && mask.bytes.allSatisfy { $0 == 0 })
    }

    /// The same part under the same camera, without the defect: the images may differ where the mask says, and there
    /// they do.
    @Test("A mask is what its defect changed", arguments: SampleProduct.defects)
    func masks(defect: String) {
        let product = SampleProduct(seed: 1)
        for item in product.items.filter({ $0.defect == defect }).prefix(3) {
            let (image, mask) = product.render(item)
            let good = product.renderer(item, withDefect: false).render().image
            var marked = 0
            var markedAndChanged = 0
            var strongestOutside = 0
            for pixel in 0..<256 * 256 {
                let difference = (0..<3).map { abs(Int(image.bytes[pixel * 3 + $0]) - Int(good.bytes[pixel * 3 + $0])) }
                let change = difference.max() ?? 0
                if mask.bytes[pixel] == 255 {
                    marked += 1
                    if change > 1 { markedAndChanged += 1 }
                } else {
                    strongestOutside = max(strongestOutside, change)
                }
            }
            #expect(marked >= 30 && marked < 6_000, "\(item.path): \(marked) pixels marked")
            #expect(Double(markedAndChanged) > 0.8 * Double(marked), "\(item.path): \(markedAndChanged) of \(marked)")
            #expect(strongestOutside <= 4, "\(item.path): \(strongestOutside) levels outside of the mask")
        }
    }

    @Test("What is written is a whole MVTec category, the same for any number of threads")
    func writing() throws {
        let folder = try TemporaryFolder()
        let product = small(seed: 5)
        let one = folder.url.appendingPathComponent("one")
        let two = folder.url.appendingPathComponent("two")
        try product.write(to: one, threads: 1)
        try product.write(to: two, threads: 2)
        for item in product.items {
            let paths = [item.path, item.maskPath].compactMap { $0 }
            for path in paths {
                let a = try Data(contentsOf: one.appendingPathComponent(path))
                let b = try Data(contentsOf: two.appendingPathComponent(path))
                #expect(a == b, "\(path)")
            }
        }
        let dataset = try Dataset(directory: one)
        #expect(dataset.layout == .mvtec && dataset.items.count == product.items.count)
        let report = DatasetReport(of: dataset)
        #expect(!report.hasErrors && report.emptyMasks.isEmpty && report.defectsWithoutMask.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == ["one", "two"])
    }

    @Test("Folders of others are left alone")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let product = small(seed: 5)
        try folder.write([1], to: "mine/notes.txt")
        let mine = folder.url.appendingPathComponent("mine")
        #expect(throws: SampleProductError.foreignFiles(path: mine.relativePath, example: "notes.txt")) {
            try product.write(to: mine)
        }
        // Named like files of the sample, but nothing says that they are.
        try folder.write([1], to: "like/train/good/000.png")
        #expect(throws: SampleProductError.self) { try product.write(to: folder.url.appendingPathComponent("like")) }
        let file = try folder.write([1], to: "file")
        #expect(throws: SampleProductError.notAFolder(path: file.relativePath)) { try product.write(to: file) }
        #expect(throws: SampleProductError.self) { try product.write(to: folder.url.appendingPathComponent("no/such")) }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == ["file", "like", "mine"])
    }

    /// What tells a folder from another that has taken its name.
    private func number(of folder: URL) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: folder.path)[.systemFileNumber] as? Int
    }

    @Test("What an interrupted run left is cleared away")
    func interrupted() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "sample/.metaformer-sample-1234/train/good/000.png")
        let sample = folder.url.appendingPathComponent("sample")
        try small(seed: 1).write(to: sample)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: sample.path).sorted()
                == ["ground_truth", "sample.json", "test", "train"])
    }

    @Test("An earlier sample is replaced, unless something was added to it")
    func replacing() throws {
        let folder = try TemporaryFolder()
        let sample = folder.url.appendingPathComponent("sample")
        try folder.makeFolder("sample")
        let folderNumber = try number(of: sample)
        try small(seed: 1).write(to: sample)
        let image = sample.appendingPathComponent("train/good/000.png")
        let first = try Data(contentsOf: image)
        try small(seed: 2).write(to: sample)
        #expect(try Data(contentsOf: image) != first)
        #expect(try number(of: sample) == folderNumber)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: sample.path).sorted()
                == ["ground_truth", "sample.json", "test", "train"])
        try folder.write([1], to: "sample/train/good/mine.png")
        #expect(throws: SampleProductError.self) { try small(seed: 3).write(to: sample) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["sample"])
    }
}
