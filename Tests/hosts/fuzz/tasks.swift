// Target: a file of meta-tasks.
import Foundation

private let file = Scratch.folder.appendingPathComponent("tasks.json")

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    Scratch.write(UnsafeRawBufferPointer(start: bytes, count: count), file.path)
    if let tasks = try? TaskSet(contentsOf: file, directory: Scratch.folder.path) {
        plant(tasks.seed != 0)
        _ = tasks.imageCount
    }
    return 0
}
