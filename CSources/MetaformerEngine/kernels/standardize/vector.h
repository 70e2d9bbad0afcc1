/* Standardizing (layer and instance normalisation), a row at a time. */
typedef struct standardize_job {
    const mf_call *call;
    uint64_t n, rows;
    size_t tasks;
    float epsilon;
    float *scratch;
} standardize_job;

typedef struct row_moments {
    float mean, scale; /* scale is 1 / standard deviation */
} row_moments;

/* Sums of blocks in single precision, of their totals in double. */
static double row_sum(const float *x, uint64_t n) {
    double total = 0;
    for (uint64_t i = 0; i < n; i += MF_BLOCK)
        total += (double)reduce_block(x + i, n - i < MF_BLOCK ? n - i : MF_BLOCK, 0);
    return total;
}

static row_moments row_measure(const float *x, uint64_t n, float epsilon) {
    row_moments m = {.mean = (float)(row_sum(x, n) / (double)n)};
    double squares = 0;
    for (uint64_t from = 0; from < n; from += MF_BLOCK) {
        uint64_t end = from + MF_BLOCK < n ? from + MF_BLOCK : n, i = from;
        vf sum = v_splat(0);
        for (; i + MF_WIDTH <= end; i += MF_WIDTH) {
            vf d = v_load(x + i) - m.mean;
            sum = v_fma(d, d, sum);
        }
        float total = v_sum(sum);
        for (; i < end; i++) total += (x[i] - m.mean) * (x[i] - m.mean);
        squares += (double)total;
    }
    m.scale = (float)(1.0 / __builtin_sqrt(squares / (double)n + (double)epsilon));
    return m;
}

static size_t standardize_thread_scratch(const mf_call *call) {
    return mf_expression_scratch(call->instruction->expression) + MF_BLOCK;
}

static size_t standardize_scratch(const mf_call *call, int threads) {
    return (size_t)threads * standardize_thread_scratch(call) * sizeof(float);
}

static void standardize_rows(void *context, size_t task, int worker) {
    const standardize_job *job = context;
    const mf_call *call = job->call;
    uint64_t lanes = call->instruction->lanes.rows;
    float *values = job->scratch + (size_t)worker * standardize_thread_scratch(call);
    evaluator v = evaluator_make(call->instruction->expression, values + MF_BLOCK);
    mf_operand operands[MF_MAX_INPUTS + 1];
    for (uint64_t row = mf_share(job->rows, job->tasks, task), end = mf_share(job->rows, job->tasks, task + 1);
         row < end; row++) {
        const float *x = call->inputs[0] + row * job->n;
        row_moments m = row_measure(x, job->n, job->epsilon);
        for (uint64_t from = 0; from < job->n; from += MF_BLOCK) {
            uint64_t n = job->n - from < MF_BLOCK ? job->n - from : MF_BLOCK, i = 0;
            for (; i + MF_WIDTH <= n; i += MF_WIDTH) v_store(values + i, (v_load(x + from + i) - m.mean) * m.scale);
            for (; i < n; i++) values[i] = (x[from + i] - m.mean) * m.scale;
            operands[0] = (mf_operand){values, 1};
            mf_epilogue_at(call, row / lanes, row % lanes, from, operands);
            evaluate(&v, operands, call->output + row * job->n + from, n);
        }
    }
}

/* dx = scale * (g - mean(g) - y * mean(g * y)), y being the standardized x. */
static void standardize_gradient_rows(void *context, size_t task, int worker) {
    (void)worker;
    const standardize_job *job = context;
    uint64_t n = job->n;
    for (uint64_t row = mf_share(job->rows, job->tasks, task), end = mf_share(job->rows, job->tasks, task + 1);
         row < end; row++) {
        const float *x = job->call->inputs[0] + row * n, *g = job->call->inputs[1] + row * n;
        float *dx = job->call->output + row * n;
        row_moments m = row_measure(x, n, job->epsilon);
        double products = 0;
        for (uint64_t from = 0; from < n; from += MF_BLOCK) {
            uint64_t end_of_block = from + MF_BLOCK < n ? from + MF_BLOCK : n, i = from;
            vf sum = v_splat(0);
            for (; i + MF_WIDTH <= end_of_block; i += MF_WIDTH)
                sum = v_fma(v_load(g + i), (v_load(x + i) - m.mean) * m.scale, sum);
            float total = v_sum(sum);
            for (; i < end_of_block; i++) total += g[i] * ((x[i] - m.mean) * m.scale);
            products += (double)total;
        }
        float mean = (float)(row_sum(g, n) / (double)n), along = (float)(products / (double)n);
        uint64_t i = 0;
        for (; i + MF_WIDTH <= n; i += MF_WIDTH)
            v_store(dx + i, (v_load(g + i) - mean - (v_load(x + i) - m.mean) * m.scale * along) * m.scale);
        for (; i < n; i++) dx[i] = (g[i] - mean - (x[i] - m.mean) * m.scale * along) * m.scale;
    }
}

static void standardize_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    standardize_job job = {.call = call,
                           .n = 1,
                           .tasks = mf_task_count(call->shape->count * 4),
                           .scratch = scratch,
                           .epsilon = mf_float_of(call->instruction->attributes[1])};
    for (uint32_t i = 0; i < call->instruction->attributes[0]; i++)
        job.n *= call->shape->dims[call->shape->rank - 1 - i];
    job.rows = call->shape->count / job.n;
    mf_parallel_for(pool, job.tasks,
                    call->instruction->op == MF_OP_standardize ? standardize_rows : standardize_gradient_rows, &job);
}

static const mf_kernel vector_standardize = {.scratch = standardize_scratch, .run = standardize_run};
static const mf_kernel vector_standardize_gradient = {.run = standardize_run};
