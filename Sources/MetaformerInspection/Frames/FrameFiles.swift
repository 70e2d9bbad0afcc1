import Foundation
import MetaformerData
import MetaformerGraph

/// Image files as frames, read as they are asked for. As many are kept as a limit of memory allows, so that small images are
/// decoded once and large ones do not add up. For one thread.
public final class FrameFiles {
    private let files: [URL]
    private let limit: Int
    private let bits: Int?
    private let isUnstated: Bool
    private let remark: (URL, String) -> Void
    private var remarked: Set<URL> = []
    /// Bits a sample of the files that were read, 8 or 16.
    public private(set) var depths: Set<Int> = []
    private var kept: [Int: Frame] = [:]
    private var keptBytes = 0
    /// Of each file that was read, its bytes and their digest.
    private var contents: [Int: (bytes: Int, digest: Digest)] = [:]

    /// - Parameters:
    ///   - files: image files.
    ///   - limit: the most memory for frames that are kept, bytes.
    ///   - bits: those in use of files of 16 bits a sample; nil for all.
    ///   - isUnstated: whether the engine is to tell them by the values over all files, in place of `bits`.
    ///   - remark: is called once for a file that is read although something about it is odd, with what that is.
    public init(
        _ files: [URL], limit: Int = 16 << 20, bits: Int? = nil, isUnstated: Bool = false,
        remark: @escaping (URL, String) -> Void = { _, _ in }
    ) {
        self.files = files
        self.bits = bits
        self.isUnstated = isUnstated
        self.remark = remark
        self.limit = limit
    }

    /// Whether all images are grey, by their headers.
    public func areGrey() throws -> Bool { try files.allSatisfy { try Image.isGrey(contentsOf: $0) } }

    /// Which files were read, for the file of a model that was adapted to them.
    ///
    /// - Parameter paths: those of all files within the folder that was given.
    public func record(named paths: [String]) -> AdaptationRecord {
        AdaptationRecord(
            files: contents.sorted { $0.key < $1.key }.map { index, contents in
                AdaptationRecord.File(path: paths[index], bytes: contents.bytes, checksum: contents.digest.text)
            })
    }

    /// The frame of a file. Throws an error that names the file where it cannot be read or is too small.
    public func frame(_ index: Int) throws -> Frame {
        if let frame = kept[index] { return frame }
        let file = files[index]
        let image = try Image(
            contentsOf: file, bits: bits,
            remark: { text in if remarked.insert(file).inserted { remark(file, text) } },
            contents: { data in if contents[index] == nil { contents[index] = (data.count, Digest(of: data)) } })
        depths.insert(image.bitDepth)
        let frame = try Frame(image, of: files[index].relativePath, isUnstated: isUnstated)
        if keptBytes + image.bytes.count <= limit {
            kept[index] = frame
            keptBytes += image.bytes.count
        }
        return frame
    }
}
