import Foundation

extension Dataset {
    /// Splits the data set by a table that names each image's group, in the columns `file` and `group`: no group is in both parts, and
    /// a fifth of the good images is for testing.
    ///
    /// - Throws: where the table cannot be read or lacks a column; see `applyGroups`.
    public mutating func applyGroups(contentsOf url: URL, seed: UInt64 = 0) throws(DatasetError) {
        let table = try CSVTable(contentsOf: url)
        let file = try table.column("file", of: url)
        guard let group = table.columns.firstIndex(where: { $0.hasPrefix("group") }) else {
            throw .table(path: url.relativePath, line: 1, reason: "no column whose name begins with group")
        }
        let pairs = table.rows.map { ($0.fields[file], $0.fields[group]) }
        try applyGroups(Dictionary(pairs, uniquingKeysWith: { first, _ in first }), seed: seed)
    }
}
