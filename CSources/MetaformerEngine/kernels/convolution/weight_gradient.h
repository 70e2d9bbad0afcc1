/*
 * The weight gradient: dw[o, k] is the dot product of dy's plane o with the pixels that tap k reads, over all images.
 * Both are packed as rows of pixels, so that the long axis runs along the vectors. The pixels are cut into parts, by
 * shape, whose sums are added in order.
 */
#if MF_REGISTERS == 32
enum { DOT_M = 6, DOT_N = 4 };
#else
enum { DOT_M = 4, DOT_N = 3 };
#endif
enum { DOT_ROWS = 64, DOT_TAPS = 48, DOT_DEPTH = 512 };

/* c[DOT_M][DOT_N] += a b^T over n values, a multiple of the vector's width. */
static inline void dots_multiply(const float *a, uint64_t a_stride, const float *b, uint64_t b_stride, uint64_t n,
                                 float *c, uint64_t c_stride) {
    vf sum[DOT_M][DOT_N];
#pragma GCC unroll 8
    for (int i = 0; i < DOT_M; i++)
#pragma GCC unroll 4
        for (int j = 0; j < DOT_N; j++) sum[i][j] = v_splat(0);
    for (uint64_t k = 0; k < n; k += MF_WIDTH) {
        vf column[DOT_N];
#pragma GCC unroll 4
        for (int j = 0; j < DOT_N; j++) column[j] = v_load(b + (uint64_t)j * b_stride + k);
#pragma GCC unroll 8
        for (int i = 0; i < DOT_M; i++) {
            vf row = v_load(a + (uint64_t)i * a_stride + k);
#pragma GCC unroll 4
            for (int j = 0; j < DOT_N; j++) sum[i][j] = v_fma(row, column[j], sum[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < DOT_M; i++) {
        float total[4];
        v_sum_four(sum[i][0], sum[i][1], sum[i][2], DOT_N > 3 ? sum[i][DOT_N - 1] : v_splat(0), total);
        for (int j = 0; j < DOT_N; j++) c[(uint64_t)i * c_stride + (uint64_t)j] += total[j];
    }
}

typedef struct weight_gradient_job {
    const mf_call *call;
    mf_geometry g;
    uint64_t taps;          /* k: channels of a group x kernel */
    uint64_t rows, columns; /* a block's, multiples of DOT_M and DOT_N */
    uint64_t down, across, parts;
    uint64_t strips, strip;           /* runs of whole rows of pixels, in all images, and the rows of one */
    uint64_t strips_per_image, depth; /* depth: a strip's pixels, rounded up to vectors */
    float *partial, *scratch;
    uint64_t thread_scratch;
} weight_gradient_job;

static weight_gradient_job weight_gradient_plan(const mf_call *call) {
    weight_gradient_job job = {.call = call, .g = mf_geometry_of(call)};
    const mf_geometry *g = &job.g;
    job.taps = (uint64_t)(g->group_channels * g->kernel_h * g->kernel_w);
    uint64_t filters = (uint64_t)g->group_filters, height = (uint64_t)g->out_height, width = (uint64_t)g->out_width;
    job.rows = up_to(filters < DOT_ROWS ? filters : DOT_ROWS, DOT_M),
    job.columns = up_to(job.taps < DOT_TAPS ? job.taps : DOT_TAPS, DOT_N);
    job.down = (filters + job.rows - 1) / job.rows, job.across = (job.taps + job.columns - 1) / job.columns;
    job.strip = width >= DOT_DEPTH ? 1 : DOT_DEPTH / width < height ? DOT_DEPTH / width : height;
    job.strips_per_image = (height + job.strip - 1) / job.strip;
    job.strips = (uint64_t)g->batch * job.strips_per_image;
    job.depth = up_to(job.strip * width, MF_WIDTH);
    uint64_t blocks = job.down * job.across * (uint64_t)g->groups;
    job.parts = blocks >= 16 ? 1 : (16 + blocks - 1) / blocks;
    if (job.parts > job.strips) job.parts = job.strips;
    job.thread_scratch = (job.rows + job.columns) * job.depth + up_to(job.rows * job.columns, 16) +
                         mf_expression_scratch(call->instruction->expression);
    return job;
}

static uint64_t weight_gradient_partial(const weight_gradient_job *job) {
    return up_to(job->parts * job->call->shape->count, 16);
}

static size_t weight_gradient_scratch(const mf_call *call, int threads) {
    weight_gradient_job job = weight_gradient_plan(call);
    return (weight_gradient_partial(&job) + (uint64_t)threads * job.thread_scratch) * sizeof(float);
}

static void weight_gradient_part(void *context, size_t index, int worker) {
    const weight_gradient_job *job = context;
    const mf_geometry *g = &job->g;
    uint64_t part = index % job->parts, rest = index / job->parts;
    uint64_t m0 = rest % job->down * job->rows, n0 = rest / job->down % job->across * job->columns,
             group = rest / job->down / job->across;
    uint64_t m = (uint64_t)g->group_filters - m0 < job->rows ? (uint64_t)g->group_filters - m0 : job->rows;
    uint64_t n = job->taps - n0 < job->columns ? job->taps - n0 : job->columns;
    float *a = job->scratch + (size_t)worker * job->thread_scratch, *b = a + job->rows * job->depth,
          *c = b + job->columns * job->depth;
    memset(c, 0, job->rows * job->columns * sizeof(float));
    uint64_t plane = (uint64_t)(g->out_height * g->out_width), kernel = (uint64_t)(g->kernel_h * g->kernel_w);
    for (uint64_t s = mf_share(job->strips, job->parts, part), end = mf_share(job->strips, job->parts, part + 1);
         s < end; s++) {
        uint64_t image = s / job->strips_per_image;
        int64_t y0 = (int64_t)(s % job->strips_per_image * job->strip);
        int64_t height = g->out_height - y0 < (int64_t)job->strip ? g->out_height - y0 : (int64_t)job->strip;
        uint64_t count = (uint64_t)(height * g->out_width), depth = up_to(count, MF_WIDTH);
        const float *dy = job->call->inputs[1] +
                          (image * (uint64_t)g->filters + group * (uint64_t)g->group_filters + m0) * plane +
                          (uint64_t)(y0 * g->out_width);
        for (uint64_t i = 0; i < job->rows; i++) {
            uint64_t used = i < m ? count : 0;
            if (used) memcpy(a + i * depth, dy + i * plane, used * sizeof(float));
            memset(a + i * depth + used, 0, (depth - used) * sizeof(float));
        }
        for (uint64_t j = 0; j < job->columns; j++) {
            float *to = b + j * depth;
            uint64_t used = j < n ? count : 0, k = n0 + j;
            int64_t tap = (int64_t)(k % kernel), top = tap / g->kernel_w - g->pad_top,
                    left = tap % g->kernel_w - g->pad_left;
            uint64_t channel = group * (uint64_t)g->group_channels + k / kernel;
            for (int64_t y = 0; used && y < height; y++) {
                int64_t from = top + (y0 + y) * g->stride_h;
                float *row = to + y * g->out_width;
                if (from < 0 || from >= g->height)
                    memset(row, 0, (size_t)g->out_width * sizeof(float));
                else
                    gather_columns(
                        job->call->inputs[0] +
                            ((image * (uint64_t)g->channels + channel) * (uint64_t)g->height + (uint64_t)from) *
                                (uint64_t)g->width,
                        g->width, left, g->stride_w, g->out_width, row);
            }
            memset(to + used, 0, (depth - used) * sizeof(float));
        }
        for (uint64_t j = 0; j < job->columns; j += DOT_N)
            for (uint64_t i = 0; i < job->rows; i += DOT_M)
                dots_multiply(a + i * depth, depth, b + j * depth, depth, depth, c + i * job->columns + j,
                              job->columns);
    }
    float *out = job->partial + part * job->call->shape->count;
    for (uint64_t i = 0; i < m; i++)
        memcpy(out + (group * (uint64_t)g->group_filters + m0 + i) * job->taps + n0, c + i * job->columns,
               n * sizeof(float));
}

/* Adds up the parts of one filter's row, in order, and finishes it. */
static void weight_gradient_finish(void *context, size_t row, int worker) {
    const weight_gradient_job *job = context;
    evaluator v =
        evaluator_make(job->call->instruction->expression, job->scratch + (size_t)worker * job->thread_scratch);
    float *sum = job->partial + row * job->taps;
    for (uint64_t part = 1; part < job->parts; part++) {
        const float *other = sum + part * job->call->shape->count;
        for (uint64_t i = 0; i < job->taps; i++) sum[i] += other[i];
    }
    mf_operand operands[MF_MAX_INPUTS + 1] = {{sum, 1}};
    mf_epilogue_at(job->call, 0, row, 0, operands);
    evaluate(&v, operands, job->call->output + row * job->taps, job->taps);
}

static void weight_gradient_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    weight_gradient_job job = weight_gradient_plan(call);
    job.partial = scratch, job.scratch = job.partial + weight_gradient_partial(&job);
    mf_parallel_for(pool, (size_t)job.g.groups * job.down * job.across * job.parts, weight_gradient_part, &job);
    mf_parallel_for(pool, (size_t)job.g.filters, weight_gradient_finish, &job);
}

static const mf_kernel vector_convolution_weight_gradient = {.scratch = weight_gradient_scratch,
                                                             .run = weight_gradient_run};
