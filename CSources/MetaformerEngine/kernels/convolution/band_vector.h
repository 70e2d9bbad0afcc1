/*
 * Convolution over a band of the image: the rows that a few output rows read, of as many channels as a block of k has,
 * with zeros around them, and with the rows and columns of a strided convolution sorted by their phase. Every tap of a
 * tile of pixels is then one run of the band, and is multiplied where it lies: each pixel is copied once for all taps, and
 * for all phases of a strided input gradient. Where rows are narrower than a tile, the band is the whole image, and its
 * rows are one run; what lies between them comes to nothing.
 */

enum { BAND_VECTORS = 8 };

/* As tile_multiply, with row k of b at b + offsets[k], of so many rows and vectors of columns. */
static inline __attribute__((always_inline)) void band_multiply(const float *a, const float *b, const int32_t *offsets,
                                                                uint64_t depth, float *c, uint64_t c_stride, int add,
                                                                int rows, int vectors) {
    vf sum[TILE_M][BAND_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++)
            sum[i][j] = add ? v_load(c + (uint64_t)i * c_stride + j * MF_WIDTH) : v_splat(0);
    for (uint64_t k = 0; k < depth; k++, a += TILE_M) {
        const float *row = b + offsets[k];
        vf column[BAND_VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) column[j] = v_load(row + j * MF_WIDTH);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            vf weight = v_splat(a[i]);
#pragma GCC unroll 8
            for (int j = 0; j < vectors; j++) sum[i][j] = v_fma(weight, column[j], sum[i][j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) v_store(c + (uint64_t)i * c_stride + j * MF_WIDTH, sum[i][j]);
}

/* All tiles of a run of pixels, width of them, a multiple of MF_WIDTH, of m channels. Channels that are too few for a tile
   take more pixels at once, to have as many sums under way. */
static inline void band_row(const float *a, const float *b, const int32_t *offsets, uint64_t depth, float *c,
                            uint64_t c_stride, int add, uint64_t m, uint64_t width) {
    uint64_t whole = m / TILE_M * TILE_M, rest = m - whole, x = 0;
    if (rest > 8 || (rest > 4 && TILE_M < 8)) whole += TILE_M, rest = 0;
    for (; x + TILE_N <= width; x += TILE_N)
        for (uint64_t i = 0; i < whole; i += TILE_M)
            band_multiply(a + i * depth, b + x, offsets, depth, c + i * c_stride + x, c_stride, add, TILE_M, VECTORS);
    for (; x < width; x += MF_WIDTH)
        for (uint64_t i = 0; i < whole; i += TILE_M)
            band_multiply(a + i * depth, b + x, offsets, depth, c + i * c_stride + x, c_stride, add, TILE_M, 1);
    x = 0;
    a += whole * depth, c += whole * c_stride;
#define MF_TILES(rows, vectors)                                                                                        \
    for (; x + (vectors)*MF_WIDTH <= width; x += (vectors)*MF_WIDTH)                                                   \
    band_multiply(a, b + x, offsets, depth, c + x, c_stride, add, rows, vectors)
    if (rest == 1) MF_TILES(1, 8);
    if (rest == 2) MF_TILES(2, 4);
    if (rest == 3) MF_TILES(3, 4);
#if MF_REGISTERS == 32
    if (rest > 4) {
        MF_TILES(8, VECTORS);
        MF_TILES(8, 1);
    }
#endif
    if (rest > 0) {
        MF_TILES(4, VECTORS);
        MF_TILES(4, 1);
    }
#undef MF_TILES
}

/* Where each k of a block of channels reads in a phase, from a tile's first pixel in the band. */
static void band_offsets(const convolution_job *job, const phase *p, int32_t *offsets) {
    const band *b = &job->b;
    int64_t down = phase_row(job, p) - b->top, right = phase_column(job, p) - b->left;
    int32_t *to = offsets;
    for (int64_t i = 0; i < p->tap_h; i++)
        for (int64_t j = 0; j < p->tap_w; j++) {
            int64_t line = down + (job->tap_move > 0 ? i : p->tap_h - 1 - i),
                    shift = right + (job->tap_move > 0 ? j : p->tap_w - 1 - j),
                    split = shift % b->splits * b->row_splits + line % b->row_splits;
            *to++ = (int32_t)((split * b->lines + line / b->row_splits) * b->pitch + shift / b->splits);
        }
    int64_t taps = p->tap_h * p->tap_w;
    for (int64_t k = taps; k < b->channels * taps; k++) offsets[k] = offsets[k - taps] + (int32_t)band_channel(b);
}

/* Copies the image rows that output rows from y on read, of so many channels from the first. */
static void band_fill(const convolution_job *job, uint64_t image, int64_t first, int64_t channels, int64_t y,
                      float *to) {
    const band *b = &job->b;
    int64_t top = b->top + y * job->image_step_h;
    const float *plane = job->call->inputs[0] +
                         ((int64_t)image * job->g.groups * job->image_channels + first) * job->image_h * job->image_w;
    for (int64_t c = 0; c < channels; c++, plane += job->image_h * job->image_w, to += band_channel(b))
        for (int64_t line = 0; line < b->lines * b->row_splits; line++) {
            int64_t row = top + line, apart = b->row_splits * b->lines * b->pitch; /* from a split to the next */
            float *at = to + (line % b->row_splits * b->lines + line / b->row_splits) * b->pitch;
            int is_inside = row >= 0 && row < job->image_h;
            const float *from = plane + row * (is_inside ? job->image_w : 0);
            if (is_inside && b->splits == 2) {
                gather_pairs(from, job->image_w, b->left, b->pitch, at, at + apart);
                continue;
            }
            for (int64_t split = 0; split < b->splits; split++, at += apart)
                if (is_inside)
                    gather_columns(from, job->image_w, b->left + split, b->splits, b->pitch, at);
                else
                    memset(at, 0, (size_t)b->pitch * sizeof(float));
        }
}

/* A channel of an image, for all tasks. */
static void convolution_fill(void *context, size_t index, int worker) {
    (void)worker;
    const convolution_job *job = context;
    uint64_t channels = (uint64_t)(job->g.groups * job->image_channels);
    band_fill(job, index / channels, (int64_t)(index % channels), 1, 0, job->shared + index * band_channel(&job->b));
}

/* Stores a channel of a task: rows of each phase from row y on, whose tiles lie apart. Phases side by side are put together
   to whole rows of the output. */
static void band_store(const convolution_job *job, uint64_t image, uint64_t channel, int64_t y, int64_t rows,
                       const float *c, uint64_t apart, float *whole, evaluator *v) {
    const band *b = &job->b;
    if (job->together == 1) {
        convolution_store_rows(job, image, channel, y, c, b->across, rows, v);
        return;
    }
    int64_t down = job->output_step_h, across = job->output_step_w, width = job->output_w;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < job->together; i += across) {
            const float *from = c + (uint64_t)i * apart + (uint64_t)(r * b->across), *next = from + apart;
            float *to = whole + r * down * width + i / across * width;
            if (across == 2)
                for (int64_t x = 0; x < job->phases[0].out_w; x++) to[2 * x] = from[x], to[2 * x + 1] = next[x];
            else
                for (int64_t j = 0; j < across; j++)
                    for (int64_t x = 0; x < job->phases[0].out_w; x++)
                        to[x * across + j] = from[(uint64_t)j * apart + (uint64_t)x];
        }
    convolution_finish(job, image, channel, (uint64_t)(y * down * width), whole, (uint64_t)(rows * down * width), v);
}

/* Some rows of an image in all phases at work, of a block of output channels. */
static void convolution_band(void *context, size_t index, int worker) {
    const convolution_job *job = context;
    const band *b = &job->b;
    uint64_t group = index / job->blocks, rest = index % job->blocks;
    uint64_t m0 = rest % b->down * b->m_rows, part = rest / b->down;
    uint64_t all = (uint64_t)job->output_channels, m = all - m0 < b->m_rows ? all - m0 : b->m_rows;
    uint64_t image = part / b->per_image, tile = band_tile(b);
    int64_t y = (int64_t)(part % b->per_image) * b->rows, left = job->phases[0].out_h - y,
            rows = left < b->rows ? left : b->rows;
    float *own = job->scratch + (size_t)worker * job->thread_scratch, *c = own + band_floats(b),
          *whole = c + (uint64_t)job->together * tile;
    int32_t *offsets = (int32_t *)(void *)(whole + band_rows(job)), *to = offsets;
    evaluator v = evaluator_make(job->call->instruction->expression, whole + band_rows(job) + up_to(job->depth, 16));
    for (int64_t i = 0; i < job->together; i++) {
        band_offsets(job, &job->phases[i], to);
        to += phase_depth(job, &job->phases[i]);
    }
    int64_t runs = b->flat ? 1 : rows, width = b->flat ? run_width(b, &job->phases[0], rows) : b->width;
    for (int64_t channel = 0; channel < job->image_channels; channel += b->channels) {
        int64_t channels = job->image_channels - channel < b->channels ? job->image_channels - channel : b->channels,
                first = (int64_t)group * job->image_channels + channel;
        const float *pixels_in = own;
        if (b->flat)
            pixels_in = job->shared + (uint64_t)(y * b->pitch) +
                        (image * (uint64_t)(job->g.groups * job->image_channels) + (uint64_t)first) * band_channel(b);
        else
            band_fill(job, image, first, channels, y, own);
        const int32_t *at = offsets;
        const float *weights = job->weights;
        for (int64_t i = 0; i < job->together; i++) {
            const phase *p = &job->phases[i];
            uint64_t taps = (uint64_t)(p->tap_h * p->tap_w), depth = (uint64_t)channels * taps;
            const float *a =
                weights + group * packed_weights(job, p) + up_to(all, TILE_M) * (uint64_t)channel * taps + m0 * depth;
            for (int64_t r = 0; r < runs; r++)
                band_row(a, pixels_in + r * b->pitch, at, depth, c + (uint64_t)i * tile + (uint64_t)(r * b->across),
                         b->stride, channel > 0, m, (uint64_t)width);
            at += phase_depth(job, p), weights += (uint64_t)job->g.groups * packed_weights(job, p);
        }
    }
    for (uint64_t i = 0; i < m; i++)
        band_store(job, image, group * all + m0 + i, y, rows, c + i * b->stride, tile, whole, &v);
}
