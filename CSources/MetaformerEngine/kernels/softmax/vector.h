/* Softmax, a row at a time, a share of the rows a task. */
typedef struct softmax_job {
    const mf_call *call;
    uint64_t n, rows;
    size_t tasks;
} softmax_job;

/* out = exp(x - highest) and the sum of it; out may be x. */
static float exponentials(const float *x, uint64_t n, float highest, float *out) {
    vf sum = v_splat(0), shift = v_splat(highest);
    uint64_t i = 0;
    for (; i + MF_WIDTH <= n; i += MF_WIDTH) {
        vf e = v_exp(v_load(x + i) - shift);
        v_store(out + i, e);
        sum += e;
    }
    float total = v_sum(sum);
    if (i < n) {
        float tail[MF_WIDTH] = {0};
        memcpy(tail, x + i, (n - i) * sizeof(float));
        v_store(tail, v_exp(v_load(tail) - shift));
        for (uint64_t k = i; k < n; k++) total += out[k] = tail[k - i];
    }
    return total;
}

static void softmax_rows(void *context, size_t task, int worker) {
    (void)worker;
    const softmax_job *job = context;
    uint64_t n = job->n;
    for (uint64_t row = mf_share(job->rows, job->tasks, task), end = mf_share(job->rows, job->tasks, task + 1);
         row < end; row++) {
        const float *x = job->call->inputs[0] + row * n;
        float *y = job->call->output + row * n;
        float scale = 1.0f / exponentials(x, n, reduce_block(x, n, 1), y);
        uint64_t i = 0;
        for (; i + MF_WIDTH <= n; i += MF_WIDTH) v_store(y + i, v_load(y + i) * scale);
        for (; i < n; i++) y[i] *= scale;
    }
}

static void softmax_gradient_rows(void *context, size_t task, int worker) {
    (void)worker;
    const softmax_job *job = context;
    uint64_t n = job->n;
    for (uint64_t row = mf_share(job->rows, job->tasks, task), end = mf_share(job->rows, job->tasks, task + 1);
         row < end; row++) {
        const float *y = job->call->inputs[0] + row * n, *g = job->call->inputs[1] + row * n;
        float *dx = job->call->output + row * n, along = dot(y, g, n);
        uint64_t i = 0;
        for (; i + MF_WIDTH <= n; i += MF_WIDTH) v_store(dx + i, v_load(y + i) * (v_load(g + i) - along));
        for (; i < n; i++) dx[i] = y[i] * (g[i] - along);
    }
}

static void softmax_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    softmax_job job = {
        .call = call, .n = call->shape->dims[call->shape->rank - 1], .tasks = mf_task_count(call->shape->count * 4)};
    job.rows = call->shape->count / job.n;
    mf_parallel_for(pool, job.tasks, call->instruction->op == MF_OP_softmax ? softmax_rows : softmax_gradient_rows,
                    &job);
}

static const mf_kernel vector_softmax = {.run = softmax_run};
static const mf_kernel vector_softmax_gradient = {.run = softmax_run};
