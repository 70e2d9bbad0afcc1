/* The factor of a symmetric matrix, a matrix a task: dot products of its rows. */
typedef struct cholesky_job {
    const mf_call *call;
    uint64_t n;
} cholesky_job;

static void cholesky_factor(void *context, size_t index, int worker) {
    (void)worker;
    const cholesky_job *job = context;
    uint64_t n = job->n;
    const float *a = job->call->inputs[0] + index * n * n;
    float *l = job->call->output + index * n * n;
    for (uint64_t i = 0; i < n; i++) {
        float *row = l + i * n;
        for (uint64_t j = 0; j < i; j++) row[j] = (a[i * n + j] - dot(row, l + j * n, j)) / l[j * n + j];
        float pivot = a[i * n + i] - dot(row, row, i);
        row[i] = pivot > 0 ? __builtin_sqrtf(pivot) : __builtin_nanf("");
        memset(row + i + 1, 0, (n - i - 1) * sizeof(float));
    }
}

static void cholesky_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    cholesky_job job = {.call = call, .n = call->shape->dims[call->shape->rank - 1]};
    mf_parallel_for(pool, call->shape->count / (job.n * job.n), cholesky_factor, &job);
}

static const mf_kernel vector_cholesky = {.run = cholesky_run};
