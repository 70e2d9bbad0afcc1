import MetaformerGraph

/// A classification network without its classifier: what k-means compares images by, and feature detectors their patches.
///
/// Parameters have the names of torchvision (ResNet18) or of efficientnet-lite-pytorch (EfficientNet-Lite0), so that
/// converted weights fit. Batch normalisation uses its stored statistics.
public struct FeatureNetwork: Hashable, Sendable {
    public enum Architecture: String, Sendable, Codable, CaseIterable {
        /// He et al., "Deep residual learning for image recognition", 2016: 512 features.
        case resNet18 = "resnet18"
        /// Tan and Le, "EfficientNet", 2019, in its variant for small devices: 1280 features.
        case efficientNetLite0 = "efficientnet-lite0"

        /// The network that tensors of these names are of, by that of its first layer; nil for any other.
        public init?(tensorNames: some Sequence<String>) {
            let names = Set(tensorNames)
            guard
                let match = [("conv1.weight", Self.resNet18), ("_conv_stem.weight", .efficientNetLite0)].first(
                    where: { names.contains($0.0) })
            else { return nil }
            self = match.1
        }
    }

    public let architecture: Architecture
    /// All channels are divided by this: 1 for published weights, more for tests.
    let divisor: Int

    public init(_ architecture: Architecture) { self.init(architecture, divisor: 1) }

    init(_ architecture: Architecture, divisor: Int) {
        self.architecture = architecture
        self.divisor = divisor
    }

    /// Height and width that the networks were trained at.
    public static let imageSize = 224

    /// Features of an image.
    public var featureCount: Int { (architecture == .resNet18 ? 512 : 1280) / divisor }

    /// The features [N, featureCount] of images [N, 3, H, W] with values in [0, 1]: the mean over all places.
    ///
    /// Throws when the images have another number of channels.
    public func callAsFunction(_ image: Tensor, in scope: Scope) throws -> Tensor {
        let stages = try stages(of: image, count: nil, in: scope)
        return try stages[stages.count - 1].mean(axes: [2, 3])
    }

    /// Features of places instead of images [N, 3, H, W]: the maps [N, C, ⌈H/8⌉, ⌈W/8⌉] and [N, C', ⌈H/16⌉, ⌈W/16⌉] from
    /// the middle of the network, which know more than edges and less than classes.
    ///
    /// Throws when the images have another number of channels.
    public func maps(of image: Tensor, in scope: Scope) throws -> (fine: Tensor, coarse: Tensor) {
        switch architecture {
        case .resNet18:
            let stages = try stages(of: image, count: 3, in: scope)
            return (stages[1], stages[2])
        case .efficientNetLite0:
            let stages = try stages(of: image, count: 5, in: scope)
            return (stages[2], stages[4])
        }
    }

    /// Features of places on three grids, from images [N, 3, H, W]: [N, C, ⌈H/8⌉, ⌈W/8⌉], [N, C', ⌈H/16⌉, ⌈W/16⌉] and
    /// [N, C'', ⌈H/32⌉, ⌈W/32⌉]. The finer ones tell objects' parts, the coarsest surfaces.
    ///
    /// Throws when the images have another number of channels.
    public func groups(of image: Tensor, in scope: Scope) throws -> [Tensor] {
        switch architecture {
        case .resNet18: return Array(try stages(of: image, count: 4, in: scope).dropFirst())
        case .efficientNetLite0:
            let stages = try stages(of: image, count: 6, in: scope)
            return [stages[2], try concatenate([stages[3], stages[4]], axis: 1), stages[5]]
        }
    }

    /// What the first stages give, or all of them and the last layer where no number is given.
    private func stages(of image: Tensor, count: Int?, in scope: Scope) throws -> [Tensor] {
        guard image.rank == 4, image.shape[1] == 3 else {
            throw GraphError("feature network", [image.shape], "the images must be [N, 3, H, W]")
        }
        switch architecture {
        case .resNet18: return try resNet18(image, stages: count ?? 4, in: scope)
        case .efficientNetLite0:
            var stages = try efficientNetLite0(image, stages: count ?? FeatureNetwork.stages.count, in: scope)
            if count == nil, let last = stages.last {
                stages.append(
                    try relu6(same(last, 1280 / divisor, kernel: 1, scope["_conv_head"], scope["_bn1"])))
            }
            return stages
        }
    }

    // MARK: ResNet18

    private func resNet18(_ image: Tensor, stages: Int, in scope: Scope) throws -> [Tensor] {
        // The mean and spread of ImageNet's colours, with which torchvision trains.
        let mean = try image.graph.constant([0.485, 0.456, 0.406], [3, 1, 1])
        let spread = try image.graph.constant([0.229, 0.224, 0.225], [3, 1, 1])
        var x = try (image - mean) / spread
        let width = 64 / divisor
        x = try relu(unit(x, width, kernel: 7, stride: 2, scope["conv1"], scope["bn1"]))
        x = try maxPool(x, kernel: 3, stride: 2, padding: Padding(1))
        return try (0..<stages).map { stage in
            for block in 0..<2 {
                let stride = stage > 0 && block == 0 ? 2 : 1
                x = try residual(x, width << stage, stride: stride, in: scope["layer\(stage + 1)"][block])
            }
            return x
        }
    }

    private func residual(_ x: Tensor, _ channels: Int, stride: Int, in scope: Scope) throws -> Tensor {
        var y = try relu(unit(x, channels, kernel: 3, stride: stride, scope["conv1"], scope["bn1"]))
        y = try unit(y, channels, kernel: 3, scope["conv2"], scope["bn2"])
        let isSame = stride == 1 && x.shape[1] == channels
        let shortcut = scope["downsample"]
        return try relu(y + (isSame ? x : unit(x, channels, kernel: 1, stride: stride, shortcut[0], shortcut[1])))
    }

    /// A convolution and its batch normalisation.
    private func unit(
        _ x: Tensor, _ channels: Int, kernel: Int, stride: Int = 1, _ convolution: Scope, _ norm: Scope
    ) throws -> Tensor {
        let y = try convolution.convolution(
            x, channels: channels, kernel: kernel, stride: stride, padding: kernel / 2, hasBias: false)
        return try norm.batchNormalization(y, epsilon: 1e-5)
    }

    // MARK: EfficientNet-Lite0

    /// Repeats, kernel, stride, expansion, and output channels.
    private static let stages = [
        (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ]

    private func efficientNetLite0(_ image: Tensor, stages: Int, in scope: Scope) throws -> [Tensor] {
        var x = try (image - 0.498) / 0.502
        x = try relu6(same(x, 32 / divisor, kernel: 3, stride: 2, scope["_conv_stem"], scope["_bn0"]))
        var number = 0
        return try FeatureNetwork.stages.prefix(stages).map { repeats, kernel, stride, expansion, channels in
            for index in 0..<repeats {
                x = try inverted(
                    x, channels / divisor, kernel: kernel, stride: index == 0 ? stride : 1, expansion: expansion,
                    in: scope["_blocks"][number])
                number += 1
            }
            return x
        }
    }

    /// An inverted residual: widened, convolved a channel at a time, narrowed.
    private func inverted(
        _ x: Tensor, _ channels: Int, kernel: Int, stride: Int, expansion: Int, in scope: Scope
    ) throws -> Tensor {
        var y = x
        if expansion != 1 {
            y = try relu6(same(y, x.shape[1] * expansion, kernel: 1, scope["_expand_conv"], scope["_bn0"]))
        }
        let width = y.shape[1]
        y = try relu6(
            same(y, width, kernel: kernel, stride: stride, groups: width, scope["_depthwise_conv"], scope["_bn1"]))
        y = try same(y, channels, kernel: 1, scope["_project_conv"], scope["_bn2"])
        return stride == 1 && x.shape[1] == channels ? try x + y : y
    }

    /// A convolution padded as TensorFlow's "same", and its batch normalisation.
    private func same(
        _ x: Tensor, _ channels: Int, kernel: Int, stride: Int = 1, groups: Int = 1, _ convolution: Scope, _ norm: Scope
    ) throws -> Tensor {
        let weight = try convolution.parameter(
            "weight", [channels, x.shape[1] / groups, kernel, kernel],
            .kaimingUniform(fanIn: x.shape[1] / groups * kernel * kernel))
        func sides(_ size: Int) -> (Int, Int) {
            let total = max(0, ((size + stride - 1) / stride - 1) * stride + kernel - size)
            return (total / 2, total - total / 2)
        }
        let (rows, columns) = (sides(x.shape[2]), sides(x.shape[3]))
        let padding = Padding(top: rows.0, left: columns.0, bottom: rows.1, right: columns.1)
        let y = try conv2d(x, weight, stride: stride, padding: padding, groups: groups)
        return try norm.batchNormalization(y, epsilon: 1e-3)
    }

    private func relu6(_ x: Tensor) throws -> Tensor { try minimum(relu(x), x.graph.constant(6)) }
}

extension Scope {
    /// Batch normalisation by stored statistics, with parameters weight, bias, running_mean and running_var.
    fileprivate func batchNormalization(_ x: Tensor, epsilon: Float) throws -> Tensor {
        let width: Shape = [x.shape[1]]
        return try batchNorm(
            x, mean: parameter("running_mean", width, .zeros), variance: parameter("running_var", width, .ones),
            weight: parameter("weight", width, .ones), bias: parameter("bias", width, .zeros), epsilon: epsilon)
    }
}
