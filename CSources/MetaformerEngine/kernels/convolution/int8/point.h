/*
 * One tap in integers: a product of the weights and the image's planes. A task takes some chunks of pixels, rounded and
 * interleaved by four channels into panels of its own, and some output channels, a tile of them at a time.
 */
enum { POINT_INT8_TASKS = 16 };

typedef struct point_int8 {
    const int8_job *job;
    uint64_t channels, filters, plane; /* of an image: k, m and n of the product */
    uint64_t chunks, across;           /* of a task, and tasks over an image */
    uint64_t rows, down;               /* output channels of a task, and tasks over all of them */
} point_int8;

/* A filter's weights, in its row of a panel of tiles; those of no filter are 0. */
static void point_int8_pack(void *context, size_t filter, int worker) {
    (void)worker;
    const int8_job *job = context;
    uint64_t k = (uint64_t)job->g.channels, tile = filter / POINT_INT8_TILE * POINT_INT8_TILE;
    int32_t *to = job->words + (tile * job->quads + filter % POINT_INT8_TILE) * QUAD_WORDS;
    const float *w = job->call->inputs[1] + filter * k;
    float most = mf_int8_most(w, k);
    job->sums[filter] = 0;
    for (uint64_t q = 0; q < job->quads; q++) {
        int8_t four[4] = {0};
        for (uint64_t i = 0; i < 4 && 4 * q + i < k; i++)
            job->sums[filter] += four[i] = (int8_t)mf_int8_weight(w[4 * q + i], most, MF_INT8_POINT_WEIGHT);
        quads_weights(four, to + q * POINT_INT8_TILE * QUAD_WORDS);
    }
    job->scales[filter] = most / MF_INT8_POINT_WEIGHT;
    static const int8_t none[4] = {0};
    for (uint64_t row = filter + 1; filter + 1 == (uint64_t)job->g.filters && row < tile + POINT_INT8_TILE; row++)
        for (uint64_t q = 0; q < job->quads; q++)
            quads_weights(none, to + (row - filter + q * POINT_INT8_TILE) * QUAD_WORDS);
}

static point_int8 point_int8_plan(const int8_job *job) {
    point_int8 p = {.job = job,
                    .channels = (uint64_t)job->g.channels,
                    .filters = (uint64_t)job->g.filters,
                    .plane = (uint64_t)(job->g.height * job->g.width)};
    uint64_t chunks = (p.plane + CHUNK - 1) / CHUNK;
    p.chunks = (chunks + POINT_INT8_TASKS - 1) / POINT_INT8_TASKS;
    p.chunks = p.chunks > POINT_INT8_CHUNKS ? POINT_INT8_CHUNKS : p.chunks;
    p.across = (chunks + p.chunks - 1) / p.chunks;
    p.down = (POINT_INT8_TASKS + p.across - 1) / p.across;
    p.rows = up_to((p.filters + p.down - 1) / p.down, POINT_INT8_TILE);
    p.down = (p.filters + p.rows - 1) / p.rows;
    return p;
}

/* ---- Pixels ------------------------------------------------------------------------------------------------------ */

/* A channel of n pixels from at on; the others of the chunk are of no account. */
static inline __attribute__((always_inline)) vi point_int8_bytes(const mf_call *call, uint64_t at, uint64_t n, vf low,
                                                                 vf inverse, int is_bytes, int is_whole) {
    if (is_bytes)
        return is_whole ? bytes_load(mf_int8_input(call) + at) : bytes_load_first(mf_int8_input(call) + at, n);
    const float *x = call->inputs[0] + at;
    float first[CHUNK];
    if (!is_whole) v_clear(first, CHUNK), v_copy(first, x, (int64_t)n), x = first;
    return bytes_of(x, low, inverse);
}

/* A panel of n pixels: four vectors a quad of channels, or, where one holds them all, one. */
static inline __attribute__((always_inline)) void point_int8_fill(const point_int8 *p, uint64_t at, uint64_t n,
                                                                  mf_int8_range range, uint8_t *panel, int is_bytes,
                                                                  int is_whole) {
    const mf_call *call = p->job->call;
    vf low = v_splat(range.low), inverse = v_splat(range.inverse);
    for (uint64_t channel = 0; channel < p->channels; channel += 4) {
        vi four[4];
        for (uint64_t i = 0; i < 4; i++) {
            four[i] = (vi){0};
            if (channel + i < p->channels)
                four[i] = point_int8_bytes(call, at + (channel + i) * p->plane, n, low, inverse, is_bytes, is_whole);
        }
        if (!is_whole && n <= MF_WIDTH) {
            uint8_t all[4 * VECTOR_BYTES];
            bytes_interleave(bytes_spread(four[0]), bytes_spread(four[1]), bytes_spread(four[2]), bytes_spread(four[3]),
                             all);
            bytes_keep(panel, bytes_load(all));
            panel += VECTOR_BYTES;
        } else {
            bytes_interleave(four[0], four[1], four[2], four[3], panel);
            panel += 4 * VECTOR_BYTES;
        }
    }
}

static void point_int8_panel(const point_int8 *p, uint64_t image, uint64_t x, uint64_t n, mf_int8_range range,
                             uint8_t *panel) {
    uint64_t at = image * p->channels * p->plane + x;
    int is_bytes = p->job->call->input_high > 0;
    if (n == CHUNK && is_bytes)
        point_int8_fill(p, at, n, range, panel, 1, 1);
    else if (n == CHUNK)
        point_int8_fill(p, at, n, range, panel, 0, 1);
    else
        point_int8_fill(p, at, n, range, panel, is_bytes, 0);
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

/* sum[rows][vectors]: of a tile's rows over so many vectors of a panel, whose quads lie step apart. */
static inline __attribute__((always_inline)) void point_int8_sums(const int32_t *w, const uint8_t *panel, uint64_t step,
                                                                  uint64_t depth, vi (*sum)[4], int first, int rows,
                                                                  int vectors) {
    vi own[POINT_INT8_TILE][4];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) own[r][j] = (vi){0};
    for (uint64_t q = 0; q < depth; q++, panel += step, w += POINT_INT8_TILE * QUAD_WORDS) {
        quads x[4];
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) x[j] = quads_of(bytes_load(panel + (first + j) * VECTOR_BYTES));
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++) own[r][j] = quads_dot(own[r][j], x[j], w + r * QUAD_WORDS);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) sum[r][first + j] = own[r][j];
}

/* What a task finds of the values that it stores: the range of its part of the image. */
typedef struct point_int8_found {
    vf low, high;
} point_int8_found;

/* A row of n pixels from at on in the output, in so many vectors: four, or one that holds them all. */
static inline __attribute__((always_inline)) void point_int8_store(const int8_job *job, const vi *sum,
                                                                   mf_int8_line line, uint64_t at,
                                                                   const float *residual, uint64_t n, int vectors,
                                                                   point_int8_found *found) {
    const mf_call *call = job->call;
    vf v[4];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) v[j] = int8_value(sum[j], line);
    if (call->output_high > 0) {
        uint8_t *to = mf_int8_output(call) + at;
        if (vectors == 1) {
            bytes_store_first(to, v[0], n);
            return;
        }
        vi packed = bytes_pack(bytes_whole(v[0]), bytes_whole(v[1]), bytes_whole(v[2]), bytes_whole(v[3]));
        if (n == CHUNK) {
            bytes_keep(to, packed);
        } else {
            uint8_t all[CHUNK];
            bytes_keep(all, packed);
            memcpy(to, all, n);
        }
        return;
    }
    if (vectors == 4) bytes_reorder(v);
    float *to = call->output + at;
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) {
        uint64_t from = (uint64_t)j * MF_WIDTH;
        if (n >= from + MF_WIDTH) {
            if (residual) v[j] = v_load(residual + from) + v[j];
            v[j] = int8_limited(&job->affine, v[j]);
            v_store(to + from, v[j]);
        } else if (n > from) {
            if (residual) v[j] = v_load_first(residual + from, n - from) + v[j];
            v[j] = int8_limited(&job->affine, v[j]);
            v_store_first(to + from, v[j], n - from);
            v[j] = v_first_alone(v[j], n - from);
        } else {
            continue;
        }
        found->low = v_min(v[j], found->low), found->high = v_max(v[j], found->high);
    }
}

/* Some rows of a tile, from first on, over a panel of n pixels from x on. */
static inline __attribute__((always_inline)) void point_int8_tile(const point_int8 *p, uint64_t image, uint64_t filter,
                                                                  uint64_t first, uint64_t x, uint64_t n,
                                                                  const uint8_t *panel, int rows, int vectors,
                                                                  point_int8_found *found) {
    const int8_job *job = p->job;
    const mf_call *call = job->call;
    const int32_t *w = job->words + (filter * job->quads + first) * QUAD_WORDS;
    int at_once = vectors < POINT_INT8_VECTORS ? vectors : POINT_INT8_VECTORS;
    vi sum[POINT_INT8_TILE][4];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j += at_once)
        point_int8_sums(w, panel, (uint64_t)vectors * VECTOR_BYTES, job->quads, sum, j, rows, at_once);
    const mf_int8_line *lines = job->lines + image * p->filters + filter + first;
    uint64_t at = (image * p->filters + filter + first) * p->plane + x, further = 0;
    const float *residual = NULL;
    if (job->affine.residual >= 0) {
        residual = mf_convolution_operand(call, job->affine.residual, image, filter + first) + x;
        further = mf_convolution_strides(call, job->affine.residual)->row;
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++, at += p->plane, residual += further)
        point_int8_store(job, sum[r], lines[r], at, residual, n, vectors, found);
}

static inline __attribute__((always_inline)) void point_int8_rows(const point_int8 *p, uint64_t image, uint64_t filter,
                                                                  uint64_t rows, uint64_t x, uint64_t n,
                                                                  const uint8_t *panel, int vectors,
                                                                  point_int8_found *found) {
    for (uint64_t r = 0; r < rows;) {
        uint64_t left = rows - r;
        if (left >= POINT_INT8_TILE)
            point_int8_tile(p, image, filter, r, x, n, panel, POINT_INT8_TILE, vectors, found), r += POINT_INT8_TILE;
        else if (left >= 4)
            point_int8_tile(p, image, filter, r, x, n, panel, 4, vectors, found), r += 4;
        else if (left >= 2)
            point_int8_tile(p, image, filter, r, x, n, panel, 2, vectors, found), r += 2;
        else
            point_int8_tile(p, image, filter, r, x, n, panel, 1, vectors, found), r++;
    }
}

/* Some chunks of an image, and some output channels: as many panels at once as stay in the nearest cache. */
static void point_int8_task(void *context, size_t index, int worker) {
    const point_int8 *p = context;
    const int8_job *job = p->job;
    uint64_t part = index / p->across, first = part % p->down * p->rows, image = part / p->down,
             begin = index % p->across * p->chunks * CHUNK;
    uint64_t last = first + p->rows < p->filters ? first + p->rows : p->filters;
    uint64_t end = begin + p->chunks * CHUNK < p->plane ? begin + p->chunks * CHUNK : p->plane;
    uint64_t size = job->quads * 4 * VECTOR_BYTES;
    uint8_t *panels = int8_own(job, worker);
    mf_int8_range range = int8_range(job, image);
    point_int8_found found = {v_splat(INFINITY), v_splat(-INFINITY)};
    for (; begin < end; begin += job->together * CHUNK) {
        uint64_t stop = begin + job->together * CHUNK < end ? begin + job->together * CHUNK : end;
        for (uint64_t x = begin; x < stop; x += CHUNK)
            point_int8_panel(p, image, x, stop - x < CHUNK ? stop - x : CHUNK, range,
                             panels + (x - begin) / CHUNK * size);
        for (uint64_t filter = first; filter < last; filter += POINT_INT8_TILE) {
            uint64_t rows = last - filter < POINT_INT8_TILE ? last - filter : POINT_INT8_TILE;
            for (uint64_t x = begin; x < stop; x += CHUNK) {
                uint64_t n = stop - x < CHUNK ? stop - x : CHUNK;
                const uint8_t *panel = panels + (x - begin) / CHUNK * size;
                if (n > MF_WIDTH)
                    point_int8_rows(p, image, filter, rows, x, n, panel, 4, &found);
                else
                    point_int8_rows(p, image, filter, rows, x, n, panel, 1, &found);
            }
        }
    }
    if (job->call->output_extremes)
        mf_int8_extend(&job->call->output_extremes[image], -v_highest(-found.low), v_highest(found.high));
}

static void point_int8_run(const int8_job *job, const mf_pool *pool) {
    point_int8 p = point_int8_plan(job);
    for (int64_t b = 0; job->call->output_extremes && b < job->g.batch; b++)
        job->call->output_extremes[b] = mf_int8_nothing();
    mf_parallel_for(pool, p.across * p.down * (uint64_t)job->g.batch, point_int8_task, &p);
}
