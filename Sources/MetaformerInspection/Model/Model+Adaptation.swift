import MetaformerEngine
import MetaformerGraph
import MetaformerModels

extension Model {
    // MARK: Adaptation

    /// How a model is adapted.
    public struct AdaptationOptions: Hashable, Sendable {
        /// 0: one for each core.
        public var threads = 0
        /// nil for the model's own in this and the next two.
        public var epochs: Int?
        public var batch: Int?
        public var learningRate: Float?
        public var seed: UInt64 = 0
        /// Whether a mirrored product is still a good one.
        public var flips = false
        /// Random shifts of up to so many pixels of the model's input.
        public var shift = 0
        public var falseAlarmRate: Float = 0.02
        /// Of the new model; nil for the model's own.
        public var framing: Framing?
        /// Of the new model; nil for the model's own. `.int8` in closed form only.
        public var precision: Precision?
        /// Any option of `mf_adapt_options` that is a number, by its name there, such as "cache_bytes"; set after those above.
        public var named: [String: Double] = [:]

        public init() {}
    }

    /// A step of an adaptation: what is being done, how much of it is done, and the loss where there is one.
    public struct AdaptationProgress: Sendable {
        public let stage: String
        public let done: Int
        public let total: Int
        public let loss: Float
    }

    /// Adapts a model to a product, by good frames of it (Eq. 6, and the 30 epochs of the paper's Section 4), and sets the
    /// threshold from frames that were held out. `progress` returns whether to go on.
    public func adapted(
        to frames: [Frame], options: AdaptationOptions = AdaptationOptions(),
        progress: (AdaptationProgress) -> Bool = { _ in true }
    ) throws -> Model {
        try adapted(toFrames: frames.count, options: options, progress: progress) { frames[$0] }
    }

    /// The same with frames that are read as they are needed, one at a time and some of them twice: never more than one is in
    /// memory. What `frame` throws is thrown.
    public func adapted(
        toFrames count: Int, options: AdaptationOptions = AdaptationOptions(),
        progress: (AdaptationProgress) -> Bool = { _ in true }, frame: (Int) throws -> Frame
    ) throws -> Model {
        var settings = mf_adapt_options()
        settings.struct_size = MemoryLayout<mf_adapt_options>.size
        settings.threads = Int32(clamping: options.threads)
        settings.epochs = Int32(clamping: options.epochs ?? 0)
        settings.batch = Int32(clamping: options.batch ?? 0)
        settings.learning_rate = options.learningRate ?? 0
        settings.seed = options.seed
        settings.flips = options.flips ? 1 : 0
        settings.shift = Int32(clamping: options.shift)
        settings.false_alarm_rate = options.falseAlarmRate
        settings.framing = options.framing?.code ?? MF_FRAMING_OWN
        settings.precision = options.precision?.code ?? MF_PRECISION_DEFAULT
        for (name, value) in options.named.sorted(by: { $0.key < $1.key }) {
            try EngineError.check { mf_option_set("mf_adapt_options.\(name)", value, &settings, $0) }
        }
        return try Model.made(progress) { report, opaque, made in
            (settings.progress, settings.opaque) = (report, opaque)
            try FrameReader.with(frame) { source, error in
                settings.source = source
                return mf_adapt(handle, nil, count, &settings, &made, error)
            }
        }
    }

    // MARK: How good it is

    /// Which synthetic defects, painted into good images that were held out, the threshold finds.
    public struct SyntheticDefects: Sendable, Codable, Equatable {
        /// How many there were, and the share that is found: of all, and of each kind.
        public let count: Int
        public let found: Double
        public let kinds: [String: Double]
    }

    /// nil where the threshold was not set by an adaptation.
    public var syntheticDefects: SyntheticDefects? {
        let number = { (key: String) in self[setting: "synthetic.\(key)"].flatMap(Double.init) }
        guard let count = number("count"), let found = number("found") else { return nil }
        let kinds = ["patch", "scratch", "blotch"].compactMap { kind in number(kind).map { (kind, $0) } }
        return SyntheticDefects(
            count: Int(count), found: found, kinds: Dictionary(uniqueKeysWithValues: kinds))
    }

    // MARK: The threshold

    /// The same model with another threshold, to be saved with it.
    public func withThreshold(_ threshold: Float) throws -> Model {
        var changed: OpaquePointer?
        try EngineError.check { error in mf_model_set_threshold(handle, threshold, &changed, error) }
        guard let changed else { throw ModelError("the engine gave no model") }
        return Model(consuming: changed)
    }

    /// The same model with a threshold from further good frames, none of which it was adapted to: what a good frame exceeds
    /// with the false-alarm rate; with defective frames too, that with the best F1 over all. `progress` returns whether to go
    /// on.
    ///
    /// - Throws: an `EngineError` where the model knows no product, there is no good frame, or one cannot be inspected.
    public func calibrated(
        good: [Frame], defective: [Frame] = [], falseAlarmRate: Float = 0.02, threads: Int = 0,
        progress: (AdaptationProgress) -> Bool = { _ in true }
    ) throws -> Model {
        try calibrated(
            goodFrames: good.count, defective: defective, falseAlarmRate: falseAlarmRate, threads: threads,
            progress: progress
        ) { good[$0] }
    }

    /// The same with good frames that are read as they are needed, one at a time. What `frame` throws is thrown.
    public func calibrated(
        goodFrames count: Int, defective: [Frame] = [], falseAlarmRate: Float = 0.02, threads: Int = 0,
        takesAnyDepth: Bool = false, progress: (AdaptationProgress) -> Bool = { _ in true },
        frame: (Int) throws -> Frame
    ) throws -> Model {
        var settings = mf_calibrate_options()
        settings.struct_size = MemoryLayout<mf_calibrate_options>.size
        settings.threads = Int32(clamping: threads)
        settings.false_alarm_rate = falseAlarmRate
        settings.any_depth = takesAnyDepth ? 1 : 0
        return try Model.made(progress) { report, opaque, made in
            (settings.progress, settings.opaque) = (report, opaque)
            try Frame.withImages(defective) { bad in
                (settings.defective, settings.defective_count) = (bad.baseAddress, bad.count)
                try FrameReader.with(frame) { source, error in
                    settings.source = source
                    return mf_calibrate(handle, nil, count, &settings, &made, error)
                }
            }
        }
    }

    /// The model that a call of the engine makes, which reports to `progress` by what it is given.
    private static func made(
        _ progress: (AdaptationProgress) -> Bool,
        _ call: (mf_progress, UnsafeMutableRawPointer, inout OpaquePointer?) throws -> Void
    ) throws -> Model {
        var made: OpaquePointer?
        try withoutActuallyEscaping(progress) { progress in
            // The engine calls back on this thread, before the call returns.
            var report = progress
            try withUnsafeMutablePointer(to: &report) { pointer in
                let send: mf_progress = { opaque, stage, done, total, loss in
                    guard let opaque, let stage else { return 0 }
                    let report = opaque.assumingMemoryBound(to: ((AdaptationProgress) -> Bool).self).pointee
                    let step = AdaptationProgress(stage: String(cString: stage), done: done, total: total, loss: loss)
                    return report(step) ? 0 : 1
                }
                try call(send, UnsafeMutableRawPointer(pointer), &made)
            }
        }
        guard let made else { throw ModelError("the engine gave no model") }
        return Model(consuming: made)
    }
}

/// Frames as the engine asks for them.
private final class FrameReader {
    private let frame: (Int) throws -> Frame
    /// The frame that the engine works on, and what went wrong with one.
    private var current: Frame?
    private var failure: (any Error)?

    private init(_ frame: @escaping (Int) throws -> Frame) { self.frame = frame }

    /// Calls the engine with a source that reads by `frame`.
    static func with(
        _ frame: (Int) throws -> Frame,
        _ call: (UnsafePointer<mf_frame_source>, UnsafeMutablePointer<mf_error>) -> mf_status
    ) throws {
        try withoutActuallyEscaping(frame) { frame in
            let reader = FrameReader(frame)
            var source = mf_frame_source()
            source.struct_size = MemoryLayout<mf_frame_source>.size
            source.opaque = Unmanaged.passUnretained(reader).toOpaque()
            source.read = { opaque, index, frame, _ in
                guard let opaque, let frame else { return 1 }
                return Unmanaged<FrameReader>.fromOpaque(opaque).takeUnretainedValue().read(index, into: frame) ? 0 : 1
            }
            do {
                try withExtendedLifetime(reader) {
                    try withUnsafePointer(to: source) { source in try EngineError.check { call(source, $0) } }
                }
            } catch {
                throw reader.failure ?? error
            }
        }
    }

    private func read(_ index: Int, into out: UnsafeMutablePointer<mf_image>) -> Bool {
        do {
            let frame = try frame(index)
            current = frame
            frame.withImage { out.pointee = $0.pointee }
            return true
        } catch {
            failure = error
            return false
        }
    }
}
