import MetaformerData

extension FloatMap {
    /// The map at another size: the highest value of the pixels that become one, so that nothing found is lost.
    package func reduced(width: Int, height: Int) -> FloatMap {
        func range(_ index: Int, of count: Int, from length: Int) -> Range<Int> {
            let first = index * length / count
            return first..<max(first + 1, (index + 1) * length / count)
        }
        var values: [Float] = []
        values.reserveCapacity(width * height)
        for y in 0..<height {
            let rows = range(y, of: height, from: self.height)
            for x in 0..<width {
                let columns = range(x, of: width, from: self.width)
                var highest = -Float.infinity
                for row in rows {
                    for column in columns { highest = max(highest, self.values[row * self.width + column]) }
                }
                values.append(highest)
            }
        }
        return FloatMap(width: width, height: height, values: values)
    }
}
