import Foundation
import MetaformerGraph

/// A parameter of a model: its name in programs and files, its shape, and how it starts.
public struct ParameterSpecification: Hashable, Sendable {
    public let name: String
    public let shape: Shape
    public let initializer: Initializer

    public init(name: String, shape: Shape, initializer: Initializer) {
        self.name = name
        self.shape = shape
        self.initializer = initializer
    }

    /// The values at the start, row-major: the same for the same seed and name, whatever other parameters there are.
    public func initialValues(seed: UInt64) -> [Float] {
        var generator = SplitMix64(seed: seed ^ SplitMix64.hash(name))
        return initializer.values(shape.count, &generator)
    }
}

/// How a parameter starts.
public enum Initializer: Hashable, Sendable {
    case zeros
    case ones
    /// Uniform within ±1/√fanIn: PyTorch's default for weights and biases of convolutions and linear layers (Kaiming
    /// uniform with a = √5).
    case kaimingUniform(fanIn: Int)
    /// Uniform with the variance that a layer before a leaky rectifier of this slope needs for its output to be as large as
    /// its input (He et al., "Delving deep into rectifiers", 2015); a slope of 1 stands for no rectifier.
    case preservingVariance(fanIn: Int, slope: Float)
    /// Normal with mean 0.
    case normal(standardDeviation: Double)

    func values(_ count: Int, _ generator: inout SplitMix64) -> [Float] {
        switch self {
        case .zeros: return [Float](repeating: 0, count: count)
        case .ones: return [Float](repeating: 1, count: count)
        case .kaimingUniform(let fanIn):
            let bound = 1 / Double(max(fanIn, 1)).squareRoot()
            return (0..<count).map { _ in Float((2 * generator.nextUnit() - 1) * bound) }
        case .preservingVariance(let fanIn, let slope):
            let bound = (6 / ((1 + Double(slope) * Double(slope)) * Double(max(fanIn, 1)))).squareRoot()
            return (0..<count).map { _ in Float((2 * generator.nextUnit() - 1) * bound) }
        case .normal(let deviation):
            return (0..<count).map { _ in Float(generator.nextNormal() * deviation) }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a 64-bit counter and a mixing function. Small, fast, and the same numbers on
/// every machine; not for secrets.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Uniform in [0, 1), by the upper 53 bits.
    public mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal, by Box and Muller's transform of two uniform numbers.
    public mutating func nextNormal() -> Double {
        let radius = (-2 * Foundation.log(1 - nextUnit())).squareRoot()
        return radius * cos(2 * .pi * nextUnit())
    }

    /// The FNV-1a hash of a text, which gives each parameter numbers of its own.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}

extension Collection where Element == ParameterSpecification {
    /// The number of trainable values.
    public var parameterCount: Int { reduce(0) { $0 + $1.shape.count } }
}
