import Foundation

/// A rendered product to try everything with: photographs of a turned flange, good and defective, in the layout of
/// MVTec AD, with exact masks.
///
/// Each image depends on the seed and on its own place alone, so one seed gives the same files on any number of threads.
public struct SampleProduct: Sendable {
    /// One image of the sample.
    public struct Item: Sendable, Hashable {
        /// Where the image goes below the folder of the sample.
        public let path: String
        /// Where its mask goes; nil for good parts.
        public let maskPath: String?
        /// The kind of defect; nil for good parts.
        public let defect: String?
        /// Which stream of random numbers it is made from.
        let number: Int
    }

    /// Fixes every random choice.
    public let seed: UInt64

    /// Images of good parts to adapt to: 40.
    public let trainingCount: Int
    /// Images of good parts to test with: 12.
    public let testCount: Int
    /// Images of each kind of defect: 6.
    public let defectCount: Int
    /// The kinds of defects, as their folders are named.
    public static let defects = SampleDefect.Kind.allCases.map(\.rawValue)

    public init(seed: UInt64 = 0) {
        self.init(seed: seed, trainingCount: 40, testCount: 12, defectCount: 6)
    }

    init(seed: UInt64, trainingCount: Int, testCount: Int, defectCount: Int) {
        self.seed = seed
        self.trainingCount = trainingCount
        self.testCount = testCount
        self.defectCount = defectCount
    }

    /// All images, in the order of their paths within each part of the sample.
    public var items: [Item] {
        var items: [Item] = []
        func add(_ folder: String, count: Int, defect: String?) {
            for i in 0..<count {
                let name = String(format: "%03d", i)
                let mask = defect.map { "ground_truth/\($0)/\(name)_mask.png" }
                items.append(
                    Item(path: "\(folder)/\(name).png", maskPath: mask, defect: defect, number: items.count))
            }
        }
        add("train/good", count: trainingCount, defect: nil)
        add("test/good", count: testCount, defect: nil)
        for defect in SampleProduct.defects {
            add("test/\(defect)", count: defectCount, defect: defect)
        }
        return items
    }

    /// Draws one image: 256 x 256 RGB, and its mask, grey, 255 where the defect changed the image by more than three
    /// levels and 0 elsewhere.
    public func render(_ item: Item) -> (image: Image, mask: Image) {
        renderer(item).render()
    }

    func renderer(_ item: Item, withDefect: Bool = true) -> SampleRenderer {
        var generator = RandomGenerator(seed: seed, stream: UInt64(item.number))
        let kind = withDefect ? item.defect.flatMap(SampleDefect.Kind.init(rawValue:)) : nil
        return SampleRenderer(defect: kind, using: &generator)
    }
}
