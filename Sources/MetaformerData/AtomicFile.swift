import Foundation
import Glibc
import MetaformerEngine
import Synchronization

/// Files that are there whole or not at all.
public enum AtomicFile {
    /// Why a file could not be written, in the words of the operating system.
    public struct WriteError: Error, Equatable, Sendable, CustomStringConvertible {
        public let message: String
        public var description: String { message }

        /// The message of the `errno` that a system call has just left.
        init(errno code: Int32) { message = String(cString: strerror(code)) }
    }

    /// Writes a file through a temporary one beside it, which is synced and then renamed: whatever happens on the way,
    /// what `url` names is either as it was or complete.
    public static func write(_ data: Data, to url: URL) throws(WriteError) {
        try place(data, at: url, mode: 0o644) { rename($0, $1) }
    }

    /// Writes a file that must not be there yet, which nobody can read with other rights in between.
    public static func create(_ data: Data, at url: URL, mode: mode_t) throws(WriteError) {
        try place(data, at: url, mode: mode) { temporary, path in
            guard link(temporary, path) == 0 else { return -1 }
            unlink(temporary)
            return 0
        }
    }

    /// The bytes of a file, nil where there is none. Throws where there is one that cannot be read: who took that for none would
    /// write over it.
    public static func contents(of url: URL) throws -> Data? {
        FileStatus(url) == nil ? nil : try Data(contentsOf: url)
    }

    private static func place(
        _ data: Data, at url: URL, mode: mode_t, by move: (UnsafePointer<CChar>, String) -> Int32
    ) throws(WriteError) {
        let folder = url.deletingLastPathComponent().path
        if swept.withLock({ $0.insert(folder).inserted }) { mf_temporary_sweep(url.path) }
        var template = [CChar](repeating: 0, count: Int(PATH_MAX))
        let descriptor = mf_temporary_make(url.path, &template, template.count)
        guard descriptor >= 0 else { throw WriteError(errno: errno) }
        do throws(WriteError) {
            try fill(descriptor, with: data, mode: mode)
            guard move(template, url.path) == 0 else { throw WriteError(errno: errno) }
        } catch {
            unlink(template)
            throw error
        }
        syncFolder(folder)
    }

    /// Folders that have been searched for what killed processes left: once is enough, for there may be thousands of files.
    private static let swept = Mutex<Set<String>>([])

    /// Writes all of the data to an open file, from where it stands.
    public static func append(_ data: Data, to descriptor: Int32) throws(WriteError) {
        let failure = data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Int32 in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return errno }
            }
            return 0
        }
        guard failure == 0 else { throw WriteError(errno: failure) }
    }

    /// Makes what was appended outlive a power cut.
    public static func synchronize(_ descriptor: Int32) throws(WriteError) {
        guard sync(descriptor) == 0 else { throw WriteError(errno: errno) }
    }

    private static func fill(_ descriptor: Int32, with data: Data, mode: mode_t) throws(WriteError) {
        var failure: WriteError?
        do throws(WriteError) {
            try append(data, to: descriptor)
            // A temporary file is private until it is whole.
            guard fchmod(descriptor, mode) == 0, sync(descriptor) == 0 else { throw WriteError(errno: errno) }
        } catch {
            failure = error
        }
        // A signal is no failure: Linux has closed it.
        if close(descriptor) != 0 && errno != EINTR && failure == nil { failure = WriteError(errno: errno) }
        if let failure { throw failure }
    }

    private static func sync(_ descriptor: Int32) -> Int32 {
        while true {
            let result = fsync(descriptor)
            if result == 0 || errno != EINTR { return result }
        }
    }

    /// Makes the renaming itself outlive a power cut, where the file system can.
    private static func syncFolder(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else { return }
        _ = sync(descriptor)
        close(descriptor)
    }
}
