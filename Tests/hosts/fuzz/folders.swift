// Target: a folder of images in any layout. The input has a line for each file: its path, a tab, and what it holds; > and a path in place
// of that make a link to a folder.
import Foundation

private let tree = Scratch.folder.appendingPathComponent("tree")
private let mostFiles = 16

/// The parts of a path that stays below the tree; none where it is too long.
private func parts(_ path: Substring) -> [Substring] {
    let parts = path.prefix { $0 != "\0" }.split(separator: "/").filter { $0 != "." && $0 != ".." }
    return parts.count < 8 && parts.allSatisfy { $0.utf8.count < 100 } ? parts : []
}

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    var (folders, files) = ([tree.path], [String]())
    mkdir(tree.path, 0o700)
    for line in text.split(separator: "\n").prefix(mostFiles) {
        let fields = line.split(separator: "\t", maxSplits: 1)
        let path = parts(fields.first ?? "")
        guard !path.isEmpty else { continue }
        var place = tree.path
        for name in path.dropLast() {
            place += "/" + name
            if mkdir(place, 0o700) == 0 { folders.append(place) }
        }
        place += "/" + path[path.count - 1]
        files.append(place)
        let content = fields.dropFirst().first ?? ""
        if content.hasPrefix(">") {
            symlink(([tree.path[...]] + parts(content.dropFirst())).joined(separator: "/"), place)
        } else {
            Array(content.replacing("\\n", with: "\n").utf8).withUnsafeBytes { Scratch.write($0, place) }
        }
    }
    if let set = try? Dataset(directory: tree) {
        plant(set.items.count == 5)
        _ = LeftOutFile.grouped(set.leftOut)
    }
    for file in files { unlink(file) }
    for folder in folders.reversed() { rmdir(folder) }
    return 0
}
