import TestSupport
import Testing

/// What the previous version called otherwise is still understood.
@Suite("Retired spellings") struct RetiredSpellingTests {
    @Test(
        "are read as today's words, with a remark",
        arguments: [
            (["prior", "judge", "--help"], "prior evaluate", "'judge' is called 'evaluate' now"),
            (
                ["prior", "train", "--guess", "dominant-hue", "--help"], "--heuristic",
                "'--guess' is called '--heuristic' now"
            ),
            (["adapt", "--framing", "fit", "--help"], "--framing", "'fit' is called 'letterbox' now"),
        ])
    func understood(arguments: [String], text: String, remark: String) throws {
        let folder = try TemporaryFolder()
        let outcome = try Program.run(arguments, in: folder.url)
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.contains(text))
        #expect(outcome.errors.contains(remark))
    }
}
