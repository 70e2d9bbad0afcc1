import Foundation

/// What the targets in Swift share: a folder in memory, of this process alone.
enum Scratch {
    static let folder: URL = {
        let folder = URL(fileURLWithPath: "/dev/shm/metaformer-fuzz-\(getpid())")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: Scratch.folder) }
        for name in ["a.png", "b.png"] { write(Data(), name, in: folder) }
        return folder
    }()

    static func write(_ data: Data, _ name: String) { write(data, name, in: folder) }

    private static func write(_ data: Data, _ name: String, in folder: URL) {
        try? data.write(to: folder.appendingPathComponent(name))
    }
}

/// A bug to prove that a target finds bugs: a byte beyond a block is read once the target got as far as it is to get.
func plant(_ condition: Bool) {
    #if PLANTED_BUG
        if condition {
            let block = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
            block[0] = UnsafeMutableRawPointer(block).load(fromByteOffset: 1, as: UInt8.self)
            print(block[0])
        }
    #endif
}
