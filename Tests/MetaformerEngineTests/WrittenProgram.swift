import MetaformerGraph

/// A program of several instructions, written byte by byte as format.h says.
struct WrittenProgram {
    enum Place {
        case input(String)
        case output(String)
        case variable(String)
        case arena(Int)
    }

    private var places: [Place] = []
    private var shapes: [[Int]] = []
    private var instructions: [[UInt32]] = []
    private(set) var arenaBytes = 0

    /// A buffer; its number.
    mutating func buffer(_ shape: [Int], _ place: Place) -> UInt32 {
        places.append(place)
        shapes.append(shape)
        if case .arena(let offset) = place { arenaBytes = max(arenaBytes, end(of: shape, at: offset)) }
        return UInt32(places.count - 1)
    }

    /// Where a buffer of the arena could begin after one at an offset.
    func end(of shape: [Int], at offset: Int) -> Int { offset + (shape.reduce(4, *) + 63) / 64 * 64 }

    func shape(of buffer: UInt32) -> [Int] { shapes[Int(buffer)] }

    mutating func add(
        _ opcode: Opcode, _ inputs: [UInt32], to output: UInt32, attributes: [UInt32] = [], expression: [UInt32]? = nil,
        steps: Int = 0
    ) {
        var words = [opcode.rawValue, 0, UInt32(inputs.count), output] + inputs + attributes
        if let expression { words += [UInt32(steps)] + expression }
        words[1] = UInt32(words.count)
        instructions.append(words)
    }

    var inputs: [(name: String, shape: [Int])] {
        zip(places, shapes).compactMap { place, shape in
            if case .input(let name) = place { (name, shape) } else { nil }
        }
    }

    var bytes: [UInt8] {
        var data: [UInt8] = []
        func put32(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
        func put64(_ value: Int) { withUnsafeBytes(of: UInt64(value).littleEndian) { data.append(contentsOf: $0) } }
        var names: [UInt8] = []
        var records: [(kind: UInt32, offset: Int, name: UInt32)] = []
        var offsets: [String: UInt32] = [:]
        func named(_ kind: UInt32, _ name: String) {
            if offsets[name] == nil {
                offsets[name] = UInt32(names.count)
                names += Array(name.utf8) + [0]
            }
            records.append((kind, 0, offsets[name] ?? 0))
        }
        for place in places {
            switch place {
            case .input(let name): named(1, name)
            case .output(let name): named(2, name)
            case .variable(let name): named(3, name)
            case .arena(let offset): records.append((0, offset, .max))
            }
        }
        let words = instructions.flatMap { $0 }
        for value in [0x4750_464d, 1, places.count, instructions.count, words.count, names.count] {
            put32(UInt32(value))
        }
        for value in [0, arenaBytes, 0] { put64(value) }
        for (record, shape) in zip(records, shapes) {
            put32(record.kind)
            put32(UInt32(shape.count))
            for axis in 0..<6 { put32(axis < shape.count ? UInt32(shape[axis]) : 0) }
            put64(record.offset)
            put32(record.name)
            put32(0)
        }
        words.forEach(put32)
        while data.count % 8 != 0 { data.append(0) }
        data += names
        while data.count % 64 != 0 { data.append(0) }
        return data
    }
}
