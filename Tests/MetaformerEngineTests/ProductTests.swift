import COpenBLAS
import MetaformerGraph
import Testing

@Suite("Matrix products against OpenBLAS")
struct ProductTests {
    @Test("agree", arguments: [(64, 64, 64), (200, 333, 500), (512, 100, 1024)], [false, true])
    func agree(size: (m: Int, n: Int, k: Int), transposed: Bool) throws {
        let (m, n, k) = size
        let a = [Float].random([m, k], seed: 1)
        let b = [Float].random([k, n], seed: 2)
        var expected = [Float](repeating: 0, count: m * n)
        let leading = transposed ? k : n
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k), 1,
            a,
            blasint(k), b, blasint(leading), 0, &expected, blasint(n))
        let instruction = SingleInstruction(
            opcode: .matmul, inputs: [[m, k], transposed ? [n, k] : [k, n]], output: [m, n],
            attributes: [0, transposed ? 1 : 0], expression: [])
        for set in InstructionSet.available {
            let values = try instruction.run([a, b], on: set)
            let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst <= 1e-5 * Float(k).squareRoot(), "\(set): off by \(worst)")
        }
    }
}
