import Foundation
import MetaformerData
import MetaformerModels

/// Builds meta-tasks: features, k-means, and trimming by structural similarity, as in Section 3.1.1.
public struct TaskBuilder: Sendable {
    public var network: FeatureNetwork.Architecture
    /// Coarse groups; one for every 200 images where nil, as the paper has it.
    public var groups: Int?
    /// The most images of a fine group.
    public var groupSize = 200
    /// Fine groups of fewer images are left out.
    public var minimumSize = 8
    public var seed: UInt64 = 0
    /// Rows and columns of the grey images that Eq. 1 compares.
    static let structureSize = 32

    public init(network: FeatureNetwork.Architecture) { self.network = network }

    /// - Parameters:
    ///   - directory: the folder of the images.
    ///   - names: their paths within it.
    ///   - extractor: what images are grouped by.
    ///   - progress: called once an image is done.
    /// - Returns: the tasks, and the images that could not be read, with the reason.
    public func build(
        directory: String, names: [String], extractor: FeatureExtractor, progress: () -> Void = {}
    ) throws -> (tasks: TaskSet, unreadable: [String]) {
        let root = URL(fileURLWithPath: directory)
        var points = PointSet(dimension: extractor.network.featureCount)
        var (kept, unreadable): ([String], [String]) = ([], [])
        var structures: [[Float]] = []
        for name in names {
            do {
                let frame = try ImageReader().frame(root.appendingPathComponent(name))
                let size = FeatureNetwork.imageSize
                points.append(try extractor.features(of: frame.planes(channels: 3, height: size, width: size)))
                structures.append(
                    try frame.planes(channels: 1, height: TaskBuilder.structureSize, width: TaskBuilder.structureSize))
                kept.append(name)
            } catch let error as ImageFileError {
                unreadable.append("\(error)")
            } catch let error as TrainingError {
                unreadable.append("\(error)")
            }
            progress()
        }
        guard kept.count >= minimumSize else {
            throw TrainingError("\(directory): \(kept.count) images can be read; at least \(minimumSize) are needed")
        }
        let count = groups ?? max(1, (kept.count + 100) / 200)
        let (centres, assigned) = try KMeans(groups: count, seed: seed)(points)
        let fine = trimmed(points, centres, assigned, structures).map { group in
            TaskSet.Group(
                centre: kept[group.centre], images: group.members.map { kept[$0.index] },
                similarities: group.members.map(\.similarity))
        }
        guard !fine.isEmpty else {
            throw TrainingError("no group has \(minimumSize) images; ask for fewer groups with --groups")
        }
        return (TaskSet(directory: directory, network: network, seed: seed, groups: fine), unreadable)
    }

    typealias FineGroup = (centre: Int, members: [(index: Int, similarity: Double)])

    /// Of each coarse group the images most similar to that nearest to its centre.
    func trimmed(
        _ points: PointSet, _ centres: [[Float]], _ assigned: [Int], _ structures: [[Float]]
    ) -> [FineGroup] {
        let quality = StructuralQuality()
        return centres.indices.compactMap { group in
            let members = assigned.indices.filter { assigned[$0] == group }
            let distances = members.map { points.squaredDistance($0, to: centres[group]) }
            guard members.count >= minimumSize,
                let nearest = distances.indices.min(by: { distances[$0] < distances[$1] })
            else { return nil }
            let centre = members[nearest]
            // The centre first: nothing is more similar to it than itself.
            let ranked = members.map { index in
                (index: index, similarity: index == centre ? 1 : quality(structures[index], structures[centre]))
            }.sorted { ($0.similarity, $1.index) > ($1.similarity, $0.index) }
            let others = ranked.filter { $0.index != centre }.prefix(max(groupSize - 1, 1))
            return (centre, [(centre, 1)] + others)
        }
    }
}
