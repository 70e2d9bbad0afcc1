/*
 * One channel to one in integers. A task takes some output rows of a plane, or some planes; their band of the image is copied
 * with zeros around it, and the taps of a row go by pairs. Their weights have 16 bits: they are few, and are what rounding
 * costs most.
 */
enum { DEPTHWISE_INT8_ROWS = 4, DEPTHWISE_INT8_BYTES = 16384, DEPTHWISE_INT8_TASKS = 32 };

/* Bytes of a line of a band. */
static uint64_t depthwise_int8_pitch(const mf_geometry *g) {
    return up_to((uint64_t)((g->out_width - 1) * g->stride_w + g->kernel_w), 16);
}

/* Output rows of a task. */
static uint64_t depthwise_int8_rows(const mf_geometry *g) {
    uint64_t lines = DEPTHWISE_INT8_BYTES / depthwise_int8_pitch(g) / (uint64_t)g->stride_h,
             all = (uint64_t)g->out_height, rows = lines / DEPTHWISE_INT8_ROWS * DEPTHWISE_INT8_ROWS;
    rows = rows < DEPTHWISE_INT8_ROWS ? DEPTHWISE_INT8_ROWS : rows;
    return rows < all ? rows : all;
}

/* Bytes of a band, past whose end vectors reach. */
static size_t depthwise_int8_band(const mf_geometry *g) {
    uint64_t lines = (depthwise_int8_rows(g) - 1) * (uint64_t)g->stride_h + (uint64_t)g->kernel_h;
    return lines * depthwise_int8_pitch(g) + 4 * VECTOR_BYTES;
}

/* A filter's rows, each of two or three pairs. */
static void depthwise_int8_pack(void *context, size_t filter, int worker) {
    (void)worker;
    const int8_job *job = context;
    uint64_t kernel = (uint64_t)job->g.kernel_w, per_row = (kernel + 1) / 2;
    const float *w = job->call->inputs[1] + filter * kernel * kernel;
    float most = mf_int8_most(w, kernel * kernel);
    job->scales[filter] = most / MF_INT8_DEPTHWISE_WEIGHT, job->sums[filter] = 0;
    for (uint64_t q = 0; q < job->row_words; q++) {
        int16_t two[2] = {0};
        uint64_t column = q % per_row * 2;
        for (uint64_t i = 0; i < 2 && column + i < kernel; i++)
            two[i] = mf_int8_weight(w[q / per_row * kernel + column + i], most, MF_INT8_DEPTHWISE_WEIGHT);
        memcpy(job->words + filter * job->row_words + q, two, sizeof two);
    }
}

/* Copies n bytes in pieces of one size, the last of which may overlap the one before it: calls of memcpy would take longer. */
static inline void depthwise_int8_copy(uint8_t *to, const uint8_t *from, int64_t n) {
#define MF_PIECES(size)                                                                                                \
    if (n >= (size)) {                                                                                                 \
        for (int64_t i = 0; i + (size) < n; i += (size)) memcpy(to + i, from + i, size);                               \
        memcpy(to + n - (size), from + n - (size), size);                                                              \
        return;                                                                                                        \
    }
    MF_PIECES(VECTOR_BYTES)
    MF_PIECES(16)
    MF_PIECES(8)
#undef MF_PIECES
    for (int64_t i = 0; i < n; i++) to[i] = from[i];
}

/* A row of n pixels, after so many zeros, fewer than a kernel is wide, and before others: the line is pitch bytes, what follows
   it may be written to. */
static inline void depthwise_int8_line(const uint8_t *from, int64_t before, int64_t n, int64_t pitch, uint8_t *to) {
#if MF_WIDTH == 16
    bytes_keep(to, (vi){0});
    for (int64_t i = 0; before + i < pitch; i += VECTOR_BYTES) {
        uint64_t mask = i >= n ? 0 : n - i >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (n - i)) - 1;
        _mm512_storeu_si512(to + before + i, _mm512_maskz_loadu_epi8(mask, from + i));
    }
#else
    memset(to, 0, 8);
    depthwise_int8_copy(to + before, from, n);
    for (int64_t i = before + n; i < pitch; i += 16) memset(to + i, 0, 16);
#endif
}

/* The lines that output rows from y on read. */
static void depthwise_int8_fill(const int8_job *job, uint64_t plane, int64_t y, int64_t rows, uint8_t *to) {
    const mf_geometry *g = &job->g;
    int64_t pitch = (int64_t)depthwise_int8_pitch(g), top = y * g->stride_h - g->pad_top,
            end = top + (rows - 1) * g->stride_h + g->kernel_h,
            n = pitch - g->pad_left < g->width ? pitch - g->pad_left : g->width;
    const uint8_t *image = mf_int8_input(job->call) + plane * (uint64_t)(g->height * g->width);
    for (int64_t row = top; row < end; row++, to += pitch) {
        int is_inside = row >= 0 && row < g->height;
        depthwise_int8_line(image + (is_inside ? row * g->width : 0), g->pad_left, is_inside ? n : 0, pitch, to);
    }
}

/* What line i of a band gives to the sums of so many output rows, each in two parts that do not wait for each other. */
static inline __attribute__((always_inline)) void depthwise_int8_taps(const int32_t *words, const uint8_t *line, int i,
                                                                      int kernel, int step, int rows, vi (*sum)[2]) {
    pairs x = bytes_pairs(line, step);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        int tap = i - r * step;
        if (tap < 0 || tap >= kernel) continue;
        const int32_t *w = words + tap * ((kernel + 1) / 2);
        sum[r][0] = pairs_dot(sum[r][0], x.first, w[0]), sum[r][1] = pairs_dot(sum[r][1], x.second, w[1]);
        if (kernel > 4) sum[r][tap % 2] = pairs_dot(sum[r][tap % 2], x.third, w[2]);
    }
}

/* A vector of n pixels, at most all, in some rows; from at on in the output. */
static inline __attribute__((always_inline)) void depthwise_int8_tile(const int8_job *job, const int32_t *words,
                                                                      mf_int8_line line, const uint8_t *from,
                                                                      uint64_t pitch, uint64_t at, uint64_t n,
                                                                      int kernel, int step, int rows) {
    vi sum[DEPTHWISE_INT8_ROWS][2];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = (vi){0};
        /* Written out: compilers do not unroll a loop over lines that not all rows take part in. */
#define MF_LINE(i)                                                                                                     \
    if ((i) < (rows - 1) * step + kernel)                                                                              \
    depthwise_int8_taps(words, from + (uint64_t)(i)*pitch, i, kernel, step, rows, sum)
    MF_LINE(0);
    MF_LINE(1);
    MF_LINE(2);
    MF_LINE(3);
    MF_LINE(4);
    MF_LINE(5);
    MF_LINE(6);
    MF_LINE(7);
    MF_LINE(8);
    MF_LINE(9);
    MF_LINE(10);
#undef MF_LINE
    int holds_bytes = job->call->output_high > 0;
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++, at += (uint64_t)job->g.out_width) {
        vf v = int8_value(sum[r][0] + sum[r][1], line);
        if (holds_bytes) {
            bytes_store_first(mf_int8_output(job->call) + at, v, n);
            continue;
        }
        v = int8_limited(&job->affine, v);
        if (n == MF_WIDTH)
            v_store(job->call->output + at, v);
        else
            v_store_first(job->call->output + at, v, n);
    }
}

/* The rows of a band, from at on in the output. */
static inline __attribute__((always_inline)) void depthwise_int8_band_rows(const int8_job *job, const int32_t *words,
                                                                           mf_int8_line line, const uint8_t *band,
                                                                           uint64_t at, uint64_t rows, int kernel,
                                                                           int step) {
    uint64_t width = (uint64_t)job->g.out_width, pitch = depthwise_int8_pitch(&job->g);
    for (uint64_t r = 0; r < rows;) {
        uint64_t count = r + DEPTHWISE_INT8_ROWS <= rows ? DEPTHWISE_INT8_ROWS : 1;
        const uint8_t *from = band + r * (uint64_t)step * pitch;
        for (uint64_t x = 0; x < width; x += MF_WIDTH) {
            uint64_t n = width - x < MF_WIDTH ? width - x : MF_WIDTH;
            if (count == 1)
                depthwise_int8_tile(job, words, line, from + x * (uint64_t)step, pitch, at + x, n, kernel, step, 1);
            else
                depthwise_int8_tile(job, words, line, from + x * (uint64_t)step, pitch, at + x, n, kernel, step,
                                    DEPTHWISE_INT8_ROWS);
        }
        r += count, at += count * width;
    }
}

/* How planes are cut into tasks. */
typedef struct depthwise_int8 {
    const int8_job *job;
    uint64_t rows, down;     /* output rows of a task, and tasks over a plane */
    uint64_t planes, across; /* planes of a task where it takes whole ones, otherwise 1, and tasks over all of them */
} depthwise_int8;

static void depthwise_int8_task(void *context, size_t index, int worker) {
    const depthwise_int8 *d = context;
    const int8_job *job = d->job;
    const mf_geometry *g = &job->g;
    uint64_t all = (uint64_t)(g->batch * g->filters), first = index / d->down * d->planes,
             end = first + d->planes < all ? first + d->planes : all;
    int64_t y = (int64_t)(index % d->down * d->rows), left = g->out_height - y,
            rows = left < (int64_t)d->rows ? left : (int64_t)d->rows;
    /* The next plane's band is copied before this one's is read, so that what was stored last is not loaded at once. */
    uint8_t *band = int8_own(job, worker), *next = band + depthwise_int8_band(g);
    depthwise_int8_fill(job, first, y, rows, next);
    for (uint64_t plane = first; plane < end; plane++) {
        const int32_t *words = job->words + plane % (uint64_t)g->filters * job->row_words;
        mf_int8_line line = job->lines[plane];
        uint64_t at = (plane * (uint64_t)g->out_height + (uint64_t)y) * (uint64_t)g->out_width, count = (uint64_t)rows;
        uint8_t *filled = next;
        next = band, band = filled;
        if (plane + 1 < end) depthwise_int8_fill(job, plane + 1, y, rows, next);
        if (g->kernel_h == 3 && g->stride_h == 1)
            depthwise_int8_band_rows(job, words, line, band, at, count, 3, 1);
        else if (g->kernel_h == 3)
            depthwise_int8_band_rows(job, words, line, band, at, count, 3, 2);
        else if (g->stride_h == 1)
            depthwise_int8_band_rows(job, words, line, band, at, count, 5, 1);
        else
            depthwise_int8_band_rows(job, words, line, band, at, count, 5, 2);
    }
}

static void depthwise_int8_run(const int8_job *job, const mf_pool *pool) {
    const mf_geometry *g = &job->g;
    uint64_t all = (uint64_t)(g->batch * g->filters);
    depthwise_int8 d = {.job = job, .rows = depthwise_int8_rows(g)};
    d.down = ((uint64_t)g->out_height + d.rows - 1) / d.rows;
    d.planes = d.down > 1 ? 1 : (all + DEPTHWISE_INT8_TASKS - 1) / DEPTHWISE_INT8_TASKS;
    d.across = (all + d.planes - 1) / d.planes;
    mf_parallel_for(pool, (size_t)(d.across * d.down), depthwise_int8_task, &d);
}
