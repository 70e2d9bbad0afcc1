import MetaformerGraph
import MetaformerModels

extension ModelOrigin {
    /// As `file`, of a model that the engine has found sound.
    public func checkedFile(channels: Int, seed: UInt64) throws -> TensorFile {
        if let unchangedPath { _ = try Model(path: unchangedPath) }
        let file = try file(channels: channels, seed: seed)
        if unchangedPath == nil { _ = try Model(file) }
        return file
    }

    /// Opens the model; see `file`.
    public func model(channels: Int, seed: UInt64) throws -> Model {
        if let unchangedPath { return try Model(path: unchangedPath) }
        return try Model(file(channels: channels, seed: seed))
    }

    /// The path of a file that is taken as it is; nil where a model is made.
    private var unchangedPath: String? {
        guard case .file(let path) = source, mode == nil, imageSize == nil, optimizer == nil, !isRecompiled else {
            return nil
        }
        return path
    }
}
