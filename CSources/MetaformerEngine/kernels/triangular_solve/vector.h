/* Triangular systems, a strip of right-hand sides at a time: it is copied to where it lies close together, and solved there,
   some equations at once, which then read the unknowns before them once for all. */
enum { SOLVE_STRIP = 2 * MF_WIDTH, SOLVE_ROWS = 4 };

typedef struct solve_job {
    const mf_call *call;
    mf_triangle t;
    uint64_t strips; /* of each system */
    size_t tasks;
    float *scratch;
} solve_job;

static size_t solve_scratch(const mf_call *call, int threads) {
    return (size_t)threads * mf_triangle_of(call).n * SOLVE_STRIP * sizeof(float);
}

/* Equations i … i + rows - 1, where the unknowns before i are known. l is where equation i's coefficients begin. */
static inline void solve_rows(const mf_triangle *t, const float *l, float *strip, uint64_t i, int rows) {
    vf x[SOLVE_ROWS][2];
    float *own = strip + i * SOLVE_STRIP;
    for (int r = 0; r < rows; r++)
        x[r][0] = v_load(own + r * SOLVE_STRIP), x[r][1] = v_load(own + r * SOLVE_STRIP + MF_WIDTH);
    for (uint64_t j = 0; j < i; j++) {
        vf known[2] = {v_load(strip + j * SOLVE_STRIP), v_load(strip + j * SOLVE_STRIP + MF_WIDTH)};
        for (int r = 0; r < rows; r++) {
            vf factor = v_splat(-l[r * t->l_row + (int64_t)j * t->l_column]);
            x[r][0] = v_fma(factor, known[0], x[r][0]), x[r][1] = v_fma(factor, known[1], x[r][1]);
        }
    }
    const float *corner = l + (int64_t)i * t->l_column;
    for (int r = 0; r < rows; r++) {
        for (int q = 0; q < r; q++) {
            vf factor = v_splat(-corner[r * t->l_row + q * t->l_column]);
            x[r][0] = v_fma(factor, x[q][0], x[r][0]), x[r][1] = v_fma(factor, x[q][1], x[r][1]);
        }
        float pivot = corner[r * t->l_row + r * t->l_column];
        x[r][0] /= pivot, x[r][1] /= pivot;
        v_store(own + r * SOLVE_STRIP, x[r][0]), v_store(own + r * SOLVE_STRIP + MF_WIDTH, x[r][1]);
    }
}

static void solve_strips(void *context, size_t task, int worker) {
    const solve_job *job = context;
    const mf_triangle *t = &job->t;
    float *strip = job->scratch + (size_t)worker * t->n * SOLVE_STRIP;
    uint64_t all = t->batch * job->strips;
    for (uint64_t s = mf_share(all, job->tasks, task), end = mf_share(all, job->tasks, task + 1); s < end; s++) {
        uint64_t batch = s / job->strips, first = s % job->strips * SOLVE_STRIP;
        size_t width = t->m - first < SOLVE_STRIP ? t->m - first : SOLVE_STRIP;
        const float *l = job->call->inputs[0] + batch * t->l_batch + t->l_start;
        int64_t at = (int64_t)(batch * t->n * t->m + first) + t->b_start;
        /* What lies past the last right-hand side is solved for 0. */
        if (width < SOLVE_STRIP) memset(strip, 0, t->n * SOLVE_STRIP * sizeof(float));
        for (uint64_t i = 0; i < t->n; i++)
            memcpy(strip + i * SOLVE_STRIP, job->call->inputs[1] + at + (int64_t)i * t->b_row, width * sizeof(float));
        uint64_t i = 0;
        for (; i + SOLVE_ROWS <= t->n; i += SOLVE_ROWS) solve_rows(t, l + (int64_t)i * t->l_row, strip, i, SOLVE_ROWS);
        for (; i < t->n; i++) solve_rows(t, l + (int64_t)i * t->l_row, strip, i, 1);
        for (i = 0; i < t->n; i++)
            memcpy(job->call->output + at + (int64_t)i * t->b_row, strip + i * SOLVE_STRIP, width * sizeof(float));
    }
}

static void solve_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    solve_job job = {.call = call, .t = mf_triangle_of(call), .scratch = scratch};
    job.strips = (job.t.m + SOLVE_STRIP - 1) / SOLVE_STRIP;
    job.tasks = mf_task_count(call->shape->count * job.t.n / 8);
    mf_parallel_for(pool, job.tasks, solve_strips, &job);
}

static const mf_kernel vector_triangular_solve = {.scratch = solve_scratch, .run = solve_run};
