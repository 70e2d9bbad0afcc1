/*
 * Convolution of one tap at stride 1: a product of the weights and the image's planes where they lie. A task takes some
 * pixels and some output channels; a tile of pixels stays in the nearest cache while all of them read it, copied there where
 * planes lie far apart. A scale and a shift, with limits or a residual, are applied before a tile leaves the registers.
 */
enum { POINT_TASKS = 16, POINT_COLUMNS = 512 };

/* Planes of so many pixels lie a page apart or more: the nearest cache keeps too few of the lines that a tile reads. So many
   pixels are then copied at a time. */
enum { POINT_APART = 1024, POINT_CHUNK = 32 };

/* An output of so many bytes outlives no cache of one core: it is written past them, without reading what it replaces. */
enum { POINT_STREAMED = 3 << 20 };

/* How it is cut into tasks. */
typedef struct point {
    const convolution_job *job;
    uint64_t columns, across; /* pixels of a task, and tasks over an image; 0 where it does not fit */
    uint64_t m_rows, down;    /* output channels of a task, and tasks over all of them */
    int packs;                /* a tile of pixels is copied, all k side by side, before it is read */
} point;

static point point_plan(const convolution_job *job) {
    const mf_geometry *g = &job->g;
    const phase *p = &job->phases[0];
    point none = {.job = job};
    uint64_t n = (uint64_t)(p->out_h * p->out_w), m = (uint64_t)job->output_channels;
    if (g->kernel_h != 1 || g->kernel_w != 1 || g->stride_h != 1 || g->stride_w != 1 || g->groups != 1) return none;
    if (g->pad_top != 0 || g->pad_left != 0 || p->out_h != job->image_h || p->out_w != job->image_w) return none;
    if (n == 0 || n % MF_WIDTH != 0 || m < 4 || p->k == 0 || !finish_fits(job)) return none;
    point q = {.job = job, .columns = n / POINT_TASKS / TILE_N * TILE_N};
    q.columns = q.columns < TILE_N ? TILE_N : q.columns > POINT_COLUMNS ? POINT_COLUMNS : q.columns;
    q.across = (n + q.columns - 1) / q.columns;
    q.down = (POINT_TASKS + q.across - 1) / q.across;
    q.m_rows = up_to((m + q.down - 1) / q.down, TILE_M);
    q.down = (m + q.m_rows - 1) / q.m_rows;
    q.packs = n >= POINT_APART && m >= 2 * TILE_M;
    return q;
}

static int point_fits(const convolution_job *job) {
    return point_plan(job).columns > 0;
}

/* A thread has the sums of all channels of a task, and a block of k, of the pixels that it takes at a time. */
static footprint point_scratch(const convolution_job *job) {
    return (footprint){.weights = phase_weights(job, &job->phases[0]),
                       .thread = (point_plan(job).m_rows + DEPTH) * POINT_CHUNK};
}

/* A tile of so many channels and vectors of pixels, over a block of k: sums go on in c where more are to come, and are
   finished into out after the last. Planes of the image and of the output lie plane apart. */
static inline __attribute__((always_inline)) void point_tile(const float *a, const float *b, uint64_t b_step,
                                                             uint64_t plane, uint64_t depth, float *c, int is_first,
                                                             int is_last, const finish *f, float *out, int streams,
                                                             int rows, int vectors) {
    tile_row sum[TILE_M];
    tile_load(sum, c, TILE_N, !is_first, rows, vectors);
    tile_accumulate(sum, a, 1, TILE_M, b, b_step, NULL, depth, rows, vectors);
    if (!is_last) {
        tile_store(sum, c, TILE_N, rows, vectors);
        return;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        vf scale = v_splat(f->scale[(uint64_t)i * f->scale_row]), shift = v_splat(f->shift[(uint64_t)i * f->shift_row]);
        const float *residual = f->residual + (uint64_t)i * f->residual_row;
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) {
            vf x = finish_vector(f, sum[i][j], scale, shift, residual + j * MF_WIDTH);
            if (streams)
                v_stream(out + (uint64_t)i * plane + j * MF_WIDTH, x);
            else
                v_store(out + (uint64_t)i * plane + j * MF_WIDTH, x);
        }
    }
}

/* All channels of a task in a tile of pixels. */
static inline __attribute__((always_inline)) void point_column(const float *a, const float *b, uint64_t b_step,
                                                               uint64_t plane, uint64_t depth, float *c, int is_first,
                                                               int is_last, finish f, float *out, int streams,
                                                               uint64_t m, int vectors) {
    for (uint64_t i = 0; i < m; i += TILE_M) {
        uint64_t rows = m - i < TILE_M ? m - i : TILE_M;
        /* Channels that are too few for a tile go by fours. */
        for (uint64_t r = 0; r < rows;) {
            const float *weights = a + i * depth + r;
            uint64_t count = rows - r == TILE_M ? TILE_M : rows - r >= 4 ? 4 : 1;
            if (count == TILE_M)
                point_tile(weights, b, b_step, plane, depth, c, is_first, is_last, &f, out, streams, TILE_M, vectors);
            else if (count == 4)
                point_tile(weights, b, b_step, plane, depth, c, is_first, is_last, &f, out, streams, 4, vectors);
            else
                point_tile(weights, b, b_step, plane, depth, c, is_first, is_last, &f, out, streams, 1, vectors);
            r += count, c += count * TILE_N, out += count * plane;
            f.scale += count * f.scale_row, f.shift += count * f.shift_row, f.residual += count * f.residual_row;
        }
    }
}

/* Some pixels of an image, and some output channels. */
static void point_task(void *context, size_t index, int worker) {
    const point *q = context;
    const convolution_job *job = q->job;
    uint64_t k = job->phases[0].k, all = (uint64_t)job->output_channels,
             plane = (uint64_t)(job->image_h * job->image_w);
    uint64_t m0 = index % q->down * q->m_rows, m = all - m0 < q->m_rows ? all - m0 : q->m_rows;
    uint64_t x0 = index / q->down % q->across * q->columns, image = index / q->down / q->across;
    uint64_t end = plane - x0 < q->columns ? plane : x0 + q->columns;
    float *c = convolution_own(job, worker), *panels = c + q->m_rows * POINT_CHUNK,
          *out = job->call->output + (image * all + m0) * plane;
    finish f = finish_make(job, image, m0, x0);
    uint64_t chunk = q->packs ? POINT_CHUNK : TILE_N;
    int streams = all * plane * sizeof(float) >= POINT_STREAMED && (uintptr_t)out % sizeof(vf) == 0;
    for (uint64_t x = x0; x < end; x += chunk) {
        uint64_t n = end - x < chunk ? end - x : chunk, tiles = n / TILE_N * TILE_N;
        for (uint64_t k0 = 0; k0 < k; k0 += DEPTH) {
            uint64_t depth = k - k0 < DEPTH ? k - k0 : DEPTH;
            const float *a = job->weights + up_to(all, TILE_M) * k0 + m0 * depth;
            const float *b = job->call->inputs[0] + (image * k + k0) * plane + x;
            int is_first = k0 == 0, is_last = k0 + depth == k;
            if (q->packs) pack_columns(b, plane, 1, tiles, depth, panels);
            for (uint64_t i = 0; i < n;) {
                int is_tile = i < tiles, is_packed = is_tile && q->packs;
                const float *from = is_packed ? panels + i * depth : b + i;
                uint64_t step = is_packed ? TILE_N : plane;
                float *sums = c + i * q->m_rows, *to = out + x + i;
                finish at = f;
                if (f.a.residual >= 0) at.residual += x - x0 + i;
                if (is_tile)
                    point_column(a, from, step, plane, depth, sums, is_first, is_last, at, to, streams, m, VECTORS);
                else
                    point_column(a, from, step, plane, depth, sums, is_first, is_last, at, to, streams, m, 1);
                i += is_tile ? TILE_N : MF_WIDTH;
            }
        }
    }
    if (streams) v_streamed();
}

static void point_run(const convolution_job *job, const mf_pool *pool) {
    point q = point_plan(job);
    mf_parallel_for(pool, q.across * q.down * (uint64_t)job->g.batch, point_task, &q);
}

static const strategy point_strategy = {point_fits, point_scratch, convolution_pack_deep, point_run};
