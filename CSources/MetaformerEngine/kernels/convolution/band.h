/*
 * Convolution over a band of the image: the rows that a few output rows read, of as many channels as a block of k has,
 * with zeros around them, and with the rows and columns of a strided convolution sorted by their phase. Every tap of a
 * tile of pixels is then one run of the band, and is multiplied where it lies: each pixel is copied once for all taps, and
 * for all phases of a strided input gradient. Where rows are narrower than a tile, the band is the whole image, and its
 * rows are one run; what lies between them comes to nothing.
 */

/* How the phases at work are cut. */
typedef struct band {
    const convolution_job *job;
    int64_t top, left;          /* the image's row and column that a band of output row 0 begins with */
    int64_t rows;               /* a phase's rows of a task; 0 where bands do not fit */
    int64_t splits, row_splits; /* a channel's columns and rows, sorted by their phase, */
    int64_t lines, pitch;       /* and of each of these the lines, and the floats of one */
    int64_t channels;           /* image channels in a block of k */
    int flat;                   /* a task's rows are one run of pixels; bands are filled once for all tasks */
    int64_t width, across;      /* floats of a run, a multiple of MF_WIDTH, and from one row to the next in a tile */
    uint64_t per_image, down, m_rows; /* tasks down an image, blocks of output channels, and channels of one */
    uint64_t stride;                  /* floats of a channel in a tile */
    uint64_t blocks;                  /* tasks of a group */
    uint64_t depth;                   /* of the blocks that k goes in: the sum of those of all phases at work */
    uint64_t planes;                  /* of one channel to one: channels of a task */
    /* Of a run: where each k of a block reads, phase after phase, and the bands that are filled once. */
    const int32_t *offsets;
    float *filled;
} band;

/* Floats of a run of so many rows. */
static int64_t run_width(const band *b, const phase *p, int64_t rows) {
    return (int64_t)up_to((uint64_t)((rows - 1) * b->across + p->out_w), MF_WIDTH);
}

/* The depth of a phase's blocks of k. */
static uint64_t phase_depth(const band *b, const phase *p) {
    return (uint64_t)(b->channels * p->tap_h * p->tap_w);
}

/* Cuts the phases at work for bands, if their rows, or all of their pixels in one run, fill enough of the vectors. */
static band band_cut(const convolution_job *job) {
    const phase *p = &job->phases[0];
    band b = {.job = job, .splits = job->image_step_w, .row_splits = job->image_step_h};
    if (p->k == 0 || p->out_h <= 0 || p->out_w <= 0) return b;
    b.top = phase_row(job, p), b.left = phase_column(job, p);
    int64_t bottom = b.top, right = b.left, most = 1; /* where taps reach, and how many a phase has */
    for (int64_t i = 0; i < job->together; i++) {
        const phase *q = &job->phases[i];
        int64_t top = phase_row(job, q), left = phase_column(job, q);
        if (top < b.top) b.top = top;
        if (left < b.left) b.left = left;
        if (top + q->tap_h > bottom) bottom = top + q->tap_h;
        if (left + q->tap_w > right) right = left + q->tap_w;
        if (q->tap_h * q->tap_w > most) most = q->tap_h * q->tap_w;
    }
    b.channels = DEPTH / most;
    b.channels = b.channels < 1 ? 1 : b.channels > job->image_channels ? job->image_channels : b.channels;
    uint64_t m = (uint64_t)job->output_channels, images = (uint64_t)(job->g.batch * job->g.groups);
    b.down = (m + 263) / 264;
    b.m_rows = m <= 4 ? 4 : up_to((m + b.down - 1) / b.down, TILE_M);
    int64_t more_lines = (bottom - b.top - 1) / b.row_splits, more_columns = (right - b.left - 1) / b.splits;
    b.width = b.across = (int64_t)up_to((uint64_t)p->out_w, MF_WIDTH);
    if (p->out_w >= TILE_N && b.width * 4 <= p->out_w * 5) {
        int64_t wanted = (b.m_rows <= 4 ? 512 : b.m_rows <= 48 && job->together == 1 ? 256 : 128) / b.width;
        b.rows = wanted < 1 ? 1 : wanted > p->out_h ? p->out_h : wanted;
        while (b.rows > 1 && (uint64_t)((p->out_h + b.rows - 1) / b.rows) * images < 8) b.rows--;
        b.per_image = (uint64_t)((p->out_h + b.rows - 1) / b.rows);
        b.lines = b.rows + more_lines, b.pitch = b.width + more_columns;
        b.stride = (uint64_t)(b.rows * b.width);
        return b;
    }
    b.pitch = b.across = p->out_w + more_columns;
    if (run_width(&b, p, p->out_h) > 2 * p->out_h * p->out_w) return b;
    int64_t wanted = 256 / b.pitch;
    b.flat = 1;
    b.rows = wanted < 1 ? 1 : wanted > p->out_h ? p->out_h : wanted;
    b.per_image = (uint64_t)((p->out_h + b.rows - 1) / b.rows);
    while (b.m_rows > TILE_M && b.down * b.per_image * images < 8) {
        b.m_rows = up_to(b.m_rows / 2, TILE_M);
        b.down = (m + b.m_rows - 1) / b.m_rows;
    }
    b.lines = p->out_h + more_lines;
    b.width = run_width(&b, p, b.rows);
    b.stride = (uint64_t)b.width;
    return b;
}

/* Floats of a channel of a band. */
static uint64_t band_channel(const band *b) {
    return (uint64_t)(b->splits * b->row_splits * b->lines * b->pitch);
}
/* Floats of a task's band of its own. */
static uint64_t band_floats(const band *b) {
    return b->flat ? 0 : up_to((uint64_t)b->channels * band_channel(b), 16);
}
/* Floats of a phase's tile. */
static uint64_t band_tile(const band *b) {
    return up_to(b->m_rows * b->stride, 16);
}
/* Floats of a channel's rows of all phases, as they are stored. */
static uint64_t band_rows(const band *b) {
    const convolution_job *job = b->job;
    return job->together > 1 ? up_to((uint64_t)(b->rows * job->output_step_h * job->output_w), 16) : 0;
}

static band band_plan(const convolution_job *job) {
    band b = band_cut(job);
    b.blocks = b.per_image * b.down * (uint64_t)job->g.batch;
    for (int64_t i = 0; i < job->together; i++) b.depth += phase_depth(&b, &job->phases[i]);
    return b;
}

static int band_fits(const convolution_job *job) {
    return band_cut(job).rows > 0;
}

static footprint band_scratch(const convolution_job *job) {
    band b = band_plan(job);
    footprint f = {.shared = up_to(b.depth, 16),
                   .thread = band_floats(&b) + (uint64_t)job->together * band_tile(&b) + band_rows(&b) +
                             mf_expression_scratch(job->call->instruction->expression)};
    for (int64_t i = 0; i < job->together; i++) f.weights += phase_weights(job, &job->phases[i]);
    /* The last run reads on to the end of a vector. */
    if (b.flat)
        f.shared += (uint64_t)(job->g.batch * job->g.groups * job->image_channels) * band_channel(&b) + MF_WIDTH;
    return f;
}

static void band_pack(const convolution_job *job, const mf_pool *pool, float *packed) {
    band b = band_plan(job);
    for (int64_t i = 0; i < job->together; i++) {
        const phase *p = &job->phases[i];
        phase_pack(job, p, phase_depth(&b, p), pool, packed);
        packed += phase_weights(job, p);
    }
}

/* As tile_multiply, with row k of b at b + offsets[k], of so many rows and vectors of columns. */
static inline __attribute__((always_inline)) void band_multiply(const float *a, const float *b, const int32_t *offsets,
                                                                uint64_t depth, float *c, uint64_t c_stride, int add,
                                                                int rows, int vectors) {
    tile_row sum[TILE_M];
    tile_load(sum, c, c_stride, add, rows, vectors);
    tile_accumulate(sum, a, 1, TILE_M, b, 0, offsets, depth, rows, vectors);
    tile_store(sum, c, c_stride, rows, vectors);
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
static void band_offsets(const band *b, const phase *p, int32_t *offsets) {
    const convolution_job *job = b->job;
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
static void band_fill(const band *b, uint64_t image, int64_t first, int64_t channels, int64_t y, float *to) {
    const convolution_job *job = b->job;
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
static void band_fill_shared(void *context, size_t index, int worker) {
    (void)worker;
    const band *b = context;
    const convolution_job *job = b->job;
    uint64_t channels = (uint64_t)(job->g.groups * job->image_channels);
    band_fill(b, index / channels, (int64_t)(index % channels), 1, 0, b->filled + index * band_channel(b));
}

/* Stores a channel of a task: rows of each phase from row y on, whose tiles lie apart. Phases side by side are put together
   to whole rows of the output. */
static void band_store(const band *b, uint64_t image, uint64_t channel, int64_t y, int64_t rows, const float *c,
                       uint64_t apart, float *whole, evaluator *v) {
    const convolution_job *job = b->job;
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
static void band_task(void *context, size_t index, int worker) {
    const band *b = context;
    const convolution_job *job = b->job;
    uint64_t group = index / b->blocks, rest = index % b->blocks;
    uint64_t m0 = rest % b->down * b->m_rows, part = rest / b->down;
    uint64_t all = (uint64_t)job->output_channels, m = all - m0 < b->m_rows ? all - m0 : b->m_rows;
    uint64_t image = part / b->per_image, tile = band_tile(b);
    int64_t y = (int64_t)(part % b->per_image) * b->rows, left = job->phases[0].out_h - y,
            rows = left < b->rows ? left : b->rows;
    float *own = convolution_own(job, worker), *c = own + band_floats(b), *whole = c + (uint64_t)job->together * tile;
    evaluator v = evaluator_make(job->call->instruction->expression, whole + band_rows(b));
    int64_t runs = b->flat ? 1 : rows, width = b->flat ? run_width(b, &job->phases[0], rows) : b->width;
    for (int64_t channel = 0; channel < job->image_channels; channel += b->channels) {
        int64_t channels = job->image_channels - channel < b->channels ? job->image_channels - channel : b->channels,
                first = (int64_t)group * job->image_channels + channel;
        const float *pixels_in = own;
        if (b->flat)
            pixels_in = b->filled + (uint64_t)(y * b->pitch) +
                        (image * (uint64_t)(job->g.groups * job->image_channels) + (uint64_t)first) * band_channel(b);
        else
            band_fill(b, image, first, channels, y, own);
        const int32_t *at = b->offsets;
        const float *weights = job->weights;
        for (int64_t i = 0; i < job->together; i++) {
            const phase *p = &job->phases[i];
            uint64_t taps = (uint64_t)(p->tap_h * p->tap_w), depth = (uint64_t)channels * taps;
            const float *a =
                weights + group * packed_weights(job, p) + up_to(all, TILE_M) * (uint64_t)channel * taps + m0 * depth;
            for (int64_t r = 0; r < runs; r++)
                band_row(a, pixels_in + r * b->pitch, at, depth, c + (uint64_t)i * tile + (uint64_t)(r * b->across),
                         b->stride, channel > 0, m, (uint64_t)width);
            at += phase_depth(b, p), weights += phase_weights(job, p);
        }
    }
    for (uint64_t i = 0; i < m; i++)
        band_store(b, image, group * all + m0 + i, y, rows, c + i * b->stride, tile, whole, &v);
}

static void band_run(const convolution_job *job, const mf_pool *pool) {
    band b = band_plan(job);
    int32_t *to = (int32_t *)(void *)job->shared;
    b.offsets = to, b.filled = job->shared + up_to(b.depth, 16);
    for (int64_t i = 0; i < job->together; i++) {
        band_offsets(&b, &job->phases[i], to);
        to += phase_depth(&b, &job->phases[i]);
    }
    if (b.flat)
        mf_parallel_for(pool, (size_t)(job->g.batch * job->g.groups * job->image_channels), band_fill_shared, &b);
    mf_parallel_for(pool, (size_t)job->g.groups * b.blocks, band_task, &b);
}

static const strategy band_strategy = {band_fits, band_scratch, band_pack, band_run};
