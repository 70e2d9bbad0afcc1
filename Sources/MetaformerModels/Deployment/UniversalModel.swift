import Foundation

/// The model that comes with Metaformer: trained on photographs of many things, to be taught any product.
public enum UniversalModel {
    static let fileName = "universal.safetensors"

    /// Where its file may lie, from the folder of the program: as SwiftPM builds it, and as it is installed.
    static let places = ["Metaformer_MetaformerModels.resources/\(fileName)", "../share/metaformer/\(fileName)"]

    /// The path of its file, found from the program that runs. Throws where it lies at none of its places, and names them.
    public static func path() throws -> String {
        try path(from: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent())
    }

    static func path(from folder: URL) throws -> String {
        let paths = places.map { folder.appending(path: $0).standardizedFileURL.path }
        guard let path = paths.first(where: FileManager.default.fileExists) else {
            throw ModelError(
                "the universal model is not installed: there is neither \(paths.joined(separator: " nor ")); name a model file"
            )
        }
        return path
    }
}
