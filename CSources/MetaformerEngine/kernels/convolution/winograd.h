/*
 * Convolution of 3 x 3 taps at stride 1 by Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray, "Fast Algorithms
 * for Convolutional Neural Networks", 2016): 36 products for a tile of 4 x 4 outputs in place of 144.
 *
 * Tiles and weights are brought to 36 points; at each point, tiles and channels are a product of matrices; its results
 * are brought back to pixels. Tiles are taken a chunk at a time, so that a chunk's three matrices stay in the caches. What
 * a tile's results are does not depend on the tiles beside it.
 */
enum { WINOGRAD_OUT = 4, WINOGRAD_IN = 6, WINOGRAD_POINTS = 36, WINOGRAD_TILES = 128, WINOGRAD_CHANNELS = 16 };

typedef struct winograd {
    const convolution_job *job;
    uint64_t across, down;   /* tiles of an image; a row of tiles is all those of four output rows */
    uint64_t rows;           /* rows of tiles in a chunk, of one image or several; 0 where the phase does not fit */
    uint64_t tiles;          /* of a chunk, rounded up to TILE_N */
    uint64_t m;              /* output channels, rounded up to TILE_M */
    uint64_t pitch;          /* floats of a line of the image with its borders */
    uint64_t first, count;   /* the rows of tiles of the chunk at work */
    float *pixels, *results; /* of the chunk, at all points */
} winograd;

static winograd winograd_plan(const convolution_job *job) {
    const mf_geometry *g = &job->g;
    const phase *p = &job->phases[0];
    winograd w = {.job = job, .across = ((uint64_t)p->out_w + 3) / 4, .down = ((uint64_t)p->out_h + 3) / 4};
    if (g->kernel_h != 3 || g->kernel_w != 3 || g->stride_h != 1 || g->stride_w != 1 || g->groups != 1) return w;
    if (job->image_channels < WINOGRAD_CHANNELS || job->output_channels < WINOGRAD_CHANNELS) return w;
    uint64_t tiles = w.across * w.down;
    if (2 * tiles < TILE_N || 16 * tiles * 2 > 3 * (uint64_t)(p->out_h * p->out_w)) return w;
    uint64_t all = w.down * (uint64_t)g->batch, chunk = WINOGRAD_TILES / w.across;
    chunk = chunk < 1 ? 1 : chunk > all ? all : chunk;
    uint64_t chunks = (all + chunk - 1) / chunk;
    w.rows = (all + chunks - 1) / chunks;
    w.tiles = up_to(w.rows * w.across, TILE_N);
    w.m = up_to((uint64_t)job->output_channels, TILE_M);
    w.pitch = up_to(4 * w.across + 2, MF_WIDTH);
    return w;
}

static int winograd_fits(const convolution_job *job) {
    return winograd_plan(job).rows > 0;
}

/* Floats of a chunk's tiles. */
static uint64_t winograd_chunk(const winograd *w) {
    return WINOGRAD_POINTS * w->tiles * (uint64_t)w->job->image_channels;
}

/* Floats of a thread's tiles and lines. */
static uint64_t winograd_thread(const winograd *w) {
    return WINOGRAD_POINTS * w->tiles + up_to(2 * WINOGRAD_IN * w->pitch, 16);
}

static footprint winograd_scratch(const convolution_job *job) {
    winograd w = winograd_plan(job);
    return (footprint){.weights = WINOGRAD_POINTS * w.m * (uint64_t)job->image_channels,
                       .shared = winograd_chunk(&w) + WINOGRAD_POINTS * w.tiles * w.m,
                       .thread = winograd_thread(&w) + mf_expression_scratch(job->call->instruction->expression)};
}

/* ---- Weights: G g transposed(G) ---------------------------------------------------------------------------------- */

static inline void winograd_weight_points(vf a, vf b, vf c, vf *to) {
    vf sum = (a + c) * (-1.0f / 6), half = v_fma(a, v_splat(1.0f / 24), c * (1.0f / 6));
    to[0] = a * 0.25f;
    to[1] = v_fma(b, v_splat(-1.0f / 6), sum);
    to[2] = v_fma(b, v_splat(1.0f / 6), sum);
    to[3] = v_fma(b, v_splat(1.0f / 12), half);
    to[4] = v_fma(b, v_splat(-1.0f / 12), half);
    to[5] = c;
}

/* A panel of TILE_M output channels, at all points. */
static void winograd_pack_weights(void *context, size_t panel, int worker) {
    (void)worker;
    enum { LANES = (TILE_M + MF_WIDTH - 1) / MF_WIDTH * MF_WIDTH };
    const weights_job *to_pack = context;
    const convolution_job *job = to_pack->job;
    const mf_geometry *g = &job->g;
    uint64_t m0 = panel * TILE_M, channels = (uint64_t)job->image_channels, m = (uint64_t)job->output_channels;
    uint64_t n = m - m0 < TILE_M ? m - m0 : TILE_M, plane = weight_panels(job) * TILE_M * channels;
    uint64_t channel = job->gradient ? (uint64_t)g->group_channels * 9 : 9,
             row = job->gradient ? 9 : (uint64_t)g->group_channels * 9;
    float taps[9][LANES], points[LANES];
    memset(taps, 0, sizeof taps);
    for (uint64_t c = 0; c < channels; c++) {
        const float *from = job->call->inputs[1] + m0 * row + c * channel;
        for (uint64_t i = 0; i < n; i++)
            for (uint64_t k = 0; k < 9; k++) taps[job->tap_move > 0 ? k : 8 - k][i] = from[i * row + k];
        float *to = to_pack->packed + m0 * channels + c * TILE_M;
        for (uint64_t v = 0; v < LANES; v += MF_WIDTH) {
            vf down[3][WINOGRAD_IN], across[WINOGRAD_IN];
            for (int k = 0; k < 3; k++)
                winograd_weight_points(v_load(taps[k] + v), v_load(taps[3 + k] + v), v_load(taps[6 + k] + v), down[k]);
            uint64_t lanes = TILE_M - v < MF_WIDTH ? TILE_M - v : MF_WIDTH;
            for (int i = 0; i < WINOGRAD_IN; i++) {
                winograd_weight_points(down[0][i], down[1][i], down[2][i], across);
                for (int j = 0; j < WINOGRAD_IN; j++) {
                    v_store(points, across[j]);
                    memcpy(to + (uint64_t)(i * WINOGRAD_IN + j) * plane + v, points, lanes * sizeof(float));
                }
            }
        }
    }
}

/* ---- Tiles: transposed(B) d B ------------------------------------------------------------------------------------ */

static inline void winograd_tile_points(const vf *d, vf *to) {
    const vf four = v_splat(4), minus_four = v_splat(-4), minus_five = v_splat(-5), two = v_splat(2);
    vf even = v_fma(minus_four, d[2], d[4]), odd = v_fma(minus_four, d[1], d[3]);
    vf near = d[4] - d[2], far = two * (d[3] - d[1]);
    to[0] = v_fma(four, d[0], v_fma(minus_five, d[2], d[4]));
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = near + far;
    to[4] = near - far;
    to[5] = v_fma(four, d[1], v_fma(minus_five, d[3], d[5]));
}

/* A channel of the chunk's tiles, at all points: into panels of TILE_N tiles that hold all channels. */
static void winograd_pack_tiles(void *context, size_t channel, int worker) {
    const winograd *w = context;
    const convolution_job *job = w->job;
    const phase *p = &job->phases[0];
    float *columns = convolution_own(job, worker); /* [row of a tile][column of a tile][tile] */
    float *lines = columns + WINOGRAD_POINTS * w->tiles, *points = lines + WINOGRAD_IN * w->pitch;
    int64_t back = job->tap_move > 0 ? 0 : 2;
    uint64_t channels = (uint64_t)job->image_channels, size = (uint64_t)(job->image_h * job->image_w);
    for (uint64_t r = 0; r < w->count; r++) {
        uint64_t image = (w->first + r) / w->down;
        int64_t top = p->origin_h - back + (int64_t)((w->first + r) % w->down) * 4;
        const float *plane = job->call->inputs[0] + (image * channels + channel) * size;
        for (int64_t i = 0; i < WINOGRAD_IN; i++) {
            float *line = lines + (uint64_t)i * w->pitch;
            if (top + i < 0 || top + i >= job->image_h)
                memset(line, 0, w->pitch * sizeof(float));
            else
                gather_columns(plane + (top + i) * job->image_w, job->image_w, p->origin_w - back, 1, (int64_t)w->pitch,
                               line);
        }
        for (uint64_t x = 0; x < w->pitch; x += MF_WIDTH) {
            vf d[WINOGRAD_IN], to[WINOGRAD_IN];
            for (uint64_t i = 0; i < WINOGRAD_IN; i++) d[i] = v_load(lines + i * w->pitch + x);
            winograd_tile_points(d, to);
            for (uint64_t i = 0; i < WINOGRAD_IN; i++) v_store(points + i * w->pitch + x, to[i]);
        }
        for (uint64_t i = 0; i < WINOGRAD_IN; i++) {
            const float *from = points + i * w->pitch;
            float *to = columns + i * WINOGRAD_IN * w->tiles + r * w->across;
            for (uint64_t t = 0; t < w->across; t++)
                for (uint64_t j = 0; j < 4; j++) to[j * w->tiles + t] = from[4 * t + j];
            /* A tile's last two columns are the first two of the next. */
            for (uint64_t j = 4; j < WINOGRAD_IN; j++) {
                memcpy(to + j * w->tiles, to + (j - 4) * w->tiles + 1, (w->across - 1) * sizeof(float));
                to[j * w->tiles + w->across - 1] = from[4 * w->across + j - 4];
            }
        }
    }
    uint64_t plane = channels * w->tiles;
    for (uint64_t i = 0; i < WINOGRAD_IN; i++)
        for (uint64_t t = 0; t < w->tiles; t += MF_WIDTH) {
            const float *from = columns + i * WINOGRAD_IN * w->tiles + t;
            float *to = w->pixels + i * WINOGRAD_IN * plane + (t / TILE_N * channels + channel) * TILE_N + t % TILE_N;
            vf d[WINOGRAD_IN], at[WINOGRAD_IN];
            for (uint64_t j = 0; j < WINOGRAD_IN; j++) d[j] = v_load(from + j * w->tiles);
            winograd_tile_points(d, at);
            for (uint64_t j = 0; j < WINOGRAD_IN; j++) v_store(to + j * plane, at[j]);
        }
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

enum { WINOGRAD_COLUMNS = 4 * TILE_N };

/* All output channels of some tiles, at one point. */
static void winograd_multiply(void *context, size_t index, int worker) {
    (void)worker;
    const winograd *w = context;
    const convolution_job *job = w->job;
    uint64_t channels = (uint64_t)job->image_channels, point = index % WINOGRAD_POINTS,
             from = index / WINOGRAD_POINTS * WINOGRAD_COLUMNS, rest = w->tiles - from,
             n = rest < WINOGRAD_COLUMNS ? rest : WINOGRAD_COLUMNS;
    const float *a = job->weights + point * w->m * channels;
    const float *b = w->pixels + point * w->tiles * channels + from * channels;
    float *c = w->results + point * w->tiles * w->m + from;
    for (uint64_t j = 0; j < n; j += TILE_N)
        for (uint64_t i = 0; i < w->m; i += TILE_M)
            for (uint64_t k = 0; k < channels; k += DEPTH)
                tile_multiply(a + i * channels + k * TILE_M, 1, TILE_M, b + j * channels + k * TILE_N,
                              channels - k < DEPTH ? channels - k : DEPTH, c + i * w->tiles + j, w->tiles, k > 0);
}

/* ---- Results: transposed(A) m A ---------------------------------------------------------------------------------- */

static inline void winograd_results(const vf *m, vf *to) {
    vf near = m[1] + m[2], near_difference = m[1] - m[2], far = m[3] + m[4], far_difference = m[3] - m[4];
    to[0] = m[0] + near + far;
    to[1] = v_fma(v_splat(2), far_difference, near_difference);
    to[2] = v_fma(v_splat(4), far, near);
    to[3] = v_fma(v_splat(8), far_difference, near_difference) + m[5];
}

/* An output channel of the chunk. */
static void winograd_store(void *context, size_t channel, int worker) {
    const winograd *w = context;
    const convolution_job *job = w->job;
    const phase *p = &job->phases[0];
    float *columns = convolution_own(job, worker); /* [row of a tile][column of a tile][tile] */
    float *lines = columns + WINOGRAD_POINTS * w->tiles;
    evaluator v = evaluator_make(job->call->instruction->expression, columns + winograd_thread(w));
    const float *from = w->results + channel * w->tiles;
    uint64_t plane = w->tiles * w->m, width = (uint64_t)p->out_w;
    for (uint64_t t = 0; t < w->tiles; t += MF_WIDTH) {
        vf down[WINOGRAD_IN][WINOGRAD_OUT];
        for (uint64_t j = 0; j < WINOGRAD_IN; j++) {
            vf m[WINOGRAD_IN];
            for (uint64_t i = 0; i < WINOGRAD_IN; i++) m[i] = v_load(from + (i * WINOGRAD_IN + j) * plane + t);
            winograd_results(m, down[j]);
        }
        for (uint64_t i = 0; i < WINOGRAD_OUT; i++) {
            vf m[WINOGRAD_IN], to[WINOGRAD_OUT];
            for (int j = 0; j < WINOGRAD_IN; j++) m[j] = down[j][i];
            winograd_results(m, to);
            for (uint64_t j = 0; j < WINOGRAD_OUT; j++) v_store(columns + (i * WINOGRAD_OUT + j) * w->tiles + t, to[j]);
        }
    }
    for (uint64_t r = 0; r < w->count; r++) {
        uint64_t image = (w->first + r) / w->down, y = (w->first + r) % w->down * 4;
        uint64_t rows = (uint64_t)p->out_h - y < 4 ? (uint64_t)p->out_h - y : 4;
        /* A line that is not whole tiles runs over into the next, which is written after it. */
        for (uint64_t i = 0; i < rows; i++) {
            const float *tile = columns + i * WINOGRAD_OUT * w->tiles + r * w->across;
            float *line = lines + i * width;
            for (uint64_t t = 0; t < w->across; t++)
                for (uint64_t j = 0; j < 4; j++) line[4 * t + j] = tile[j * w->tiles + t];
        }
        convolution_store(job, image, channel, (int64_t)y, 0, lines, rows * width, &v);
    }
}

static void winograd_pack(const convolution_job *job, const mf_pool *pool, float *packed) {
    weights_job to_pack = {.job = job, .packed = packed};
    mf_parallel_for(pool, weight_panels(job), winograd_pack_weights, &to_pack);
}

static void winograd_run(const convolution_job *job, const mf_pool *pool) {
    winograd w = winograd_plan(job);
    uint64_t rows = w.down * (uint64_t)job->g.batch;
    w.pixels = job->shared, w.results = w.pixels + winograd_chunk(&w);
    for (w.first = 0; w.first < rows; w.first += w.rows) {
        w.count = rows - w.first < w.rows ? rows - w.first : w.rows;
        mf_parallel_for(pool, (size_t)job->image_channels, winograd_pack_tiles, &w);
        mf_parallel_for(pool, WINOGRAD_POINTS * ((w.tiles + WINOGRAD_COLUMNS - 1) / WINOGRAD_COLUMNS),
                        winograd_multiply, &w);
        mf_parallel_for(pool, (size_t)job->output_channels, winograd_store, &w);
    }
}

static const strategy winograd_strategy = {winograd_fits, winograd_scratch, winograd_pack, winograd_run};
