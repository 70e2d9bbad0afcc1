import Foundation
import Synchronization

/// How far long work has come, on one line of standard error, with the time left.
///
/// Where standard error is no terminal, a line is added every half minute instead. Nothing is shown when `quiet` is set, and
/// before two seconds have gone by. All methods may be called from any thread.
final class ProgressBar: Sendable {
    private struct State {
        var done = 0
        var isShown = false
        var lastDrawn = ContinuousClock.now
    }

    private let total: Int
    private let label: String
    private let isEnabled: Bool
    private let isTerminal: Bool
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(total: Int, label: String, quiet: Bool) {
        self.total = total
        self.label = label
        isEnabled = !quiet && total > 0
        isTerminal = isatty(STDERR_FILENO) == 1
    }

    func advance(by count: Int = 1) {
        guard isEnabled else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            state.done += count
            guard isTerminal else {
                guard now - state.lastDrawn > .seconds(30) else { return }
                state.lastDrawn = now
                return write(
                    ProgressBar.line(label: label, done: state.done, total: total, elapsed: now - start) + "\n")
            }
            guard now - start > .seconds(2), now - state.lastDrawn > .milliseconds(100) else { return }
            state.lastDrawn = now
            state.isShown = true
            // Back to the start of the line; what a longer line left behind it is wiped.
            write("\r\u{1B}[K" + ProgressBar.line(label: label, done: state.done, total: total, elapsed: now - start))
        }
    }

    /// Wipes the line.
    func finish() {
        state.withLock { state in
            if state.isShown { write("\r\u{1B}[K") }
            state.isShown = false
        }
    }

    /// The line as it is shown, within 80 columns for labels of up to 20.
    static func line(label: String, done: Int, total: Int, elapsed: Duration) -> String {
        let width = 24
        let fraction = min(1, Double(done) / Double(max(1, total)))
        let filled = Int(fraction * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        let left = done > 0 ? Int((seconds * Double(max(0, total - done)) / Double(done)).rounded(.up)) : 0
        return "\(label) [\(bar)] \(done)/\(total)  \(clock(left)) left"
    }

    private static func clock(_ seconds: Int) -> String {
        let twoDigits = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0
            ? "\(hours):\(twoDigits(minutes)):\(twoDigits(seconds % 60))" : "\(minutes):\(twoDigits(seconds % 60))"
    }

    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}

/// How far work of several stages has come: a bar for each, one after the other.
struct StagedProgress {
    private let quiet: Bool
    private var shown: (label: String, bar: ProgressBar)?

    init(quiet: Bool) { self.quiet = quiet }

    mutating func advance(_ label: String, total: Int) {
        if shown?.label != label {
            finish()
            shown = (label, ProgressBar(total: total, label: label, quiet: quiet))
        }
        shown?.bar.advance()
    }

    func finish() { shown?.bar.finish() }
}
