import MetaformerEngine
import MetaformerGraph
import MetaformerModels

/// Inspects frames with a model: what one thread needs for it. Allocates nothing in the engine after it was made, but for
/// frames that are tiled and wider than all before them.
public final class Inspector {
    private let model: Model
    private let threads: Int
    private var context: OpaquePointer
    private var maxWidth = 8192
    private var threshold: Float?
    private var takesAnyDepth = false
    /// The model's input: rows and columns.
    public let inputHeight: Int
    public let inputWidth: Int

    public init(_ model: Model, threads: Int = 0) throws {
        self.model = model
        self.threads = threads
        context = try Inspector.makeContext(model, threads: threads, maxWidth: maxWidth)
        inputHeight = model[setting: "input.height"].flatMap(Int.init) ?? 0
        inputWidth = model[setting: "input.width"].flatMap(Int.init) ?? 0
    }

    /// How frames come to the model.
    public var framing: Framing { model[setting: "input.framing"].flatMap(Framing.init) ?? .stretch }

    deinit { mf_context_release(context) }

    private static func makeContext(_ model: Model, threads: Int, maxWidth: Int) throws -> OpaquePointer {
        var options = mf_context_options()
        options.struct_size = MemoryLayout<mf_context_options>.size
        options.threads = Int32(clamping: threads)
        options.max_width = Int32(clamping: maxWidth)
        var context: OpaquePointer?
        try EngineError.check { error in mf_context_create(model.handle, &options, &context, error) }
        guard let context else { throw ModelError("the engine gave no context") }
        return context
    }

    /// Compares scores with another threshold than the model's; infinity where scores and maps alone are wanted, which a model
    /// that knows no product gives as well.
    public func setThreshold(_ threshold: Float) throws {
        try check(mf_context_set_threshold(context, threshold))
        self.threshold = threshold
    }

    /// Takes frames that state another depth than the model's as they are, where that was recognised by values.
    public func takeAnyDepth() throws {
        try check(mf_context_set_any_depth(context, 1))
        takesAnyDepth = true
    }

    /// Makes room for frames of a width.
    private func widen(to width: Int) throws {
        guard width > maxWidth, width <= Int(MF_MAX_SIDE) else { return }
        let wider = try Inspector.makeContext(model, threads: threads, maxWidth: width)
        mf_context_release(context)
        context = wider
        maxWidth = width
        if let threshold { try setThreshold(threshold) }
        if takesAnyDepth { try takeAnyDepth() }
    }

    /// Inspects a frame; throws where the model knows no product and no threshold was set. `wantsMap` asks for the anomaly map at the frame's own size.
    public func inspect(_ frame: Frame, wantsMap: Bool = false) throws -> Inspection {
        try widen(to: frame.width)
        var map = [Float](repeating: 0, count: wantsMap ? frame.width * frame.height : 0)
        var result = mf_result()
        result.struct_size = MemoryLayout<mf_result>.size
        try map.withUnsafeMutableBufferPointer { values in
            var view = mf_map(
                struct_size: MemoryLayout<mf_map>.size, width: Int32(clamping: frame.width),
                height: Int32(clamping: frame.height), row_stride: frame.width * MemoryLayout<Float>.stride,
                data: values.baseAddress)
            try frame.withImage { image in
                try check(
                    wantsMap
                        ? mf_inspect(context, image, nil, &view, &result)
                        : mf_inspect(context, image, nil, nil, &result))
            }
        }
        let regions = withUnsafeBytes(of: result.regions) { bytes in
            bytes.bindMemory(to: mf_region.self).prefix(Int(result.region_count)).map {
                Inspection.Region(
                    x: Int($0.x), y: Int($0.y), width: Int($0.width), height: Int($0.height), area: Int($0.area),
                    peak: $0.peak)
            }
        }
        return Inspection(
            score: result.score, threshold: result.threshold, regions: regions,
            seconds: Double(result.elapsed_ns) * 1e-9, map: map,
            unlikeness: Inspection.Unlikeness.of(result.unlike_reasons))
    }

    /// The map of the last inspection at any size, rows from top to bottom. Throws where the frame was tiled.
    public func map(width: Int, height: Int) throws -> [Float] {
        var values = [Float](repeating: 0, count: width * height)
        try values.withUnsafeMutableBufferPointer { buffer in
            var view = mf_map(
                struct_size: MemoryLayout<mf_map>.size, width: Int32(clamping: width), height: Int32(clamping: height),
                row_stride: width * MemoryLayout<Float>.stride, data: buffer.baseAddress)
            try check(mf_context_map(context, &view))
        }
        return values
    }

    /// A plane of the last inspection at the model's own size (of the last tile, where frames are tiled), channels first:
    /// "image", "reconstruction", "map", and "response" where the model has a prior.
    public func plane(_ name: String) throws -> [Float] {
        var count = 0
        try check(mf_context_plane(context, name, nil, &count))
        var values = [Float](repeating: 0, count: count)
        try check(mf_context_plane(context, name, &values, &count))
        return values
    }

    private func check(_ status: mf_status) throws {
        guard status != MF_OK else { return }
        throw ModelError(String(cString: mf_context_error(context)))
    }
}
