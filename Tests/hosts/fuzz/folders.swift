// Target: a folder of images in any layout. The input has a line for each file: its path, a tab, and what it holds.
import Foundation

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    for line in text.split(separator: "\n").prefix(40) {
        let fields = line.split(separator: "\t", maxSplits: 1).map(String.init)
        let path = fields[0].replacing("\0", with: "").split(separator: "/").filter { $0 != "." && $0 != ".." }
        guard let name = path.last, path.count < 8, path.allSatisfy({ $0.utf8.count < 100 }) else { continue }
        let folder = (["tree"] + path.dropLast().map(String.init)).joined(separator: "/")
        try? FileManager.default.createDirectory(
            at: Scratch.folder.appendingPathComponent(folder), withIntermediateDirectories: true)
        Scratch.write(Data((fields.dropFirst().first ?? "").replacing("\\n", with: "\n").utf8), "\(folder)/\(name)")
    }
    let tree = Scratch.folder.appendingPathComponent("tree")
    if let set = try? Dataset(directory: tree) {
        plant(set.items.count == 5)
        _ = LeftOutFile.grouped(set.leftOut)
    }
    try? FileManager.default.removeItem(at: tree)
    return 0
}
