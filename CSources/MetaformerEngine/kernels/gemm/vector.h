/*
 * The tile that matrix products and convolutions share: a block of C = A B, computed from packed panels of A and B.
 *
 * A's panels hold TILE_M rows for each k, B's TILE_N columns for each k; both are filled up with zeros, so the inner
 * loop has no edges. The k axis goes in blocks of DEPTH, whose panels of B stay in the second-level cache; C stays in
 * a tile of its own beside them until it is whole, and is then handed to the op to be finished (epilogue) and stored.
 */
#if MF_REGISTERS == 32
enum { TILE_M = 12, VECTORS = 2 };
#else
enum { TILE_M = 6, VECTORS = 2 };
#endif
enum { TILE_N = VECTORS * MF_WIDTH, DEPTH = 256 };

/* The register tile: rows x vectors of sums, which the compiler keeps in registers where both are known to it. */
enum { MOST_VECTORS = 8 };
typedef vf tile_row[MOST_VECTORS];

static inline __attribute__((always_inline)) void tile_load(tile_row *sum, const float *c, uint64_t c_stride, int add,
                                                            int rows, int vectors) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++)
            sum[i][j] = add ? v_load(c + (uint64_t)i * c_stride + j * MF_WIDTH) : v_splat(0);
}

static inline __attribute__((always_inline)) void tile_store(tile_row *sum, float *c, uint64_t c_stride, int rows,
                                                             int vectors) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) v_store(c + (uint64_t)i * c_stride + j * MF_WIDTH, sum[i][j]);
}

/* sum += a b over depth steps. Element (i, k) of a lies at a + i * a_row + k * a_step; row k of b, which is whole, at
   b + offsets[k], or where there are no offsets at b + k * b_step. */
static inline __attribute__((always_inline)) void tile_accumulate(tile_row *sum, const float *a, uint64_t a_row,
                                                                  uint64_t a_step, const float *b, uint64_t b_step,
                                                                  const int32_t *offsets, uint64_t depth, int rows,
                                                                  int vectors) {
    for (uint64_t k = 0; k < depth; k++, a += a_step, b += offsets ? 0 : b_step) {
        __builtin_prefetch(a + 64 * a_step);
        const float *row = offsets ? b + offsets[k] : b;
        vf column[MOST_VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) column[j] = v_load(row + j * MF_WIDTH);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            vf weight = v_splat(a[(uint64_t)i * a_row]);
#pragma GCC unroll 8
            for (int j = 0; j < vectors; j++) sum[i][j] = v_fma(weight, column[j], sum[i][j]);
        }
    }
}

/* c[TILE_M][TILE_N] (+)= a b, with b's rows one after the other. */
static inline __attribute__((always_inline)) void tile_multiply(const float *a, uint64_t a_row, uint64_t a_step,
                                                                const float *b, uint64_t depth, float *c,
                                                                uint64_t c_stride, int add) {
    tile_row sum[TILE_M];
    tile_load(sum, c, c_stride, add, TILE_M, VECTORS);
    tile_accumulate(sum, a, a_row, a_step, b, TILE_N, NULL, depth, TILE_M, VECTORS);
    tile_store(sum, c, c_stride, TILE_M, VECTORS);
}

/* Rows and columns of A, B and C that one task computes. */
typedef struct block {
    uint64_t m0, m, n0, n;
} block;

/* Packs rows x depth of a matrix, element (i, k) at a + i * row + k * column, into panels of TILE_M rows. */
static void pack_rows(const float *a, uint64_t row, uint64_t column, uint64_t rows, uint64_t depth, float *to) {
    enum { TOGETHER = 4 }; /* panels that a column of the matrix goes to while it is in the nearest cache */
    uint64_t panel = TILE_M * depth, i0 = 0;
    for (; row == 1 && i0 + TOGETHER * TILE_M <= rows; i0 += TOGETHER * TILE_M, to += TOGETHER * panel)
        for (uint64_t k = 0; k < depth; k++)
            for (uint64_t p = 0; p < TOGETHER; p++)
                memcpy(to + p * panel + k * TILE_M, a + i0 + p * TILE_M + k * column, TILE_M * sizeof(float));
    for (; i0 < rows; i0 += TILE_M, to += panel) {
        uint64_t n = rows - i0 < TILE_M ? rows - i0 : TILE_M;
        const float *from = a + i0 * row;
        for (uint64_t k = 0; k < depth; k++)
            for (uint64_t i = 0; i < TILE_M; i++) to[k * TILE_M + i] = i < n ? from[i * row + k * column] : 0;
    }
}

/* Puts a row of n values, of step k, into panels of TILE_N columns that hold depth steps. */
static inline void spread_row(const float *row, uint64_t n, uint64_t k, uint64_t depth, float *panels) {
    uint64_t j = 0;
    for (; j + TILE_N <= n; j += TILE_N)
        for (int v = 0; v < VECTORS; v++)
            v_store(panels + j * depth + k * TILE_N + v * MF_WIDTH, v_load(row + j + v * MF_WIDTH));
    if (j == n) return;
    float *last = panels + j * depth + k * TILE_N;
    for (uint64_t i = 0; i < TILE_N; i++) last[i] = j + i < n ? row[j + i] : 0;
}

/* Eight rows of eight values, turned into columns: to[k * TILE_N + j] = from[j * row + k]. */
static inline void transpose_8x8(const float *from, uint64_t row, float *to) {
#if MF_WIDTH == 4
    for (uint64_t k = 0; k < 8; k++)
        for (uint64_t j = 0; j < 8; j++) to[k * TILE_N + j] = from[j * row + k];
#else
    __m256 r[8], t[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + (uint64_t)i * row);
    for (int i = 0; i < 4; i++)
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]),
              t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44),
              r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44),
                  r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * TILE_N, _mm256_permute2f128_ps(r[i], r[4 + i], 0x20));
        _mm256_storeu_ps(to + (4 + i) * TILE_N, _mm256_permute2f128_ps(r[i], r[4 + i], 0x31));
    }
#endif
}

/* Packs depth x columns, element (k, j) at b + k * row + j * column, one of row and column being 1, into panels of
   TILE_N columns. */
static void pack_columns(const float *b, uint64_t row, uint64_t column, uint64_t columns, uint64_t depth, float *to) {
    if (column == 1) {
        for (uint64_t k = 0; k < depth; k++) spread_row(b + k * row, columns, k, depth, to);
        return;
    }
    for (uint64_t j0 = 0; j0 < columns; j0 += TILE_N, to += TILE_N * depth) {
        uint64_t n = columns - j0 < TILE_N ? columns - j0 : TILE_N, whole = n / 8 * 8,
                 deep = row == 1 ? depth / 8 * 8 : 0;
        if (n < TILE_N) memset(to, 0, TILE_N * depth * sizeof(float));
        for (uint64_t j = 0; j < whole; j += 8)
            for (uint64_t k = 0; k < deep; k += 8)
                transpose_8x8(b + (j0 + j) * column + k, column, to + k * TILE_N + j);
        for (uint64_t j = 0; j < n; j++) {
            const float *from = b + (j0 + j) * column;
            for (uint64_t k = j < whole ? deep : 0; k < depth; k++) to[k * TILE_N + j] = from[k * row];
        }
    }
}

/* Multiplies packed panels of A (m rows) and B (n columns) into the tile c, whose rows lie stride apart. */
static void multiply_panels(const float *a, const float *b, uint64_t m, uint64_t n, uint64_t depth, float *c,
                            uint64_t stride, int add) {
    for (uint64_t j = 0; j < n; j += TILE_N)
        for (uint64_t i = 0; i < m; i += TILE_M)
            tile_multiply(a + i * depth, 1, TILE_M, b + j * depth, depth, c + i * stride + j, stride, add);
}

/* As multiply_panels, with A's rows where they lie, row apart; spare has room for a panel of depth. */
static void multiply_rows(const float *a, uint64_t row, const float *b, uint64_t m, uint64_t n, uint64_t depth,
                          float *c, uint64_t stride, int add, float *spare) {
    uint64_t whole = m / TILE_M * TILE_M;
    if (whole < m) pack_rows(a + whole * row, row, 1, m - whole, depth, spare);
    for (uint64_t j = 0; j < n; j += TILE_N) {
        for (uint64_t i = 0; i < whole; i += TILE_M)
            tile_multiply(a + i * row, row, 1, b + j * depth, depth, c + i * stride + j, stride, add);
        if (whole < m) tile_multiply(spare, 1, TILE_M, b + j * depth, depth, c + whole * stride + j, stride, add);
    }
}

/* How C is cut into blocks: by shape alone. */
typedef struct cut {
    uint64_t m, n;          /* C's size */
    uint64_t rows, columns; /* a block's, multiples of TILE_M and TILE_N */
    uint64_t down, across;  /* blocks */
} cut;

/* packs_a: A is packed anew for each block of columns, as B is for each block of rows; otherwise B alone is. */
static cut cut_make(uint64_t m, uint64_t n, uint64_t batch, int packs_a) {
    cut c = {.m = m, .n = n};
    uint64_t down = (m + 263) / 264;
    c.rows = up_to((m + down - 1) / down, TILE_M);
    c.columns = up_to(n < 128 ? n : c.rows <= 48 ? 256 : 128, TILE_N);
    for (;;) {
        c.down = (m + c.rows - 1) / c.rows, c.across = (n + c.columns - 1) / c.columns;
        if (c.down * c.across * batch >= 8) break;
        if (c.columns >= 4 * TILE_N && !(packs_a && c.rows > c.columns))
            c.columns = up_to(c.columns / 2, TILE_N);
        else if (c.rows >= 4 * TILE_M)
            c.rows = up_to(c.rows / 2, TILE_M);
        else
            break;
    }
    return c;
}

static inline block cut_block(const cut *c, uint64_t index) {
    uint64_t i = index % c->down, j = index / c->down;
    block b = {.m0 = i * c->rows, .n0 = j * c->columns};
    b.m = c->m - b.m0 < c->rows ? c->m - b.m0 : c->rows;
    b.n = c->n - b.n0 < c->columns ? c->n - b.n0 : c->columns;
    return b;
}

/* Floats of a thread's panels of A and B and its tile of C. */
static inline uint64_t cut_a(const cut *c) {
    return c->rows * DEPTH;
}
static inline uint64_t cut_b(const cut *c) {
    return c->columns * DEPTH;
}
static inline uint64_t cut_c(const cut *c) {
    return c->rows * c->columns;
}
