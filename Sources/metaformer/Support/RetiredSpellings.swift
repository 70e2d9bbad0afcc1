import Foundation

/// Spellings of the previous version, which are still understood, with a remark.
enum RetiredSpellings {
    /// The arguments in today's words, and a remark for each that is new.
    static func updated(_ arguments: [String]) -> (arguments: [String], remarks: [String]) {
        var remarks: [String] = []
        let words = arguments.indices.map { index -> String in
            let word = arguments[index]
            guard let new = replacement(of: word, after: index > 0 ? arguments[index - 1] : "") else { return word }
            remarks.append("'\(word)' is called '\(new)' now; the former spelling will go with the next version")
            return new
        }
        return (words, remarks)
    }

    private static func replacement(of word: String, after previous: String) -> String? {
        switch (previous, word) {
        case ("prior", "judge"): "evaluate"
        case ("--framing", "fit"): "letterbox"
        case (_, "--framing=fit"): "--framing=letterbox"
        case (_, "--guess"): "--heuristic"
        case (_, let option) where option.hasPrefix("--guess="): "--heuristic=" + option.dropFirst("--guess=".count)
        default: nil
        }
    }
}
