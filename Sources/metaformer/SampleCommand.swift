import ArgumentParser
import Foundation
import MetaformerData

struct SampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Writes a rendered sample product to try everything with.",
        discussion: """
            Photographs of a turned flange, good and defective, with exact masks, in the layout of MVTec AD. The folder is \
            made, or must be empty or an earlier sample, which is then replaced.
            """
    )

    @Argument(help: ArgumentHelp("The folder to write.", valueName: "dir"), completion: .directory)
    var directory: String

    @OptionGroup var common: CommonOptions

    private struct Result: Encodable {
        let path: String
        let seed: UInt64
        let trainGood: Int
        let testGood: Int
        let testDefective: [String: Int]
    }

    func validate() throws { try CommonOptions.requirePath(directory, named: "<dir>") }

    func run() throws {
        let product = SampleProduct(seed: common.seed)
        let progress = ProgressBar(total: product.items.count, label: "drawing", quiet: common.quiet)
        defer { progress.finish() }
        try product.write(to: URL(fileURLWithPath: directory), threads: common.threads) { progress.advance() }
        progress.finish()

        let result = Result(
            path: directory, seed: common.seed, trainGood: product.trainingCount,
            testGood: product.testCount,
            testDefective: Dictionary(
                uniqueKeysWithValues: SampleProduct.defects.map { ($0, product.defectCount) }))
        if common.json { try common.printJSON(result) }
        common.remark(
            """
            \(directory): \(result.trainGood) good images to adapt to; to test with, \(result.testGood) good ones and
            \(product.defectCount) each with \(SampleProduct.defects.joined(separator: ", "))
            """)
    }
}
