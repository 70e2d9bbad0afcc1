// swift-tools-version: 6.2
import PackageDescription

/// Memory that is overrun in spite of all checks ends the process, not more. Library calls are checked where C is optimised.
let hardening = ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
let cSettings: [CSetting] = [
    .unsafeFlags(["-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion"]),
    .unsafeFlags([hardening[0]], .when(configuration: .debug)),
    .unsafeFlags(hardening, .when(configuration: .release)),
]

/// The engine is written for optimised builds: at -O0 its kernels are far too slow to test with.
let engineSettings: [CSetting] = [
    .unsafeFlags([
        "-std=c17", "-fopenmp", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-fvisibility=hidden",
        // Sums and products are fused where the kernels say so, and nowhere else: all compilers then give the same bits.
        "-ffp-contract=off",
    ]),
    .unsafeFlags(hardening),
    .unsafeFlags(["-O2"], .when(configuration: .debug)),
    .unsafeFlags(["-O3"], .when(configuration: .release)),
    .headerSearchPath("."),
    .define("_POSIX_C_SOURCE", to: "200809L"),
]

/// Loops over pixels and parameters: without the optimiser the tests would wait for minutes.
let loopSettings: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

let package = Package(
    name: "Metaformer",
    products: [
        .executable(name: "metaformer", targets: ["metaformer"]),
        .library(name: "MetaformerGraph", targets: ["MetaformerGraph"]),
        .library(name: "MetaformerModels", targets: ["MetaformerModels"]),
        .library(name: "MetaformerData", targets: ["MetaformerData"]),
        .library(name: "MetaformerInspection", targets: ["MetaformerInspection"]),
        .library(name: "MetaformerEvaluation", targets: ["MetaformerEvaluation"]),
        .library(name: "MetaformerTraining", targets: ["MetaformerTraining"]),
        .library(name: "MetaformerSignatures", targets: ["MetaformerSignatures"]),
        // libMetaformer.so: the shared library without Swift, as CMake builds it too.
        .library(name: "Metaformer", type: .dynamic, targets: ["MetaformerLibrary"]),
    ],
    traits: [.trait(name: "MPI", description: "Meta-training by several processes, with OpenMPI.")],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // C
        .target(
            name: "MetaformerEngine",
            path: "CSources/MetaformerEngine",
            publicHeadersPath: "include",
            cSettings: engineSettings,
            linkerSettings: [.linkedLibrary("omp5"), .linkedLibrary("m")]
        ),
        .target(
            name: "CImageCodecs",
            path: "CSources/CImageCodecs",
            cSettings: cSettings,
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("tiff")]
        ),
        .target(
            name: "MetaformerLibrary",
            dependencies: ["MetaformerEngine"],
            path: "CSources/MetaformerLibrary",
            // Here and not on the engine, whose flags every program would be linked with. Embedded: without Swift's libraries.
            linkerSettings: [
                .unsafeFlags(
                    ["-enable-experimental-feature", "Embedded", "-nostartfiles"]
                        + [
                            "--as-needed", "-soname=libmetaformer.so.1", "-z", "nodelete", "-z", "relro", "-z", "now",
                            "--version-script=\(Context.packageDirectory)/bindings/cmake/metaformer.map",
                        ].flatMap { ["-Xlinker", $0] })
            ]
        ),
        .systemLibrary(name: "COpenBLAS", path: "CSources/COpenBLAS"),
        .systemLibrary(name: "COpenSSL", path: "CSources/COpenSSL"),
        .systemLibrary(name: "COpenMPI", path: "CSources/COpenMPI", pkgConfig: "mpi-c"),
        .target(
            name: "CMessagePassing",
            dependencies: [.target(name: "COpenMPI", condition: .when(traits: ["MPI"]))],
            path: "CSources/CMessagePassing",
            cSettings: cSettings + [
                .define("METAFORMER_MPI", .when(traits: ["MPI"]))
            ],
            linkerSettings: [.linkedLibrary("mpi", .when(traits: ["MPI"]))]
        ),
        // Swift
        .target(name: "MetaformerGraph", dependencies: ["MetaformerEngine"], swiftSettings: loopSettings),
        .target(
            name: "MetaformerModels", dependencies: ["MetaformerGraph"],
            exclude: ["Resources/README.md", "Resources/EXPERIMENTS.md"],
            resources: [
                .copy("Resources/universal.safetensors"), .copy("Resources/paper.safetensors"),
            ]),
        .target(
            name: "MetaformerData",
            dependencies: ["CImageCodecs", "MetaformerEngine", "MetaformerGraph"],
            swiftSettings: loopSettings
        ),
        .target(name: "MetaformerSignatures", dependencies: ["COpenSSL"]),
        .target(
            name: "MetaformerInspection", dependencies: ["MetaformerEngine", "MetaformerModels", "MetaformerData"],
            swiftSettings: loopSettings),
        .target(name: "MetaformerEvaluation", dependencies: ["MetaformerInspection"], swiftSettings: loopSettings),
        .target(
            name: "MetaformerTraining",
            dependencies: [
                "MetaformerInspection",
                .target(name: "CMessagePassing", condition: .when(traits: ["MPI"])),
            ],
            swiftSettings: loopSettings
        ),
        .executableTarget(
            name: "metaformer",
            dependencies: [
                "MetaformerEvaluation", "MetaformerTraining", "MetaformerSignatures",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            // Position-independent it is by itself; here what it calls is bound before it starts, and read only from then on.
            linkerSettings: [.unsafeFlags(["-z", "relro", "-z", "now"].flatMap { ["-Xlinker", $0] })]
        ),
        // Tests
        .executableTarget(
            name: "allocation-probe", dependencies: ["MetaformerEngine"], path: "Tests/hosts/AllocationProbe",
            cSettings: [.unsafeFlags(["-std=c17", "-Wall", "-Wextra", "-Wpedantic"])]),
        .target(name: "TestSupport", dependencies: ["MetaformerGraph"], path: "Tests/Support"),
        .testTarget(
            name: "HostTests",
            dependencies: ["metaformer", "MetaformerInspection", "TestSupport"]),
        .testTarget(name: "MetaformerGraphTests", dependencies: ["MetaformerGraph", "TestSupport"]),
        .testTarget(
            name: "MetaformerEngineTests",
            dependencies: ["MetaformerEngine", "MetaformerGraph", "COpenBLAS", "TestSupport"],
            swiftSettings: loopSettings),
        .testTarget(name: "MetaformerModelsTests", dependencies: ["MetaformerModels", "TestSupport"]),
        .testTarget(name: "MetaformerDataTests", dependencies: ["MetaformerData", "TestSupport"]),
        .testTarget(
            name: "MetaformerInspectionTests",
            dependencies: ["MetaformerInspection", "MetaformerEngine", "allocation-probe", "TestSupport"],
            swiftSettings: loopSettings),
        .testTarget(name: "MetaformerSignaturesTests", dependencies: ["MetaformerSignatures"]),
        .testTarget(name: "MetaformerTrainingTests", dependencies: ["MetaformerTraining", "TestSupport"]),
        .testTarget(
            name: "MetaformerEvaluationTests",
            dependencies: ["MetaformerEvaluation", "MetaformerEngine", "TestSupport"],
            swiftSettings: loopSettings
        ),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "metaformer", "MetaformerEvaluation", "MetaformerTraining", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
