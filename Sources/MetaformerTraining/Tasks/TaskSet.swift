import Foundation
import MetaformerData
import MetaformerModels

/// Meta-tasks: fine groups of similar images of a folder, as `tasks build` writes and training reads them.
public struct TaskSet: Codable, Sendable, Equatable {
    public struct Group: Codable, Sendable, Equatable {
        /// The image nearest to the mean of the coarse group's features.
        public var centre: String
        /// The most similar first, the centre itself among them; paths within the folder.
        public var images: [String]
        /// Eq. 1 of each image to the centre.
        public var similarities: [Double]

        public init(centre: String, images: [String], similarities: [Double]) {
            self.centre = centre
            self.images = images
            self.similarities = similarities
        }
    }

    static let formatVersion = 1
    public var format = TaskSet.formatVersion
    /// The folder of the images, as it was given.
    public var directory: String
    public var network: FeatureNetwork.Architecture
    public var seed: UInt64
    public var groups: [Group]

    public var imageCount: Int { groups.reduce(0) { $0 + $1.images.count } }

    public init(directory: String, network: FeatureNetwork.Architecture, seed: UInt64, groups: [Group]) {
        self.directory = directory
        self.network = network
        self.seed = seed
        self.groups = groups
    }

    // MARK: Files

    public func write(to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { try AtomicFile.write(encoder.encode(self), to: url) } catch {
            throw TrainingError("\(url.relativePath): cannot be written: \(error)")
        }
    }

    /// Reads a file. Throws where it is none, or its images are not where it says.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - directory: where the images lie now; where nil, where they lay.
    public init(contentsOf url: URL, directory: String? = nil) throws {
        let name = url.relativePath
        guard let data = try? Data(contentsOf: url) else {
            throw TrainingError("\(name): cannot be read; name a file that `metaformer tasks build` wrote")
        }
        do { self = try JSONDecoder().decode(TaskSet.self, from: data) } catch {
            throw TrainingError("\(name): is no file of meta-tasks; write one with `metaformer tasks build`")
        }
        guard format == TaskSet.formatVersion, groups.allSatisfy({ $0.images.count >= 2 }), !groups.isEmpty else {
            throw TrainingError(
                "\(name): holds no groups of this version; build it again with `metaformer tasks build`")
        }
        if let directory { self.directory = directory }
        let root = URL(fileURLWithPath: self.directory)
        for image in groups.flatMap(\.images) {
            guard !image.split(separator: "/").contains(".."),
                FileManager.default.isReadableFile(atPath: root.appendingPathComponent(image).path)
            else {
                throw TrainingError(
                    "\(name): there is no image \(image) in \(self.directory); the tasks are of another set, or the folder "
                        + "was moved: name it with --images")
            }
        }
    }

    public func url(of image: String) -> URL { URL(fileURLWithPath: directory).appendingPathComponent(image) }
}
