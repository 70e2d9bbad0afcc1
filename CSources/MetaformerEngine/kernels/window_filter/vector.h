/* The separable filter, a band of a plane's rows a task: columns first, into a strip, then along its rows. */
enum { BAND = 32 };

typedef struct window_job {
    const mf_call *call;
    mf_window w;
    uint64_t bands;
    float *scratch;
    uint64_t thread_scratch;
} window_job;

static window_job window_plan(const mf_call *call) {
    window_job job = {.call = call, .w = mf_window_of(call)};
    job.bands = (job.w.out_height + BAND - 1) / BAND;
    /* The filtered row, with room for the adjoint's zeros on both sides. */
    job.thread_scratch = up_to(job.w.in_width + 2 * MF_MAX_TAPS, 16);
    return job;
}

static size_t window_scratch(const mf_call *call, int threads) {
    return (size_t)threads * window_plan(call).thread_scratch * sizeof(float);
}

/* to[x] = sum of weights[i] * rows[i][x]; rows that lie outside are NULL. */
static void filter_columns(const float *const *rows, const float *weights, uint32_t taps, uint64_t n, float *to) {
    uint64_t x = 0;
    for (; x + MF_WIDTH <= n; x += MF_WIDTH) {
        vf sum = v_splat(0);
        for (uint32_t i = 0; i < taps; i++)
            if (rows[i]) sum = v_fma(v_splat(weights[i]), v_load(rows[i] + x), sum);
        v_store(to + x, sum);
    }
    for (; x < n; x++) {
        float sum = 0;
        for (uint32_t i = 0; i < taps; i++)
            if (rows[i]) sum += weights[i] * rows[i][x];
        to[x] = sum;
    }
}

/* to[x] = sum of weights[i] * row[x + i]. */
static void filter_row(const float *row, const float *weights, uint32_t taps, uint64_t n, float *to) {
    uint64_t x = 0;
    for (; x + MF_WIDTH <= n; x += MF_WIDTH) {
        vf sum = v_splat(0);
        for (uint32_t i = 0; i < taps; i++) sum = v_fma(v_splat(weights[i]), v_load(row + x + i), sum);
        v_store(to + x, sum);
    }
    for (; x < n; x++) {
        float sum = 0;
        for (uint32_t i = 0; i < taps; i++) sum += weights[i] * row[x + i];
        to[x] = sum;
    }
}

static void window_band(void *context, size_t index, int worker) {
    const window_job *job = context;
    const mf_window *w = &job->w;
    uint64_t plane = index / job->bands, y0 = index % job->bands * BAND,
             y1 = y0 + BAND < w->out_height ? y0 + BAND : w->out_height;
    const float *in = job->call->inputs[0] + plane * w->in_height * w->in_width;
    float *out = job->call->output + plane * w->out_height * w->out_width;
    uint32_t taps = w->taps, lost = taps - 1, margin = w->adjoint ? lost : 0;
    float *row = job->scratch + (size_t)worker * job->thread_scratch, weights[MF_MAX_TAPS];
    /* The adjoint is the filter with its taps turned round, over the input with zeros around it. */
    for (uint32_t i = 0; i < taps; i++) weights[i] = w->weights[w->adjoint ? lost - i : i];
    memset(row, 0, margin * sizeof(float));
    memset(row + margin + w->in_width, 0, margin * sizeof(float));
    for (uint64_t y = y0; y < y1; y++) {
        const float *rows[MF_MAX_TAPS];
        for (uint32_t i = 0; i < taps; i++) {
            uint64_t from = y + i - margin; /* below 0 wraps to out of range */
            rows[i] = from < w->in_height ? in + from * w->in_width : NULL;
        }
        filter_columns(rows, weights, taps, w->in_width, row + margin);
        filter_row(row, weights, taps, w->out_width, out + y * w->out_width);
    }
}

static void window_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    window_job job = window_plan(call);
    job.scratch = scratch;
    mf_parallel_for(pool, job.w.planes * job.bands, window_band, &job);
}

static const mf_kernel vector_window_filter = {.scratch = window_scratch, .run = window_run};
