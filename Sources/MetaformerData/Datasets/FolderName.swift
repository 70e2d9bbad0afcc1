/// What the name of a folder tells of the images in it.
enum FolderName: Hashable {
    /// A part of a data set: train, test or validation.
    case part(Split)
    case good
    /// Defective, without saying how.
    case defective
    case masks
    /// Nothing is known of these images.
    case unlabelled
    /// A lot, a date, a camera, or a mere container such as `images`: it says nothing of what is in it.
    case container
    /// What a program has made of images.
    case results
    /// A word that means nothing by itself: beside good images, a kind of defect.
    case other

    /// Names are compared without regard to case, blanks, dots, dashes and underscores.
    init(_ name: String) {
        let word = name.lowercased().filter { !" -_.".contains($0) }
        if let known = FolderName.words[word] {
            self = known
        } else if FolderName.isSeries(name.lowercased()) {
            self = .container
        } else {
            self = .other
        }
    }

    private static let words: [String: FolderName] = {
        let groups: [(FolderName, String)] = [
            (.part(.train), "train training trainset"), (.part(.test), "test testing testset"),
            (.part(.validation), "validation valid val"),
            (
                .good,
                "good goods normal ok okay pass passed free defectfree anomalyfree nondefective nodefect nondefect "
                    + "io gut gutteile 良品"
            ),
            (
                .defective,
                "defect defects defective anomaly anomalies anomalous abnormal bad nok ng ko notok notgood nogood fail failed "
                    + "fails faulty reject rejected rejects nio schlecht ausschuss 不良 不良品"
            ),
            (
                .masks,
                "mask masks groundtruth groundtruths gt label labels annotation annotations segmentation segmentations"
            ),
            (.unlabelled, "unlabelled unlabeled unknown unsorted unclassified"),
            (.container, "images image imgs img pictures photos frames data captures raw input inputs"),
            (.results, "results result output outputs predictions heatmaps overlays anomalymaps"),
        ]
        let pairs = groups.flatMap { meaning, words in words.split(separator: " ").map { (String($0), meaning) } }
        return Dictionary(uniqueKeysWithValues: pairs)
    }()

    private static let seriesWords = [
        "lot", "batch", "charge", "date", "day", "week", "month", "year", "shift", "run", "session", "series", "cam",
        "camera", "line", "station", "tray", "kw",
    ]

    /// Dates, times and numbers (2026-11-01, 20261101_0730, 7), also after the word for a series (lot7, cam 2, week_44), and a
    /// letter set off from it (line-b). Without regular expressions, which are compiled each time: a set may have many folders.
    private static func isSeries(_ name: String) -> Bool {
        if isNumber(name[...]) { return true }
        return seriesWords.contains { word in
            guard name.hasPrefix(word) else { return false }
            let rest = name.dropFirst(word.count)
            let last = rest.drop { "._ -".contains($0) }
            return isNumber(last)
                || last.count == 1 && last.count < rest.count && last.allSatisfy { ("a"..."z").contains($0) }
        }
    }

    /// A digit, and then digits and what stands between those of dates and times.
    private static func isNumber(_ text: Substring) -> Bool {
        guard let first = text.first, ("0"..."9").contains(first) else { return false }
        return text.allSatisfy { "0123456789tz._: -".contains($0) }
    }
}

extension FolderListing {
    /// Whether a program of ours has written this folder: by the files that only its results have.
    var isResults: Bool {
        let names = Set(others)
        return names.contains("units.jsonl") || names.contains("inspection.jsonl")
            || names.isSuperset(of: ["results.json", "results.csv"])
    }
}

func isGood(_ folder: String) -> Bool { FolderName(folder) == .good }
