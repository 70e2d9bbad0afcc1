/* What a convolution in integers works on, and how its lines and ranges come about. */

enum {
/* Output channels of a tile, whose sums stay in registers, and vectors of a chunk that are summed at once. */
#if defined(MF_VNNI)
    POINT_INT8_TILE = 6,
    POINT_INT8_VECTORS = MF_REGISTERS == 32 ? 4 : 2,
#else
    POINT_INT8_TILE = MF_REGISTERS == 32 ? 6 : 3,
    POINT_INT8_VECTORS = 2,
#endif
    POINT_INT8_PANELS = 24576 /* bytes of panels that stay in the nearest cache */
};

typedef struct int8_job {
    const mf_call *call;
    mf_geometry g;
    mf_affine affine;
    int is_depthwise;
    uint64_t quads;     /* of channels, over which a pixel's sum goes */
    uint64_t row_words; /* of a filter's integers */
    uint64_t together;  /* panels of a thread */
    /* Sizes of parts: a number for each filter, and packed weights as a whole; lines and extremes; a thread's. */
    size_t filter_bytes, weight_bytes, line_bytes, extreme_bytes, thread_bytes;
    /* Packed weights: of each filter what 1 stands for and their sum, and then their integers. */
    float *scales;
    int32_t *sums, *words;
    /* Of a run: */
    mf_int8_line *lines;        /* of each image and filter */
    mf_int8_extremes *extremes; /* of each image, where they are measured here */
    unsigned char *threads;
} int8_job;

static uint64_t int8_pixels(const int8_job *job) {
    return (uint64_t)(job->g.channels * job->g.height * job->g.width);
}

enum { POINT_INT8_CHUNKS = 8 }; /* of a task */

static size_t depthwise_int8_band(const mf_geometry *g);

static int8_job int8_make(const mf_call *call) {
    int8_job job = {.call = call, .g = mf_geometry_of(call)};
    const mf_geometry *g = &job.g;
    mf_affine_of(call->instruction->expression, &job.affine);
    job.is_depthwise = mf_int8_kind_of(call) == MF_INT8_DEPTHWISE;
    uint64_t filters = up_to((uint64_t)g->filters, POINT_INT8_TILE);
    job.quads = (uint64_t)(g->group_channels + 3) / 4;
    job.row_words = job.is_depthwise ? (uint64_t)(g->kernel_h * ((g->kernel_w + 1) / 2)) : job.quads * QUAD_WORDS;
    job.filter_bytes = mf_round_up(filters * sizeof(float), MF_CACHE_LINE);
    job.weight_bytes = 2 * job.filter_bytes + mf_round_up(filters * job.row_words * sizeof(int32_t), MF_CACHE_LINE);
    job.line_bytes = mf_round_up((uint64_t)(g->batch * g->filters) * sizeof *job.lines, MF_CACHE_LINE);
    job.extreme_bytes = mf_round_up((uint64_t)g->batch * sizeof *job.extremes, MF_CACHE_LINE);
    job.together = POINT_INT8_PANELS / (job.quads * 4 * CHUNK);
    job.together = job.together < 1 ? 1 : job.together > POINT_INT8_CHUNKS ? POINT_INT8_CHUNKS : job.together;
    job.thread_bytes = job.together * job.quads * 4 * CHUNK;
    if (job.is_depthwise) job.thread_bytes = 2 * depthwise_int8_band(g);
    job.thread_bytes = mf_round_up(job.thread_bytes, MF_CACHE_LINE);
    return job;
}

static void int8_place_weights(int8_job *job, void *packed) {
    unsigned char *at = packed;
    job->scales = packed, job->sums = (int32_t *)(void *)(at + job->filter_bytes);
    job->words = (int32_t *)(void *)(at + 2 * job->filter_bytes);
}

static void int8_place_scratch(int8_job *job, unsigned char *at) {
    job->lines = (mf_int8_line *)(void *)at;
    job->extremes = (mf_int8_extremes *)(void *)(at + job->line_bytes);
    job->threads = at + job->line_bytes + job->extreme_bytes;
}

static inline unsigned char *int8_own(const int8_job *job, int worker) {
    return job->threads + (size_t)worker * job->thread_bytes;
}

/* ---- Ranges ------------------------------------------------------------------------------------------------------ */

/* The range of a part of an image. */
static void int8_measure_part(void *context, size_t index, int worker) {
    (void)worker;
    const int8_job *job = context;
    uint64_t count = int8_pixels(job), parts = mf_task_count(count), part = index % parts, image = index / parts;
    const float *x = job->call->inputs[0] + image * count;
    uint64_t i = mf_share(count, parts, part), end = mf_share(count, parts, part + 1);
    vf low[4], high[4];
    for (int j = 0; j < 4; j++) low[j] = v_splat(INFINITY), high[j] = v_splat(-INFINITY);
    for (; i + 4 * MF_WIDTH <= end; i += 4 * MF_WIDTH)
        for (int j = 0; j < 4; j++) {
            vf v = v_load(x + i + j * MF_WIDTH);
            low[j] = v_min(v, low[j]), high[j] = v_max(v, high[j]);
        }
    for (; i < end; i++) low[0] = v_min(v_splat(x[i]), low[0]), high[0] = v_max(v_splat(x[i]), high[0]);
    mf_int8_extend(&job->extremes[image], -v_highest(-v_min(v_min(low[0], low[1]), v_min(low[2], low[3]))),
                   v_highest(v_max(v_max(high[0], high[1]), v_max(high[2], high[3]))));
}

/* The range of an image's pixels. */
static mf_int8_range int8_range(const int8_job *job, uint64_t image) {
    if (job->call->input_high > 0) return mf_int8_range_of(0, job->call->input_high);
    return mf_int8_range_of(job->extremes[image].low, job->extremes[image].high);
}

/* Finds the ranges of all images, where their kernel did not, and by them the lines. */
static void int8_measure(int8_job *job, const mf_pool *pool) {
    const mf_geometry *g = &job->g;
    if (job->call->input_extremes) {
        memcpy(job->extremes, job->call->input_extremes, (size_t)g->batch * sizeof *job->extremes);
    } else if (job->call->input_high <= 0) {
        for (int64_t b = 0; b < g->batch; b++) job->extremes[b] = mf_int8_nothing();
        mf_parallel_for(pool, (size_t)g->batch * mf_task_count(int8_pixels(job)), int8_measure_part, job);
    }
    for (int64_t b = 0; b < g->batch; b++) {
        mf_int8_range range = int8_range(job, (uint64_t)b);
        for (int64_t o = 0; o < g->filters; o++)
            job->lines[b * g->filters + o] =
                mf_int8_line_of(job->call, &job->affine, (uint64_t)b, (uint64_t)o, range, job->scales[o], job->sums[o]);
    }
}

/* A vector of sums on its line; limits and a residual come later. */
static inline vf int8_value(vi sum, mf_int8_line line) {
    return __builtin_convertvector(sum, vf) * v_splat(line.gain) + v_splat(line.offset);
}

static inline vf int8_limited(const mf_affine *a, vf x) {
    return a->is_limited ? v_min(v_max(x, v_splat(a->low)), v_splat(a->high)) : x;
}
