/*
 * Convolution of one channel to one, as in a depthwise convolution: there is no product of matrices in it. A task takes
 * some output rows of a plane; their band of the image is copied as in band.h, and a tile of pixels goes through
 * all taps in registers. Where the taps are known here, a vector of the image is loaded once for all rows that it is in.
 */
enum { DEPTHWISE_ROWS = 4, DEPTHWISE_PIXELS = 4096, DEPTHWISE_PLANES = 8 };

/* Cut into bands of so many output rows; 0 for as many as the nearest cache takes. */
static band depthwise_cut(const convolution_job *job, int64_t wanted) {
    const phase *p = &job->phases[0];
    band b = {.job = job, .channels = 1, .down = 1, .m_rows = 1, .width = (int64_t)up_to((uint64_t)p->out_w, MF_WIDTH)};
    if (p->k == 0 || p->out_h <= 0 || p->out_w <= 0) return b;
    if (!wanted)
        wanted = DEPTHWISE_PIXELS / (b.width * job->image_step_h * job->image_step_w) / DEPTHWISE_ROWS * DEPTHWISE_ROWS;
    b.rows = wanted < 1 ? 1 : wanted > p->out_h ? p->out_h : wanted;
    b.per_image = (uint64_t)((p->out_h + b.rows - 1) / b.rows);
    b.top = phase_row(job, p), b.left = phase_column(job, p);
    b.splits = job->image_step_w, b.row_splits = job->image_step_h;
    b.lines = b.rows + (p->tap_h - 1) / b.row_splits;
    b.planes = b.per_image > 1 ? 1 : (uint64_t)(DEPTHWISE_PIXELS / (b.rows * b.width) + 1);
    b.planes = b.planes > DEPTHWISE_PLANES ? DEPTHWISE_PLANES : b.planes;
    b.across = b.width, b.stride = (uint64_t)(b.rows * b.width);
    b.pitch = b.width + (p->tap_w - 1) / b.splits;
    b.blocks = b.per_image * (uint64_t)job->g.batch, b.depth = phase_depth(&b, p);
    return b;
}

static band depthwise_plan(const convolution_job *job) {
    return depthwise_cut(job, 0);
}

static int depthwise_fits(const convolution_job *job) {
    return is_depthwise(job) && job->together == 1 && depthwise_plan(job).rows > 0;
}

/* A thread has a band, its results, and the weights of a plane and where they read. */
static footprint depthwise_scratch(const convolution_job *job) {
    band b = depthwise_plan(job);
    return (footprint){.thread = band_floats(&b) + band_tile(&b) + 2 * up_to(b.depth, 16) +
                                 mf_expression_scratch(job->call->instruction->expression)};
}

/* A plane's weights are few, and are read where they lie. */
static void depthwise_pack(const convolution_job *job, const mf_pool *pool, float *packed) {
    (void)job, (void)pool, (void)packed;
}

/* Where a band's pixels lie: floats from one line to the next, and from one split of rows and of columns to the next. */
typedef struct lattice {
    uint64_t line, row_split, column_split;
} lattice;

/* out[rows][vectors] = the sum over taps of their weights and pixels, as they come in the kernel; finished where f is not
   NULL, from that pixel of the plane on. */
static inline __attribute__((always_inline)) void depthwise_tile(const float *weights, const float *from, lattice at,
                                                                 const finish *f, uint64_t pixel, float *out,
                                                                 uint64_t out_w, int kernel, int step, int rows,
                                                                 int vectors) {
    vf sum[DEPTHWISE_ROWS][VECTORS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sum[r][v] = v_splat(0);
#pragma GCC unroll 16
    for (int i = 0; i < (rows - 1) * step + kernel; i++)
#pragma GCC unroll 8
        for (int j = 0; j < kernel; j++) {
            const float *row = from + (uint64_t)(i % step) * at.row_split + (uint64_t)(i / step) * at.line +
                               (uint64_t)(j % step) * at.column_split + j / step;
            vf pixels[VECTORS];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) pixels[v] = v_load(row + v * MF_WIDTH);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                int tap = i - r * step;
                if (tap < 0 || tap >= kernel) continue;
                vf weight = v_splat(weights[tap * kernel + j]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++) sum[r][v] = v_fma(weight, pixels[v], sum[r][v]);
            }
        }
    vf scale = v_splat(f ? *f->scale : 1), shift = v_splat(f ? *f->shift : 0);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            uint64_t to = (uint64_t)r * out_w + (uint64_t)v * MF_WIDTH;
            vf x = sum[r][v];
            v_store(out + to, f ? finish_vector(f, x, scale, shift, f->residual + pixel + to) : x);
        }
}

/* As depthwise_tile, of one row and any taps. */
static inline void depthwise_vector(const float *weights, const int32_t *offsets, uint64_t taps, const float *from,
                                    float *c) {
    vf sum = v_splat(0);
    for (uint64_t k = 0; k < taps; k++) sum = v_fma(v_splat(weights[k]), v_load(from + offsets[k]), sum);
    v_store(c, sum);
}

/* All tiles of a band. The output's rows are out_w long, and what a tile has beyond the end of one runs over into the next,
   which is written after it: tiles go from the right to the left. The image is asked for from ahead on, which is read next. */
static inline __attribute__((always_inline)) void depthwise_tiles(const band *b, const float *weights,
                                                                  const float *from, const float *ahead,
                                                                  const finish *f, uint64_t pixel, float *out,
                                                                  uint64_t rows, int kernel, int step) {
    uint64_t line = (uint64_t)b->pitch, split = line * (uint64_t)b->lines, width = (uint64_t)b->width,
             out_w = (uint64_t)b->job->phases[0].out_w, last = width / TILE_N * TILE_N;
    lattice at = {line, split, split * (uint64_t)step};
    for (uint64_t r = 0; r < rows;) {
        uint64_t count = r + DEPTHWISE_ROWS <= rows ? DEPTHWISE_ROWS : 1;
        for (uint64_t end = width; end > 0;) {
            uint64_t wide = count > 1 && end <= last ? TILE_N : MF_WIDTH, x = end - wide;
            if (count == 1)
                depthwise_tile(weights, from + x, at, f, pixel + x, out + x, out_w, kernel, step, 1, 1);
            else if (wide == MF_WIDTH)
                depthwise_tile(weights, from + x, at, f, pixel + x, out + x, out_w, kernel, step, DEPTHWISE_ROWS, 1);
            else
                depthwise_tile(weights, from + x, at, f, pixel + x, out + x, out_w, kernel, step, DEPTHWISE_ROWS,
                               VECTORS);
            end = x;
        }
        uint64_t further = count * (uint64_t)(step * b->job->image_w);
        for (uint64_t i = 0; i < further; i += 16) __builtin_prefetch(ahead + i, 0, 2);
        ahead += further;
        r += count, from += count * line, pixel += count * out_w, out += count * out_w;
    }
}

/* Whether a convolution has one of the kernels and steps that networks have; the others go tap by tap. */
static int depthwise_is_known(const band *b) {
    const phase *p = &b->job->phases[0];
    return p->tap_h == p->tap_w && b->splits == b->row_splits && b->job->tap_move > 0 &&
           (p->tap_h == 3 || p->tap_h == 5) && b->splits <= 2;
}

/* A band's rows, into out; finished where f is not NULL, for rows of whole vectors: pixel is their first in the plane. */
static void depthwise_known(const band *b, const float *weights, const float *from, const float *ahead, const finish *f,
                            uint64_t pixel, float *out, uint64_t rows) {
    int64_t kernel = b->job->phases[0].tap_h;
    if (kernel == 3 && b->splits == 1)
        depthwise_tiles(b, weights, from, ahead, f, pixel, out, rows, 3, 1);
    else if (kernel == 3)
        depthwise_tiles(b, weights, from, ahead, f, pixel, out, rows, 3, 2);
    else if (b->splits == 1)
        depthwise_tiles(b, weights, from, ahead, f, pixel, out, rows, 5, 1);
    else
        depthwise_tiles(b, weights, from, ahead, f, pixel, out, rows, 5, 2);
}

/* As depthwise_known, of any taps. What a vector has beyond the end of a row runs over into the next, which is written
   after it. */
static void depthwise_any(const band *b, const float *weights, const int32_t *offsets, const float *from, float *c,
                          uint64_t rows) {
    uint64_t out_w = (uint64_t)b->job->phases[0].out_w;
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t x = (uint64_t)b->width; x > 0; x -= MF_WIDTH)
            depthwise_vector(weights, offsets, b->depth, from + r * (uint64_t)b->pitch + x - MF_WIDTH,
                             c + r * out_w + x - MF_WIDTH);
}

/* As band_fill, of one plane: the steps that networks have, without divisions. What lies around the image is cleared for
   the first plane of a task alone: it stays so for the others. */
static void depthwise_fill(const band *b, const float *plane, int64_t y, int is_first, float *to) {
    const convolution_job *job = b->job;
    int64_t step = b->splits, top = b->top + y * step, split = b->lines * b->pitch, width = job->image_w;
    int64_t before = -b->left, inside = b->pitch - before < width ? b->pitch - before : width;
    for (int64_t line = 0; line < b->lines * step; line++) {
        int64_t row = top + line;
        float *at = to + (step == 2 ? (line & 1) * split + (line >> 1) * b->pitch : line * b->pitch);
        if (row < 0 || row >= job->image_h) {
            for (int64_t i = 0; is_first && i < step; i++) v_clear(at + 2 * i * split, b->pitch);
        } else if (step == 2) {
            gather_pairs(plane + row * width, width, b->left, b->pitch, at, at + 2 * split);
        } else if (before < 0 || before >= b->pitch) {
            gather_columns(plane + row * width, width, b->left, 1, b->pitch, at);
        } else {
            v_copy(at + before, plane + row * width, inside);
            if (!is_first) continue;
            v_clear(at, before);
            v_clear(at + before + inside, b->pitch - before - inside);
        }
    }
}

/* Some output rows of a plane, or some whole planes. */
static void depthwise_task(void *context, size_t index, int worker) {
    const band *b = context;
    const convolution_job *job = b->job;
    const phase *p = &job->phases[0];
    const mf_geometry *g = &job->g;
    uint64_t first = index / b->blocks * b->planes, part = index % b->blocks, image = part / b->per_image,
             end = first + b->planes < (uint64_t)g->groups ? first + b->planes : (uint64_t)g->groups;
    int64_t y = (int64_t)(part % b->per_image) * b->rows, rows = p->out_h - y < b->rows ? p->out_h - y : b->rows;
    float *pixels_in = convolution_own(job, worker), *c = pixels_in + band_floats(b);
    float *weights = c + band_tile(b);
    int32_t *offsets = (int32_t *)(void *)(weights + up_to(b->depth, 16));
    evaluator v = evaluator_make(job->call->instruction->expression, weights + 2 * up_to(b->depth, 16));
    int is_known = depthwise_is_known(b), finishes = is_known && p->out_w % MF_WIDTH == 0 && finish_fits(job);
    if (!is_known) band_offsets(b, p, offsets);
    for (uint64_t group = first; group < end; group++) {
        const float *kernel = job->call->inputs[1] + (int64_t)group * g->kernel_h * g->kernel_w;
        for (int64_t i = 0; !is_known && i < p->tap_h; i++)
            for (int64_t j = 0; j < p->tap_w; j++)
                weights[i * p->tap_w + j] =
                    kernel[(p->first_h + i * p->tap_step_h) * g->kernel_w + p->first_w + j * p->tap_step_w];
        uint64_t plane = image * (uint64_t)g->groups + group, pixel = (uint64_t)(y * p->out_w);
        const float *from = job->call->inputs[0] + (int64_t)plane * job->image_h * job->image_w,
                    *ahead = from + (b->top + y * b->splits + b->lines * b->splits) * job->image_w;
        if (b->splits <= 2 && b->row_splits == b->splits)
            depthwise_fill(b, from, y, group == first, pixels_in);
        else
            band_fill(b, image, (int64_t)group, 1, y, pixels_in);
        if (finishes) {
            finish f = finish_make(job, image, group, 0);
            depthwise_known(b, kernel, pixels_in, ahead, &f, pixel,
                            job->call->output + plane * (uint64_t)(p->out_h * p->out_w) + pixel, (uint64_t)rows);
            continue;
        }
        if (is_known)
            depthwise_known(b, kernel, pixels_in, ahead, NULL, 0, c, (uint64_t)rows);
        else
            depthwise_any(b, weights, offsets, pixels_in, c, (uint64_t)rows);
        convolution_store_rows(job, image, group, y, c, p->out_w, rows, &v);
    }
}

static void depthwise_run(const convolution_job *job, const mf_pool *pool) {
    band b = depthwise_plan(job);
    mf_parallel_for(pool, (size_t)(((uint64_t)job->g.groups + b.planes - 1) / b.planes * b.blocks), depthwise_task, &b);
}

static const strategy depthwise_strategy = {depthwise_fits, depthwise_scratch, depthwise_pack, depthwise_run};
