// Each operation by the operators of ONNX. Operations that only derivatives or fitting use have no counterpart.

extension Pointwise: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) throws -> String {
        let names = inputs.map(\.name)
        switch function {
        case .constant: throw GraphError(name, inputs.map(\.shape), "is no operation of its own")
        case .add: return builder.emit("Add", names)
        case .subtract: return builder.emit("Sub", names)
        case .multiply: return builder.emit("Mul", names)
        case .divide: return builder.emit("Div", names)
        case .maximum: return builder.emit("Max", names)
        case .minimum: return builder.emit("Min", names)
        case .greater:
            return builder.emit("Cast", [builder.emit("Greater", names)], ["to": .int(ElementType.float)])
        case .select:
            let condition = builder.emit("Cast", [names[0]], ["to": .int(ElementType.bool)])
            return builder.emit("Where", [condition] + names.dropFirst())
        case .negate: return builder.emit("Neg", names)
        case .absolute: return builder.emit("Abs", names)
        case .sign: return builder.emit("Sign", names)
        case .squareRoot: return builder.emit("Sqrt", names)
        case .exponential: return builder.emit("Exp", names)
        case .logarithm: return builder.emit("Log", names)
        case .tanh: return builder.emit("Tanh", names)
        case .sigmoid: return builder.emit("Sigmoid", names)
        }
    }

    private enum ElementType {
        static let float = 1
        static let bool = 9
    }
}

extension LeakyReLU: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit("LeakyRelu", [inputs[0].name], ["alpha": .float(slope)])
    }
}

// MARK: - Products

extension Convolution: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit(
            "Conv", inputs.map(\.name),
            [
                "kernel_shape": .ints(inputs[1].shape.dims.suffix(2)), "strides": .ints(geometry.stride),
                "pads": .ints(geometry.padding.sides), "group": .int(geometry.groups),
            ])
    }
}

extension ConvolutionInputGradient: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        let (dy, kernel) = (inputs[0].shape, Array(inputs[1].shape.dims.suffix(2)))
        let padding = geometry.padding
        let least = [
            (dy[2] - 1) * geometry.stride[0] - padding.top - padding.bottom + kernel[0],
            (dy[3] - 1) * geometry.stride[1] - padding.left - padding.right + kernel[1],
        ]
        return builder.emit(
            "ConvTranspose", inputs.map(\.name),
            [
                "kernel_shape": .ints(kernel), "strides": .ints(geometry.stride), "pads": .ints(geometry.padding.sides),
                "output_padding": .ints([height - least[0], width - least[1]]), "group": .int(geometry.groups),
            ])
    }
}

extension MatrixProduct: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        func operand(_ value: ONNXBuilder.Value, _ isTransposed: Bool) -> String {
            guard isTransposed else { return value.name }
            let rank = value.shape.rank
            return builder.emit(
                "Transpose", [value.name], ["perm": .ints(Array(0..<rank - 2) + [rank - 1, rank - 2])])
        }
        return builder.emit("MatMul", [operand(inputs[0], transposeA), operand(inputs[1], transposeB)])
    }
}

extension WindowFilter: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) throws -> String {
        guard !isAdjoint else { throw GraphError(name, inputs.map(\.shape), "has no counterpart in ONNX") }
        // Every image by itself, with the taps along the columns and then along the rows.
        let dims = inputs[0].shape.dims
        let planes = [dims.dropLast(2).reduce(1, *), 1] + dims.suffix(2)
        var image = inputs[0].name
        if planes != dims { image = builder.emit("Reshape", [image, builder.integers(planes)]) }
        for kernel in [[taps.count, 1], [1, taps.count]] {
            let weight = builder.floats(taps, Shape([1, 1] + kernel))
            image = builder.emit("Conv", [image, weight], ["kernel_shape": .ints(kernel)])
        }
        let narrow = [planes[0], 1] + output.dims.suffix(2)
        return narrow == output.dims ? image : builder.emit("Reshape", [image, builder.integers(output.dims)])
    }
}

// MARK: - Normalisation

extension Softmax: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit("Softmax", [inputs[0].name], ["axis": .int(-1)])
    }
}

extension Standardize: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        let names = inputs.map(\.name)
        if axes == 2, output.rank == 4 {
            let width: Shape = [output[1]]
            let affine = inputs.count == 3 ? Array(names.dropFirst()) : [ones(width, &builder), zeros(width, &builder)]
            return builder.emit("InstanceNormalization", [names[0]] + affine, ["epsilon": .float(epsilon)])
        }
        let affine = inputs.count == 3 ? Array(names.dropFirst()) : [ones(Shape(output.dims.suffix(axes)), &builder)]
        return builder.emit(
            "LayerNormalization", [names[0]] + affine, ["axis": .int(-axes), "epsilon": .float(epsilon)])
    }

    private func ones(_ shape: Shape, _ builder: inout ONNXBuilder) -> String {
        builder.floats([Float](repeating: 1, count: shape.count), shape)
    }

    private func zeros(_ shape: Shape, _ builder: inout ONNXBuilder) -> String {
        builder.floats([Float](repeating: 0, count: shape.count), shape)
    }
}

// MARK: - Reductions, pools and sizes

extension Reduce: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        switch kind {
        case .sum: builder.emit("ReduceSum", [inputs[0].name, builder.integers(axes)], ["keepdims": .int(1)])
        case .maximum: builder.emit("ReduceMax", [inputs[0].name], ["axes": .ints(axes), "keepdims": .int(1)])
        }
    }
}

extension AveragePool: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit(
            "AveragePool", [inputs[0].name], ["kernel_shape": .ints(kernel), "strides": .ints(stride)])
    }
}

extension MaxPoolGather: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) throws -> String {
        guard inputs[0].name == inputs[1].name else {
            throw GraphError(name, inputs.map(\.shape), "has no counterpart in ONNX where its operands differ")
        }
        return builder.emit(
            "MaxPool", [inputs[0].name],
            [
                "kernel_shape": .ints(window.kernel), "strides": .ints(window.stride),
                "pads": .ints(window.padding.sides),
            ])
    }
}

extension Resize: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) throws -> String {
        guard !isAdjoint else { throw GraphError(name, inputs.map(\.shape), "has no counterpart in ONNX") }
        // An empty name leaves an operand out: the region, and scales beside sizes.
        let operands = [inputs[0].name, "", "", builder.integers(output.dims)]
        switch mode {
        case .bilinear:
            return builder.emit(
                "Resize", operands,
                ["mode": .string("linear"), "coordinate_transformation_mode": .string("half_pixel")])
        case .nearest:
            // The centre less a half, rounded up from a half, is the centre rounded down.
            return builder.emit(
                "Resize", operands,
                [
                    "mode": .string("nearest"), "coordinate_transformation_mode": .string("half_pixel"),
                    "nearest_mode": .string("round_prefer_ceil"),
                ])
        }
    }
}

// MARK: - Layout

extension Reshape: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit("Reshape", [inputs[0].name, builder.integers(output.dims)])
    }
}

extension Broadcast: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit("Expand", [inputs[0].name, builder.integers(output.dims)])
    }
}

extension Transpose: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit("Transpose", [inputs[0].name], ["perm": .ints(permutation)])
    }
}

extension Slice: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        let ends = zip(start, output.dims).map(+)
        return builder.emit(
            "Slice",
            [
                inputs[0].name, builder.integers(start), builder.integers(ends),
                builder.integers(Array(start.indices)),
            ])
    }
}

extension Concatenate: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit("Concat", inputs.map(\.name), ["axis": .int(axis)])
    }
}

extension Pad: ONNXOperation {
    func write(_ inputs: [ONNXBuilder.Value], output: Shape, to builder: inout ONNXBuilder) -> String {
        builder.emit(
            "Pad", [inputs[0].name, builder.integers(before + after)],
            ["mode": .string(mode == .reflect ? "reflect" : "constant")])
    }
}
