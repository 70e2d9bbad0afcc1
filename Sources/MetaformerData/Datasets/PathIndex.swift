/// Finds files by their paths, or by the last parts of these.
struct PathIndex {
    private var byName: [String: [(path: [Substring], index: Int)]] = [:]

    init(_ paths: [(path: String, index: Int)]) {
        for (path, index) in paths {
            let parts = path.split(separator: "/")
            byName[String(parts.last ?? ""), default: []].append((parts, index))
        }
    }

    /// The files that a path names: the one that has it, else all that end with it. Backslashes are taken for slashes.
    subscript(name: String) -> [Int] {
        let parts = name.replacing("\\", with: "/").split(separator: "/").filter { $0 != "." }
        let candidates = byName[String(parts.last ?? "")] ?? []
        if let whole = candidates.first(where: { $0.path.elementsEqual(parts) }) { return [whole.index] }
        return candidates.filter { $0.path.count >= parts.count && $0.path.suffix(parts.count).elementsEqual(parts) }
            .map(\.index)
    }
}
