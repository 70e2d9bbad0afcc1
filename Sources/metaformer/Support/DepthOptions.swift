import ArgumentParser
import Foundation
import MetaformerData
import MetaformerInspection

/// How files of 16 bits a sample are read.
struct DepthOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            How many bits of 16-bit files are in use: 8, 10, 12, 14 or 16. Where left out it is told by the values over all \
            images, and a model must have been adapted from images of as many bits.
            """, valueName: "n"))
    var bits: Int?

    func validate() throws {
        if let bits, !SampleDepth.choices.contains(bits) {
            throw ValidationError("--bits is \(bits); give 8, 10, 12, 14 or 16.")
        }
    }

    /// The bits to read 16-bit files with, nil for all, and says so.
    ///
    /// - Parameter model: The model that the images are for, where it was adapted already. Throws where they do not fit it.
    func resolve(for urls: [URL], model: Model? = nil, _ common: CommonOptions) throws -> Int? {
        if let bits { return bits }
        let depth = SampleDepth(of: urls, threads: common.threads)
        if let text = depth.text { common.remark("\(text) (--bits says otherwise)") }
        guard let adaptedBits = model?[setting: "adapted.bits"].flatMap(Int.init) else { return depth.bits }
        return try depth.fitting(adaptedBits: adaptedBits).get()
    }
}
