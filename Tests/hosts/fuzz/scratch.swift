import Foundation

/// What the targets in Swift share: a folder in memory, of this process alone, which files are written to by calls of the system alone.
enum Scratch {
    static let folder: URL = {
        let folder = URL(fileURLWithPath: "/dev/shm/metaformer-fuzz-\(getpid())")
        mkdir(folder.path, 0o700)
        atexit { try? FileManager.default.removeItem(at: Scratch.folder) }
        for name in ["a.png", "b.png"] { write(UnsafeRawBufferPointer(start: nil, count: 0), "\(folder.path)/\(name)") }
        return folder
    }()

    static func write(_ bytes: UnsafeRawBufferPointer, _ path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { return }
        _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        close(descriptor)
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
