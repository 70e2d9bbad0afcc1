import Dispatch
import Synchronization

/// Work that other threads do while the next image is inspected: so much at a time that memory stays bounded.
final class WriterPool: Sendable {
    private let slots: DispatchSemaphore
    private let group = DispatchGroup()
    private let failure = Mutex<(any Error)?>(nil)

    /// - Parameter capacity: pieces of work that may wait or run at once.
    init(capacity: Int = 3) { slots = DispatchSemaphore(value: capacity) }

    /// Begins a piece of work; waits while too many are under way. Throws what an earlier one has thrown.
    func submit(_ work: @escaping @Sendable () throws -> Void) throws {
        slots.wait()
        if let error = failure.withLock({ $0 }) {
            slots.signal()
            throw error
        }
        DispatchQueue.global().async(group: group) { [self] in
            defer { slots.signal() }
            do { try work() } catch { failure.withLock { $0 = $0 ?? error } }
        }
    }

    /// Waits for all of it.
    func finish() throws {
        group.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
