// Target: a file of meta-tasks.
import Foundation

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    Scratch.write(Data(bytes: bytes, count: count), "tasks.json")
    let file = Scratch.folder.appendingPathComponent("tasks.json")
    if let tasks = try? TaskSet(contentsOf: file, directory: Scratch.folder.path) {
        plant(tasks.seed != 0)
        _ = tasks.imageCount
    }
    return 0
}
