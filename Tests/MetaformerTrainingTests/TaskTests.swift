import Foundation
import MetaformerData
import MetaformerGraph
import MetaformerModels
import TestSupport
import Testing

@testable import MetaformerTraining

@Suite("Meta-tasks") struct TaskTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// Clouds of points about corners of a cube.
    private func clouds(_ corners: [[Float]], each: Int, spread: Float) -> PointSet {
        var generator = RandomGenerator(seed: 3)
        var points = PointSet(dimension: corners[0].count)
        for index in 0..<corners.count * each {
            points.append(corners[index % corners.count].map { $0 + generator.uniform(-spread...spread) })
        }
        return points
    }

    private static let corners: [[Float]] = (0..<5).map { corner in
        (0..<11).map { $0 % 5 == corner ? 1 : 0 }
    }

    @Test("k-means finds clouds, by Lloyd's iterations and by mini-batches", arguments: [false, true])
    func kMeans(usesMiniBatches: Bool) throws {
        let points = clouds(TaskTests.corners, each: 40, spread: 0.2)
        var kMeans = KMeans(groups: 5, seed: 8)
        if usesMiniBatches { (kMeans.miniBatchFrom, kMeans.miniBatch) = (10, 64) }
        let (centres, groups) = try kMeans(points)
        // Points of one cloud have one group, those of two have two.
        for index in groups.indices { #expect(groups[index] == groups[index % 5]) }
        #expect(Set(groups.prefix(5)).count == 5)
        for (corner, group) in zip(TaskTests.corners, groups) {
            #expect(zip(centres[group], corner).allSatisfy { abs($0 - $1) < 0.1 })
        }
    }

    @Test("the same seed gives the same groups, and no group is empty") func seeds() throws {
        let points = clouds(TaskTests.corners, each: 20, spread: 2)
        let first = try KMeans(groups: 9, seed: 1)(points).groups
        #expect(try KMeans(groups: 9, seed: 1)(points).groups == first)
        #expect(Set(first).count == 9)
        #expect(throws: TrainingError.self) { try KMeans(groups: 101, seed: 1)(points) }
    }

    @Test("Eq. 1 is 1 for equal images, lower for others, and known for a worked example") func quality() {
        let quality = StructuralQuality()
        let x: [Float] = [0.1, 0.2, 0.4, 0.9]
        #expect(abs(quality(x, x) - 1) < 1e-12)
        // Means 0.4 and 0.35; variances 0.095 and 0.0125; covariance -0.0325.
        let y: [Float] = [0.5, 0.4, 0.3, 0.2]
        let expected = 4 * 0.4 * 0.35 * -0.0325 / ((0.16 + 0.1225) * (0.095 + 0.0125))
        #expect(abs(quality(x, y) - expected) < 1e-5)
        #expect(abs(quality([0, 0], [0, 0]) - 1) < 1e-12)
    }

    @Test("trimming keeps the images most like the group's centre") func trimming() throws {
        var builder = TaskBuilder(network: .resNet18)
        (builder.groupSize, builder.minimumSize) = (3, 3)
        var points = PointSet(dimension: 1)
        for value: Float in [0, 1, 2, 3, 4, 50, 51] { points.append([value]) }
        let base: [Float] = [0.1, 0.9, 0.2, 0.8]
        let structures: [[Float]] = [
            [0.9, 0.1, 0.8, 0.2], base.map { $0 * 0.9 }, base, base.reversed(), base.map { $0 * 0.5 }, base, base,
        ]
        let groups = builder.trimmed(points, [[2.1], [50]], [0, 0, 0, 0, 0, 1, 1], structures)
        // The second group is too small.
        #expect(groups.count == 1 && groups[0].centre == 2)
        #expect(groups[0].members.map(\.index) == [2, 1, 4])
        #expect(
            groups[0].members[0].similarity == 1 && groups[0].members[1].similarity > groups[0].members[2].similarity)
    }

    @Test("the golden inputs of fuzzing are read, or refused with their path") func fuzzInputs() throws {
        let url = folder.url.appendingPathComponent("tasks.json")
        for name in ["a.png", "b.png"] { try Data().write(to: folder.url.appendingPathComponent(name)) }
        let inputs = Command.root.appending(path: "Tests/golden/fuzz/tasks")
        var readable = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: inputs.path).sorted() {
            try Data(contentsOf: inputs.appending(path: name)).write(to: url)
            do {
                readable += try TaskSet(contentsOf: url, directory: folder.url.path).imageCount
            } catch {
                #expect("\(error)".contains("tasks.json"), "\(error)")
            }
        }
        #expect(readable > 0)
    }

    @Test("a file of tasks is read back, and what does not fit is named") func files() throws {
        let url = folder.url.appendingPathComponent("tasks.json")
        for name in ["a.png", "b.png"] {
            try Image(width: 32, height: 32, channels: 1, bytes: Array(repeating: 9, count: 1024)).write(
                png: folder.url.appendingPathComponent(name))
        }
        let group = TaskSet.Group(centre: "a.png", images: ["a.png", "b.png"], similarities: [1, 0.5])
        let tasks = TaskSet(directory: folder.url.path, network: .efficientNetLite0, seed: 4, groups: [group])
        try tasks.write(to: url)
        #expect(try TaskSet(contentsOf: url) == tasks)
        #expect(try ContactSheet.groups(of: tasks)?.height == 72)

        let moved = try #require(throws: TrainingError.self) { try TaskSet(contentsOf: url, directory: "/nowhere") }
        #expect(
            moved.description.contains("there is no image a.png in /nowhere") && moved.description.contains("--images"))
        var outside = tasks
        outside.groups[0].images[1] = "../../etc/passwd"
        try outside.write(to: url)
        #expect(throws: TrainingError.self) { try TaskSet(contentsOf: url) }
        try Data("[1, 2]".utf8).write(to: url)
        let other = try #require(throws: TrainingError.self) { try TaskSet(contentsOf: url) }
        #expect(other.description.contains("is no file of meta-tasks"))
    }

    @Test("weights of another network are named") func weights() throws {
        let path = folder.url.appendingPathComponent("weights.safetensors").path
        try TensorFile(entries: [.init(name: "conv1.weight", shape: [2], contents: .floats([1, 2]))]).write(path: path)
        let shape = try #require(throws: TrainingError.self) { try FeatureExtractor(.resNet18, weights: path) }
        #expect(shape.description.contains("\"conv1.weight\" is [2], not [64, 3, 7, 7]"))
        let name = try #require(throws: TrainingError.self) { try FeatureExtractor(.efficientNetLite0, weights: path) }
        #expect(name.description.contains("has no tensor \"_conv_stem.weight\""))
    }
}
