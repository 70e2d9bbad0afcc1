/// What the paper reports ("Learning Unsupervised Metaformer for Anomaly Detection", ICCV 2021).
enum PublishedResults {
    static let imageMethods = ["GeoTrans", "GANomaly", "DSEBM", "US", "RIAD", "DifferNet", "Metaformer"]
    static let pixelMethods = ["ℓ2-AE", "1-NN", "OC-SVM", "K-Means", "SSIM-AE", "US p = 65", "Metaformer"]

    /// A category of MVTec AD: its good training images, by which the data set is recognised; Table 1's image AUROC and PRO;
    /// and Table 3's PRO of A, A+P and A+P+T.
    struct Category {
        let name: String
        let trainingCount: Int
        let image: [Double]
        let pro: [Double]
        let ablation: [Double]
    }

    static let categories: [Category] = [
        .init(
            name: "carpet", trainingCount: 280, image: [0.437, 0.699, 0.413, 0.916, 0.842, 0.929, 0.940],
            pro: [0.456, 0.512, 0.355, 0.253, 0.647, 0.695, 0.878], ablation: [0.852, 0.877, 0.878]),
        .init(
            name: "grid", trainingCount: 264, image: [0.619, 0.708, 0.717, 0.810, 0.996, 0.840, 0.859],
            pro: [0.582, 0.228, 0.125, 0.107, 0.849, 0.819, 0.865], ablation: [0.844, 0.852, 0.865]),
        .init(
            name: "leather", trainingCount: 245, image: [0.841, 0.842, 0.416, 0.882, 1.000, 0.971, 0.992],
            pro: [0.819, 0.446, 0.306, 0.308, 0.561, 0.819, 0.959], ablation: [0.901, 0.940, 0.959]),
        .init(
            name: "tile", trainingCount: 230, image: [0.417, 0.794, 0.690, 0.991, 0.987, 0.994, 0.990],
            pro: [0.897, 0.822, 0.722, 0.779, 0.175, 0.912, 0.881], ablation: [0.850, 0.861, 0.881]),
        .init(
            name: "wood", trainingCount: 247, image: [0.611, 0.834, 0.952, 0.977, 0.930, 0.998, 0.992],
            pro: [0.727, 0.502, 0.336, 0.411, 0.605, 0.725, 0.848], ablation: [0.797, 0.824, 0.848]),
        .init(
            name: "bottle", trainingCount: 209, image: [0.744, 0.892, 0.818, 0.990, 0.999, 0.990, 0.991],
            pro: [0.910, 0.898, 0.850, 0.495, 0.834, 0.918, 0.888], ablation: [0.852, 0.856, 0.888]),
        .init(
            name: "cable", trainingCount: 224, image: [0.783, 0.757, 0.685, 0.862, 0.819, 0.959, 0.971],
            pro: [0.825, 0.806, 0.431, 0.513, 0.478, 0.865, 0.937], ablation: [0.880, 0.914, 0.937]),
        .init(
            name: "capsule", trainingCount: 219, image: [0.670, 0.732, 0.594, 0.861, 0.884, 0.869, 0.875],
            pro: [0.862, 0.631, 0.554, 0.387, 0.860, 0.916, 0.879], ablation: [0.861, 0.878, 0.879]),
        .init(
            name: "hazelnut", trainingCount: 391, image: [0.359, 0.785, 0.762, 0.931, 0.833, 0.993, 0.994],
            pro: [0.917, 0.861, 0.616, 0.698, 0.916, 0.937, 0.886], ablation: [0.840, 0.851, 0.886]),
        .init(
            name: "metal_nut", trainingCount: 220, image: [0.813, 0.700, 0.679, 0.820, 0.885, 0.961, 0.962],
            pro: [0.830, 0.705, 0.319, 0.351, 0.603, 0.895, 0.869], ablation: [0.817, 0.846, 0.869]),
        .init(
            name: "pill", trainingCount: 267, image: [0.630, 0.743, 0.806, 0.879, 0.838, 0.888, 0.901],
            pro: [0.893, 0.725, 0.544, 0.514, 0.830, 0.935, 0.930], ablation: [0.917, 0.915, 0.930]),
        .init(
            name: "screw", trainingCount: 320, image: [0.500, 0.746, 0.999, 0.549, 0.845, 0.963, 0.975],
            pro: [0.754, 0.604, 0.644, 0.550, 0.887, 0.928, 0.954], ablation: [0.941, 0.943, 0.954]),
        .init(
            name: "toothbrush", trainingCount: 60, image: [0.972, 0.653, 0.781, 0.953, 1.000, 0.986, 1.000],
            pro: [0.822, 0.675, 0.538, 0.337, 0.784, 0.863, 0.877], ablation: [0.847, 0.864, 0.877]),
        .init(
            name: "transistor", trainingCount: 213, image: [0.869, 0.792, 0.741, 0.818, 0.909, 0.911, 0.944],
            pro: [0.728, 0.680, 0.496, 0.399, 0.725, 0.701, 0.926], ablation: [0.828, 0.886, 0.926]),
        .init(
            name: "zipper", trainingCount: 240, image: [0.820, 0.745, 0.584, 0.919, 0.981, 0.951, 0.986],
            pro: [0.839, 0.512, 0.355, 0.253, 0.665, 0.933, 0.936], ablation: [0.939, 0.935, 0.936]),
    ]

    /// The means of Table 1, and those of Table 3 recomputed from its rows: in print, they stand a column too far right.
    static let imageMeans = [0.672, 0.762, 0.709, 0.877, 0.917, 0.949, 0.958]
    static let proMeans = [0.791, 0.640, 0.479, 0.423, 0.694, 0.857, 0.901]
    static let ablationMeans = [0.864, 0.883, 0.901]

    /// Table 2: image AUROC on Magnetic Tile Defects, 761 good images for training.
    static let magneticTile: [(method: String, auroc: Double)] = [
        ("GeoTrans", 0.755), ("GANomaly", 0.766), ("DSEBM", 0.572), ("ADGAN", 0.464), ("OCSVM", 0.587), ("1-NN", 0.800),
        ("DifferNet", 0.977), ("Metaformer", 0.993),
    ]

    /// A category of MVTec AD, recognised by its name and the number of its training images.
    static func category(_ name: String, trainingCount: Int) -> Category? {
        categories.first { $0.name == name && $0.trainingCount == trainingCount }
    }
}
