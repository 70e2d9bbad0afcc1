import Foundation
import MetaformerGraph
import MetaformerModels

/// Where each parameter of a model lies in one flat vector.
public struct ParameterLayout: Hashable, Sendable {
    public let parameters: [ParameterSpecification]
    /// The elements of each parameter.
    public let ranges: [Range<Int>]

    public init(_ parameters: [ParameterSpecification]) {
        self.parameters = parameters
        var end = 0
        ranges = parameters.map { parameter in
            defer { end += parameter.shape.count }
            return end..<end + parameter.shape.count
        }
    }

    /// Elements of a whole vector.
    public var count: Int { ranges.last?.upperBound ?? 0 }
}

/// A value for every parameter of a model, or a gradient, in one stretch of memory that programs are bound to in parts.
///
/// All arithmetic goes through the elements in one order, so that results do not depend on the number of threads.
public final class ParameterVector {
    public let layout: ParameterLayout
    public let elements: FloatBuffer
    /// The parts of `elements`, one a parameter.
    public let parts: [FloatBuffer]

    /// Zeros.
    public init(_ layout: ParameterLayout) {
        self.layout = layout
        let elements = FloatBuffer(count: layout.count)
        self.elements = elements
        parts = layout.ranges.map { FloatBuffer(elements, $0) }
    }

    /// Parameters as they start, drawn from a seed.
    public convenience init(_ layout: ParameterLayout, seed: UInt64) {
        self.init(layout)
        for (part, parameter) in zip(parts, layout.parameters) { part.assign(parameter.initialValues(seed: seed)) }
    }

    public var count: Int { elements.count }

    /// The values by parameter.
    public var values: [String: [Float]] {
        Dictionary(uniqueKeysWithValues: zip(layout.parameters.map(\.name), parts.map(\.values)))
    }

    /// Takes over the values of every parameter; throws where one is missing or has another count.
    public func assign(_ values: [String: [Float]]) throws {
        for (part, parameter) in zip(parts, layout.parameters) {
            guard let new = values[parameter.name], new.count == part.count else {
                throw TrainingError(
                    "parameter \"\(parameter.name)\" must have the shape \(parameter.shape); "
                        + (values[parameter.name].map { "there are \($0.count) values" } ?? "there is none"))
            }
            part.assign(new)
        }
    }

    // MARK: Arithmetic

    public func setZero() { elements.fill(0) }

    public func copy(_ other: ParameterVector) {
        precondition(count == other.count)
        elements.pointer.update(from: other.elements.pointer, count: count)
    }

    /// Adds a multiple of another vector.
    public func add(_ scale: Float, _ other: ParameterVector) {
        precondition(count == other.count)
        let (x, y) = (elements.pointer, other.elements.pointer)
        for index in 0..<count { x[index] += scale * y[index] }
    }

    /// Adds multiples of another vector, one scale a parameter.
    func add(_ scales: [Float], _ other: ParameterVector) {
        precondition(count == other.count && scales.count == parts.count)
        for (range, scale) in zip(layout.ranges, scales) {
            let (x, y) = (elements.pointer, other.elements.pointer)
            for index in range { x[index] += scale * y[index] }
        }
    }

    public func scale(by factor: Float) {
        let x = elements.pointer
        for index in 0..<count { x[index] *= factor }
    }

    /// The inner products with another vector, one a parameter.
    func dots(_ other: ParameterVector) -> [Double] {
        precondition(count == other.count)
        let (x, y) = (elements.pointer, other.elements.pointer)
        return layout.ranges.map { range in
            var sum = 0.0
            for index in range { sum += Double(x[index]) * Double(y[index]) }
            return sum
        }
    }

    /// The Euclidean norm.
    public var norm: Double { dots(self).reduce(0, +).squareRoot() }

    /// The first parameter that holds a NaN or an infinity, if any does.
    public var firstNotFinite: String? {
        zip(layout.parameters, parts).first { _, part in
            (0..<part.count).contains { !part.pointer[$0].isFinite }
        }?.0.name
    }
}
