import Foundation
import Glibc

/// What the system says of a file or a folder, links followed.
public struct FileStatus: Sendable, Equatable {
    /// Bytes.
    public let size: Int
    /// Seconds since 1970.
    public let modified: Double
    public let isFolder: Bool
    /// Whether it is a file of bytes: reading a pipe or a device may wait for ever.
    public let isRegular: Bool
    /// What tells it from all others, by whatever path it is reached.
    public let identity: Identity

    public struct Identity: Sendable, Hashable {
        let device: dev_t
        let number: ino_t
    }

    /// nil where there is nothing, or nothing that may be looked at.
    public init?(_ url: URL) { self.init(path: url.path) }

    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        size = Int(status.st_size)
        modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
        isFolder = status.st_mode & S_IFMT == S_IFDIR
        isRegular = status.st_mode & S_IFMT == S_IFREG
        identity = Identity(device: status.st_dev, number: status.st_ino)
    }
}

/// What tells whether a file has changed.
package struct FileStamp: Codable, Equatable, Sendable {
    package let size: Int
    /// Seconds since 1970.
    package let modified: Double

    /// nil where there is no such file.
    package init?(_ url: URL) {
        guard let status = FileStatus(url) else { return nil }
        (size, modified) = (status.size, status.modified)
    }
}

/// Folders that are made with messages of the system's own.
public enum Folder {
    /// Makes a folder, and those on the way to it, where they are not there yet.
    public static func make(_ url: URL) throws(AtomicFile.WriteError) {
        if FileStatus(url)?.isFolder == true { return }
        let parent = url.deletingLastPathComponent()
        if parent.path != url.path { try make(parent) }
        guard mkdir(url.path, 0o777) != 0 else { return }
        let code = errno
        if code == EEXIST, FileStatus(url)?.isFolder == true { return }
        throw AtomicFile.WriteError(errno: code)
    }
}

/// Why a folder cannot be written to.
package struct FolderError: Error, CustomStringConvertible, LocalizedError {
    package let description: String
    package var errorDescription: String? { description }

    init(_ description: String) { self.description = description }
}

/// A folder that one run at a time writes to.
public final class FolderLock: Sendable {
    public static let fileName = ".lock"

    private let descriptor: Int32
    private let path: String

    /// nil where another run holds it.
    ///
    /// - Throws: where the folder cannot be written to.
    public init?(_ folder: URL) throws(AtomicFile.WriteError) {
        path = folder.appendingPathComponent(FolderLock.fileName).path
        while true {
            let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard opened >= 0 else { throw AtomicFile.WriteError(errno: errno) }
            guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
                close(opened)
                return nil
            }
            // The run before may have removed the file between the two calls.
            var (ours, theirs) = (stat(), stat())
            if fstat(opened, &ours) == 0, stat(path, &theirs) == 0, ours.st_ino == theirs.st_ino {
                descriptor = opened
                return
            }
            close(opened)
        }
    }

    /// Makes the folder where there is none, and locks it; throws an error that names it where it cannot be written to.
    package static func taking(_ path: String) throws(FolderError) -> FolderLock {
        let url = URL(fileURLWithPath: path)
        if let status = FileStatus(url), !status.isFolder {
            throw FolderError("\(path): is a file; name a folder to write")
        }
        do {
            try Folder.make(url)
        } catch {
            let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) != nil
            throw FolderError(
                isLink ? "\(path): is a link to a folder that is not there" : "\(path): cannot be made: \(error)")
        }
        do {
            if let lock = try FolderLock(url) { return lock }
        } catch {
            throw FolderError("\(path): cannot be written to: \(error)")
        }
        throw FolderError("\(path): another run is writing to it; wait for it, or name another folder")
    }

    deinit {
        unlink(path)
        close(descriptor)
    }
}
