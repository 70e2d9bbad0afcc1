import Foundation
import MetaformerData
import MetaformerGraph

/// Which images a model was adapted to, where they were chosen among others: kept in the model's file, so that they are not
/// inspected as if they were new.
public struct AdaptationRecord: Codable, Sendable, Equatable {
    struct File: Codable, Sendable, Equatable {
        /// Within the folder that was given.
        let path: String
        let bytes: Int
        let checksum: String
    }

    private static let key = "adapt.files"

    private let files: [String: [File]]

    init(files: [File]) {
        self.files = Dictionary(grouping: files) { URL(fileURLWithPath: $0.path).lastPathComponent }
    }

    /// What a model's file says; nil where it says nothing.
    public init?(of model: Model) {
        guard let text = model[setting: AdaptationRecord.key],
            let files: [File] = try? JSONText.value(Data(text.utf8))
        else { return nil }
        self.init(files: files)
    }

    /// Whether an image is one of them: by name, size and contents, wherever it lies now.
    public func contains(_ url: URL) -> Bool {
        guard let candidates = files[url.lastPathComponent], let size = FileStatus(url)?.size,
            candidates.contains(where: { $0.bytes == size }), let data = FileManager.default.contents(atPath: url.path)
        else { return false }
        let checksum = Digest(of: data).text
        return candidates.contains { $0.checksum == checksum }
    }

    /// The file of a model that was adapted to these images, and says so.
    public func file(of model: Model) throws -> TensorFile {
        var file = try model.file()
        let all = files.values.flatMap { $0 }.sorted { $0.path < $1.path }
        file.metadata[AdaptationRecord.key] = try JSONText.line(all).trimmingCharacters(in: .newlines)
        return file
    }
}
