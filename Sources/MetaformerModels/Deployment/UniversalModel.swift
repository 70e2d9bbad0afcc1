import Foundation

/// The models that come with Metaformer: trained on photographs of many things, to be adapted to any product.
public enum UniversalModel: String, Sendable, CaseIterable {
    /// Over features, adapted in closed form: the default.
    case universal
    /// Over pixels, adapted by gradient, as the paper describes it.
    case paper

    var fileName: String { rawValue + ".safetensors" }

    /// Where its file may lie, from the folder of the program: as SwiftPM builds it, and as it is installed.
    var places: [String] { ["Metaformer_MetaformerModels.resources/\(fileName)", "../share/metaformer/\(fileName)"] }

    /// The path of its file, found from the program that runs. Throws where it lies at none of its places, and names them.
    public func path() throws -> String {
        try path(from: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent())
    }

    func path(from folder: URL) throws -> String {
        let paths = places.map { folder.appending(path: $0).standardizedFileURL.path }
        guard let path = paths.first(where: FileManager.default.fileExists) else {
            throw ModelError(
                "the \(rawValue) model is not installed: there is neither \(paths.joined(separator: " nor ")); name a model file"
            )
        }
        return path
    }
}
