// Target: a CSV list of images, and as a list of images to adapt to.
import Foundation

private let list = Scratch.folder.appendingPathComponent("list.csv")

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    Scratch.write(UnsafeRawBufferPointer(start: bytes, count: count), list.path)
    let names = (try? TextFile(contentsOf: list).names) ?? []
    guard var set = try? Dataset(directory: list) else { return 0 }
    plant(set.items.count == 3 && set.items.contains { $0.label.isDefect })
    try? set.applyTrainingList(names)
    return 0
}
