/*
 * Convolution of one channel to one, as in a depthwise convolution: there is no product of matrices in it. A task takes
 * some output rows of a plane; their band of the image is copied as in band_vector.h, and a tile of pixels goes through
 * all taps in registers.
 */
enum { DEPTHWISE_ROWS = 4, DEPTHWISE_PIXELS = 4096 };

static int is_depthwise(const convolution_job *job) {
    return job->image_channels == 1 && job->output_channels == 1;
}

static band depthwise_band_of(const convolution_job *job) {
    const phase *p = &job->phases[0];
    band b = {.channels = 1, .down = 1, .m_rows = 1, .width = (int64_t)up_to((uint64_t)p->out_w, TILE_N)};
    if (p->k == 0 || p->out_h <= 0 || p->out_w <= 0) return (band){0};
    int64_t wanted = DEPTHWISE_PIXELS / b.width;
    b.rows = wanted < 1 ? 1 : wanted > p->out_h ? p->out_h : wanted;
    b.per_image = (uint64_t)((p->out_h + b.rows - 1) / b.rows);
    b.top = phase_row(job, p), b.left = phase_column(job, p);
    b.splits = job->image_step_w, b.row_splits = job->image_step_h;
    b.lines = b.rows + (p->tap_h - 1) / b.row_splits;
    b.across = b.width, b.stride = (uint64_t)(b.rows * b.width);
    b.pitch = b.width + (p->tap_w - 1) / b.splits;
    return b;
}

/* c[rows][TILE_N] = the sum over taps of their weights and pixels; rows of the band lie line apart. */
static inline __attribute__((always_inline)) void depthwise_tile(const float *weights, const int32_t *offsets,
                                                                 uint64_t taps, const float *from, uint64_t line,
                                                                 float *c, uint64_t stride, int rows) {
    vf sum[DEPTHWISE_ROWS][VECTORS];
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < VECTORS; j++) sum[r][j] = v_splat(0);
    for (uint64_t k = 0; k < taps; k++) {
        vf weight = v_splat(weights[k]);
        const float *at = from + offsets[k];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++)
                sum[r][j] = v_fma(weight, v_load(at + (uint64_t)r * line + j * MF_WIDTH), sum[r][j]);
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < VECTORS; j++) v_store(c + (uint64_t)r * stride + j * MF_WIDTH, sum[r][j]);
}

/* Some output rows of a plane. */
static void convolution_depthwise(void *context, size_t index, int worker) {
    const convolution_job *job = context;
    const phase *p = &job->phases[0];
    const mf_geometry *g = &job->g;
    const band *b = &job->b;
    uint64_t group = index / job->blocks, part = index % job->blocks, image = part / b->per_image;
    int64_t y = (int64_t)(part % b->per_image) * b->rows, rows = p->out_h - y < b->rows ? p->out_h - y : b->rows;
    float *pixels_in = job->scratch + (size_t)worker * job->thread_scratch, *c = pixels_in + band_floats(b);
    float *weights = c + band_tile(b);
    int32_t *offsets = (int32_t *)(void *)(weights + up_to(job->depth, 16));
    evaluator v = evaluator_make(job->call->instruction->expression, weights + 2 * up_to(job->depth, 16));
    const float *kernel = job->call->inputs[1] + (int64_t)group * g->kernel_h * g->kernel_w;
    for (int64_t i = 0; i < p->tap_h; i++)
        for (int64_t j = 0; j < p->tap_w; j++)
            weights[i * p->tap_w + j] =
                kernel[(p->first_h + i * p->tap_step_h) * g->kernel_w + p->first_w + j * p->tap_step_w];
    band_offsets(job, p, offsets);
    band_fill(job, image, (int64_t)group, 1, y, pixels_in);
    uint64_t line = (uint64_t)b->pitch, stride = (uint64_t)b->width;
    for (uint64_t x = 0; x < stride; x += TILE_N) {
        int64_t r = 0;
        for (; r + DEPTHWISE_ROWS <= rows; r += DEPTHWISE_ROWS)
            depthwise_tile(weights, offsets, job->depth, pixels_in + (uint64_t)r * line + x, line,
                           c + (uint64_t)r * stride + x, stride, DEPTHWISE_ROWS);
        for (; r < rows; r++)
            depthwise_tile(weights, offsets, job->depth, pixels_in + (uint64_t)r * line + x, line,
                           c + (uint64_t)r * stride + x, stride, 1);
    }
    convolution_store_rows(job, image, group, y, c, b->width, rows, &v);
}
