/*
 * What all ways of computing a convolution, or its input gradient, have in common: the geometry, the job, the weights in
 * panels, and the output. The input gradient of a strided convolution falls into stride_h x stride_w phases, each a
 * convolution of dy, at stride 1, with the taps that reach that phase's pixels.
 */

/* What one phase reads and writes. For convolution there is one, with all taps. */
typedef struct phase {
    int64_t tap_h, tap_w;     /* taps that take part */
    int64_t first_h, first_w; /* the first of them in the kernel; the next are tap_step further */
    int64_t tap_step_h, tap_step_w;
    int64_t out_h, out_w;       /* the phase's pixels */
    int64_t top, left;          /* where they lie in the output, output_step apart */
    int64_t origin_h, origin_w; /* image row of pixel 0 and tap 0; a tap adds tap_move, a pixel image_step */
    uint64_t k;                 /* channels x taps */
} phase;

enum { MOST_PHASES = 4 };

typedef struct convolution_job {
    const mf_call *call;
    mf_geometry g;
    int gradient;
    int64_t image_channels, image_h, image_w; /* of what is read, in a group */
    int64_t image_step_h, image_step_w;       /* pixels of the image from one output pixel to the next */
    int64_t tap_move;                         /* 1, or -1 for the gradient */
    int64_t output_channels, output_h, output_w;
    int64_t output_step_h, output_step_w;
    phase phases[MOST_PHASES]; /* those at work */
    int64_t together;          /* how many they are: where several, all of one size */
    /* Of a run: */
    const float *weights; /* packed */
    float *shared;        /* scratch of all tasks */
    float *scratch;       /* and of the threads */
    uint64_t thread_scratch;
} convolution_job;

/* Floats that a strategy needs for the phases at work: of packed weights, of scratch for all tasks, and of each thread. */
typedef struct footprint {
    uint64_t weights, shared, thread;
} footprint;

/* A way to compute the phases at work. All it does depends on the shapes of one image alone: in a batch, and on any
   number of threads, images come out as they do by themselves. */
typedef struct strategy {
    int (*fits)(const convolution_job *job);
    footprint (*scratch)(const convolution_job *job);
    void (*pack)(const convolution_job *job, const mf_pool *pool, float *packed); /* the weights */
    void (*run)(const convolution_job *job, const mf_pool *pool);
} strategy;

/* ---- Phases ------------------------------------------------------------------------------------------------------ */

static phase phase_of(const convolution_job *job, int64_t index) {
    const mf_geometry *g = &job->g;
    phase p = {.tap_h = g->kernel_h,
               .tap_w = g->kernel_w,
               .tap_step_h = 1,
               .tap_step_w = 1,
               .out_h = job->output_h,
               .out_w = job->output_w,
               .origin_h = -g->pad_top,
               .origin_w = -g->pad_left};
    if (job->gradient) {
        /* Pixel y takes dy's row (y + pad - tap) / stride where that is whole: taps of the same remainder as y +
           pad. */
        p.top = index / g->stride_w, p.left = index % g->stride_w;
        p.first_h = (p.top + g->pad_top) % g->stride_h, p.first_w = (p.left + g->pad_left) % g->stride_w;
        p.tap_step_h = g->stride_h, p.tap_step_w = g->stride_w;
        p.tap_h = p.first_h < g->kernel_h ? (g->kernel_h - p.first_h + g->stride_h - 1) / g->stride_h : 0;
        p.tap_w = p.first_w < g->kernel_w ? (g->kernel_w - p.first_w + g->stride_w - 1) / g->stride_w : 0;
        p.out_h = p.top < job->output_h ? (job->output_h - p.top + g->stride_h - 1) / g->stride_h : 0;
        p.out_w = p.left < job->output_w ? (job->output_w - p.left + g->stride_w - 1) / g->stride_w : 0;
        p.origin_h = (p.top + g->pad_top - p.first_h) / g->stride_h,
        p.origin_w = (p.left + g->pad_left - p.first_w) / g->stride_w;
    }
    p.k = (uint64_t)(job->image_channels * p.tap_h * p.tap_w);
    return p;
}

/* The image's row and column that a phase's pixel 0 reads first. */
static int64_t phase_row(const convolution_job *job, const phase *p) {
    return job->tap_move > 0 ? p->origin_h : p->origin_h - (p->tap_h - 1);
}
static int64_t phase_column(const convolution_job *job, const phase *p) {
    return job->tap_move > 0 ? p->origin_w : p->origin_w - (p->tap_w - 1);
}

/* Of one channel to one, in every group. */
static int is_depthwise(const convolution_job *job) {
    return job->image_channels == 1 && job->output_channels == 1;
}

static int64_t phase_count(const convolution_job *job) {
    return job->gradient ? job->g.stride_h * job->g.stride_w : 1;
}

/* How often phases are run. */
static int64_t step_count(const convolution_job *job) {
    return phase_count(job) / job->together;
}

/* Goes to the phases of a step. */
static void phases_enter(convolution_job *job, int64_t step) {
    for (int64_t i = 0; i < job->together; i++) job->phases[i] = phase_of(job, step * job->together + i);
}

/* Whether all phases are of one size, and have taps. */
static int phases_are_alike(const convolution_job *job) {
    const mf_geometry *g = &job->g;
    int64_t count = phase_count(job);
    return count > 1 && count <= MOST_PHASES && !is_depthwise(job) && job->output_h % g->stride_h == 0 &&
           job->output_w % g->stride_w == 0 && g->kernel_h >= g->stride_h && g->kernel_w >= g->stride_w;
}

static convolution_job convolution_plan(const mf_call *call) {
    convolution_job job = {.call = call,
                           .g = mf_geometry_of(call),
                           .gradient = call->instruction->op == MF_OP_convolution_input_gradient,
                           .together = 1};
    const mf_geometry *g = &job.g;
    if (job.gradient) {
        job.image_channels = g->group_filters, job.image_h = g->out_height, job.image_w = g->out_width,
        job.image_step_h = job.image_step_w = 1;
        job.output_channels = g->group_channels, job.output_h = g->height, job.output_w = g->width;
        job.output_step_h = g->stride_h, job.output_step_w = g->stride_w, job.tap_move = -1;
    } else {
        job.image_channels = g->group_channels, job.image_h = g->height, job.image_w = g->width;
        job.image_step_h = g->stride_h, job.image_step_w = g->stride_w;
        job.output_channels = g->group_filters, job.output_h = g->out_height, job.output_w = g->out_width;
        job.output_step_h = job.output_step_w = 1, job.tap_move = 1;
    }
    return job;
}

/* A thread's scratch. */
static inline float *convolution_own(const convolution_job *job, int worker) {
    return job->scratch + (size_t)worker * job->thread_scratch;
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* Floats of a phase's packed weights, of one group, and of all of them. */
static uint64_t packed_weights(const convolution_job *job, const phase *p) {
    return up_to(up_to((uint64_t)job->output_channels, TILE_M) * p->k, 16);
}
static uint64_t phase_weights(const convolution_job *job, const phase *p) {
    return (uint64_t)job->g.groups * packed_weights(job, p);
}

/* Where a phase's packed weights go, and the depth of its blocks of k. */
typedef struct weights_job {
    const convolution_job *job;
    const phase *p;
    uint64_t depth;
    float *packed;
} weights_job;

static size_t weight_panels(const convolution_job *job) {
    return (size_t)(up_to((uint64_t)job->output_channels, TILE_M) / TILE_M);
}

/* Packs TILE_M output channels of a group, all k, block of depth after block. */
static void convolution_pack_weights(void *context, size_t index, int worker) {
    (void)worker;
    const weights_job *to_pack = context;
    const convolution_job *job = to_pack->job;
    const mf_geometry *g = &job->g;
    const phase *p = to_pack->p;
    uint64_t m = (uint64_t)job->output_channels, panels = weight_panels(job), group = index / panels,
             m0 = index % panels * TILE_M;
    uint64_t taps = (uint64_t)(p->tap_h * p->tap_w), kernel = (uint64_t)(g->kernel_h * g->kernel_w);
    const float *w = job->call->inputs[1] + group * (uint64_t)(g->group_filters * g->group_channels) * kernel;
    uint64_t channel =
        job->gradient ? (uint64_t)g->group_channels * kernel : kernel; /* from an image channel to the next */
    uint64_t row =
        job->gradient ? kernel : (uint64_t)g->group_channels * kernel; /* from an output channel to the next */
    float *base = to_pack->packed + group * packed_weights(job, p);
    for (uint64_t k0 = 0; k0 < p->k; k0 += to_pack->depth) {
        uint64_t depth = p->k - k0 < to_pack->depth ? p->k - k0 : to_pack->depth;
        float *to = base + up_to(m, TILE_M) * k0 + m0 * depth;
        for (uint64_t k = k0; k < k0 + depth; k++, to += TILE_M) {
            int64_t tap = (int64_t)(k % taps);
            int64_t at = (p->first_h + tap / p->tap_w * p->tap_step_h) * g->kernel_w + p->first_w +
                         tap % p->tap_w * p->tap_step_w;
            const float *from = w + k / taps * channel + (uint64_t)at;
            for (uint64_t i = 0; i < TILE_M; i++) to[i] = m0 + i < m ? from[(m0 + i) * row] : 0;
        }
    }
}

static void phase_pack(const convolution_job *job, const phase *p, uint64_t depth, const mf_pool *pool, float *packed) {
    weights_job to_pack = {job, p, depth, packed};
    mf_parallel_for(pool, (size_t)job->g.groups * weight_panels(job), convolution_pack_weights, &to_pack);
}

/* The one phase at work, in blocks of DEPTH. */
static void convolution_pack_deep(const convolution_job *job, const mf_pool *pool, float *packed) {
    phase_pack(job, &job->phases[0], DEPTH, pool, packed);
}

/* ---- Output ------------------------------------------------------------------------------------------------------ */

/* Finishes n values into bytes, which lie from at on in the output. */
static void convolution_finish_bytes(const convolution_job *job, mf_operand *operands, uint64_t at, uint64_t n,
                                     evaluator *v) {
    const mf_call *call = job->call;
    float finished[MF_BLOCK], scale = 255 / call->output_high;
    for (uint64_t from = 0; from < n; from += MF_BLOCK) {
        uint64_t count = n - from < MF_BLOCK ? n - from : MF_BLOCK;
        evaluate(v, operands, finished, count);
        bytes_round(finished, scale, count, mf_int8_output(call) + at + from);
        for (uint32_t e = 0; e < call->instruction->input_count - 1; e++)
            operands[e].data += operands[e].step * MF_BLOCK;
    }
}

/* Finishes n values of an output channel that lie one after the other in the output, and stores them from at on in its
   plane. */
static void convolution_finish(const convolution_job *job, uint64_t image, uint64_t channel, uint64_t at,
                               const float *values, uint64_t n, evaluator *v) {
    const mf_call *call = job->call;
    uint64_t channels = (uint64_t)(job->g.groups * job->output_channels);
    mf_operand operands[MF_MAX_INPUTS + 1];
    operands[0] = (mf_operand){values, 1};
    mf_epilogue_at(call, image, channel, at, operands);
    at += (image * channels + channel) * (uint64_t)(job->output_h * job->output_w);
    if (call->output_high > 0)
        convolution_finish_bytes(job, operands, at, n, v);
    else
        evaluate(v, operands, call->output + at, n);
}

/* Finishes n values of an output channel and stores them from pixel (y, x) of the phase on: in one row, or, where the
   phase is the whole output, over as many as there are. */
static void convolution_store(const convolution_job *job, uint64_t image, uint64_t channel, int64_t y, int64_t x,
                              const float *values, uint64_t n, evaluator *v) {
    const mf_call *call = job->call;
    const phase *p = &job->phases[0];
    uint64_t step = (uint64_t)job->output_step_w, channels = (uint64_t)(job->g.groups * job->output_channels);
    uint64_t at = (uint64_t)((p->top + y * job->output_step_h) * job->output_w + p->left + x * job->output_step_w);
    float *out = call->output + (image * channels + channel) * (uint64_t)(job->output_h * job->output_w) + at;
    if (step == 1) {
        convolution_finish(job, image, channel, at, values, n, v);
        return;
    }
    mf_operand operands[MF_MAX_INPUTS + 1];
    float finished[MF_BLOCK];
    for (uint64_t from = 0; from < n; from += MF_BLOCK) {
        uint64_t count = n - from < MF_BLOCK ? n - from : MF_BLOCK;
        operands[0] = (mf_operand){values + from, 1};
        mf_epilogue_at(call, image, channel, at + from * step, operands);
        for (uint32_t e = 1; e < call->instruction->input_count - 1; e++) operands[e].step *= (int64_t)step;
        evaluate(v, operands, finished, count);
        for (uint64_t k = 0; k < count; k++) out[(from + k) * step] = finished[k];
    }
}

/* As convolution_store, for rows of pixels that lie pitch apart, from row y on. */
static void convolution_store_rows(const convolution_job *job, uint64_t image, uint64_t channel, int64_t y,
                                   const float *values, int64_t pitch, int64_t rows, evaluator *v) {
    int64_t width = job->phases[0].out_w;
    if (pitch == width && width == job->output_w) width *= rows, rows = 1;
    for (int64_t r = 0; r < rows; r++)
        convolution_store(job, image, channel, y + r, 0, values + r * pitch, (uint64_t)width, v);
}

/* ---- Output, from registers -------------------------------------------------------------------------------------- */

/* A scale and a shift, with limits or a residual, of some output channels from a pixel on. */
typedef struct finish {
    mf_affine a;
    const float *scale, *shift, *residual;       /* residual may be anything where nothing is added */
    uint64_t scale_row, shift_row, residual_row; /* from a channel to the next */
} finish;

/* Whether that is all that is done to the sums. */
static int finish_fits(const convolution_job *job) {
    mf_affine a;
    return job->call->output_high <= 0 && mf_convolution_is_affine(job->call, &a);
}

static finish finish_make(const convolution_job *job, uint64_t image, uint64_t channel, uint64_t pixel) {
    const mf_call *call = job->call;
    finish f;
    mf_affine_of(call->instruction->expression, &f.a);
    f.scale = mf_convolution_operand(call, f.a.scale, image, channel),
    f.scale_row = mf_convolution_strides(call, f.a.scale)->row;
    f.shift = mf_convolution_operand(call, f.a.shift, image, channel),
    f.shift_row = mf_convolution_strides(call, f.a.shift)->row;
    f.residual = f.scale, f.residual_row = 0;
    if (f.a.residual >= 0) {
        f.residual = mf_convolution_operand(call, f.a.residual, image, channel) + pixel;
        f.residual_row = mf_convolution_strides(call, f.a.residual)->row;
    }
    return f;
}

static inline __attribute__((always_inline)) vf finish_vector(const finish *f, vf x, vf scale, vf shift,
                                                              const float *residual) {
    if (f->a.residual >= 0) return affine_vector(&f->a, x, scale, shift, v_load(residual), 1, f->a.is_limited);
    return affine_vector(&f->a, x, scale, shift, x, 0, f->a.is_limited);
}
