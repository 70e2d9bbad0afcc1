import MetaformerModels

/// All settings of a meta-training run.
public struct MetaTrainingConfiguration: Hashable, Sendable, Codable {
    public var architecture: Metaformer.Configuration
    public var mode = LearningMode.maml
    public var inner = InnerLoop()
    /// β of Eq. 5, and how it falls.
    public var outerRate = LearningRateSchedule(start: 1e-4, decay: 0.9, interval: 20)
    /// The rate at which learned inner rates change, where they are.
    public var rateOfRates: Float = 1e-2
    /// The meta-gradient is scaled down to this norm; 0: never.
    public var maximumNorm: Float = 1
    /// An epoch shows every task once.
    public var epochs = 100
    /// Epochs at the start in which `maml` goes by first-order gradients (MAML++, Antoniou et al., 2019).
    public var firstOrderEpochs = 5
    public var tasksPerStep = 4
    /// Images that a task adapts to, and images that it is evaluated by.
    public var supportSize = 8
    public var querySize = 8
    /// Whether the query is the support itself, as Eq. 4 literally says; else they are disjoint.
    public var sharesSupport = false
    /// The share of tasks made of jittered views of a single image, which look more like one product than a group of
    /// similar photos does.
    public var oneImageShare: Float = 0
    /// The share of query images into which patches of other tasks are blended, while the loss asks for the image
    /// without them: the adapted model learns not to reconstruct what does not belong.
    public var repairShare: Float = 0
    /// The share of tasks that are held out for validation.
    public var validationShare = 0.1
    /// Training stops after so many epochs without a better validation loss; 0: never.
    public var patience = 20
    public var microBatch = MetaTrainingConfiguration.standardMicroBatch
    public var seed: UInt64 = 0

    /// Images that go through the programs at once where nothing else is said.
    public static let standardMicroBatch = 2

    public init(architecture: Metaformer.Configuration) { self.architecture = architecture }

    /// The paper's settings, as far as it gives them, literally.
    public static func paper(architecture: Metaformer.Configuration) -> MetaTrainingConfiguration {
        var configuration = MetaTrainingConfiguration(architecture: architecture)
        configuration.maximumNorm = 0
        configuration.firstOrderEpochs = 0
        configuration.sharesSupport = true
        configuration.supportSize = 16
        configuration.querySize = 16
        configuration.patience = 0
        return configuration
    }

    /// Throws an error that names the setting where one cannot be.
    public func check() throws {
        func require(_ condition: Bool, _ text: String) throws { if !condition { throw TrainingError(text) } }
        try require(epochs >= 1 && tasksPerStep >= 1, "epochs and tasks a step must be at least 1")
        try require(supportSize >= 1 && querySize >= 1, "support and query must have at least 1 image each")
        try require((0...1).contains(oneImageShare), "the share of tasks from one image must be 0 to 1")
        try require((0...1).contains(repairShare), "the share of queries to repair must be 0 to 1")
        try require((0..<1).contains(validationShare), "the share of tasks for validation must be 0 to under 1")
        try require(outerRate.start > 0 && outerRate.start < 1, "the outer learning rate must be above 0 and under 1")
        try require(microBatch >= 1, "a micro-batch must have at least 1 image")
    }
}
