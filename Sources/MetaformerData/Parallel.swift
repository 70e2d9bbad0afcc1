import Dispatch
import Foundation
import Synchronization

/// Work on many independent items, a few at a time.
public enum Parallel {
    /// What 0 threads stand for: one for every core that this process may use.
    package static func threadCount(_ requested: Int) -> Int {
        requested > 0 ? requested : ProcessInfo.processInfo.activeProcessorCount
    }

    /// Calls `body` once for every number below `count`, on at most `threads` threads (0: all cores), and gives the results in
    /// order. After an error no new item is begun; of several errors that of the smallest number is thrown.
    public static func map<Result: Sendable, Failure: Error>(
        count: Int, threads: Int, _ body: @Sendable (Int) throws(Failure) -> Result
    ) throws(Failure) -> [Result] {
        let state = Mutex(MapState<Result, Failure>(results: Array(repeating: nil, count: count)))
        let workers = min(threadCount(threads), count)
        DispatchQueue.concurrentPerform(iterations: workers) { _ in
            while true {
                let index = state.withLock { state -> Int? in
                    guard state.failure == nil, state.next < count else { return nil }
                    defer { state.next += 1 }
                    return state.next
                }
                guard let index else { return }
                do throws(Failure) {
                    let result = try body(index)
                    state.withLock { $0.results[index] = result }
                } catch {
                    state.withLock { state in
                        if state.failure.map({ index < $0.index }) ?? true { state.failure = (index, error) }
                    }
                }
            }
        }
        let (results, failure) = state.withLock { ($0.results, $0.failure) }
        if let failure { throw failure.error }
        return results.compactMap { $0 }
    }
}

private struct MapState<Result: Sendable, Failure: Error>: Sendable {
    var next = 0
    var results: [Result?]
    var failure: (index: Int, error: Failure)?
}
