import MetaformerGraph

/// The editor of the visual-effect GAN: leaves what the response map marks, and treats the rest. It has no parameters.
public enum VisualEffect: String, Sendable, Codable, CaseIterable {
    /// The rest in grey: "color selectivo", the paper's effect.
    case selectiveColour = "selective-colour"
    /// The rest in black.
    case blackBackground = "black"
    /// The rest blurred.
    case blurredBackground = "blur"

    /// The image x [N, 3, H, W] with the effect, x · m + e(x) · (1 − m), m [N, 1, H, W] being the response map.
    ///
    /// Throws when the shapes do not fit.
    public func callAsFunction(_ image: Tensor, response: Tensor) throws -> Tensor {
        guard image.rank == 4, image.shape[1] == 3, response.rank == 4, response.shape[1] == 1 else {
            throw GraphError(
                "visual effect", [image.shape, response.shape], "takes images [N, 3, H, W] and maps [N, 1, H, W]")
        }
        let background = try background(of: image)
        return try background + response * (image - background)
    }

    private func background(of image: Tensor) throws -> Tensor {
        switch self {
        case .selectiveColour:
            return try luminance(image).broadcast(to: image.shape)
        case .blackBackground:
            return try image.graph.full(0, image.shape)
        case .blurredBackground:
            // As wide at any size: a fortieth of the side.
            let sigma = Float(image.shape[2]) / 40
            let radius = max(1, min(Int((3 * sigma).rounded(.up)), 31, image.shape[2] - 1, image.shape[3] - 1))
            return try gaussianFilter(image.reflectPad(radius), taps: 2 * radius + 1, sigma: sigma)
        }
    }
}
