/* Matrix products. Blocks of packed panels; but for a few rows of A (vectors times a matrix of weights), where packing
   B would cost more than it saves: dot products with B's rows where it is transposed, else sums of B's rows. */

typedef struct matmul_job {
    const mf_call *call;
    mf_product p;
    cut c;
    uint64_t blocks;
    float *scratch;
    uint64_t thread_scratch;
} matmul_job;

enum { FEW_ROWS = 4 };

static int matmul_by_dots(const mf_product *p) {
    return p->m <= FEW_ROWS && p->b_row == 1 && p->a_column == 1;
}
static int matmul_by_rows(const mf_product *p) {
    return p->m <= FEW_ROWS && p->b_column == 1;
}

static matmul_job matmul_plan(const mf_call *call) {
    matmul_job job = {.call = call, .p = mf_product_of(call)};
    job.c = cut_make(job.p.m, job.p.n, job.p.batch, job.p.a_column != 1);
    job.blocks = job.c.down * job.c.across;
    job.thread_scratch =
        mf_expression_scratch(call->instruction->expression) + cut_a(&job.c) + cut_b(&job.c) + cut_c(&job.c);
    return job;
}

static size_t matmul_scratch(const mf_call *call, int threads) {
    return (size_t)threads * matmul_plan(call).thread_scratch * sizeof(float);
}

/* Whether all that is done to the result is to add it to what the output holds already. */
static int matmul_accumulates(const mf_call *call, const mf_product *p) {
    const mf_instruction *i = call->instruction;
    const mf_step *step = i->expression->steps;
    if (i->input_count != 3 || i->expression->step_count != 1 || step->op != MF_STEP_add || step->a + step->b != 1)
        return 0;
    const mf_strides *s = i->epilogue;
    return call->inputs[2] == call->output && s->column == 1 && s->row == p->n &&
           (p->batch == 1 || s->batch == p->m * p->n);
}

static void matmul_block(void *context, size_t index, int worker) {
    const matmul_job *job = context;
    const mf_product *p = &job->p;
    const mf_call *call = job->call;
    float *scratch = job->scratch + (size_t)worker * job->thread_scratch;
    float *a = scratch, *b = a + cut_a(&job->c), *c = b + cut_b(&job->c);
    evaluator v = evaluator_make(call->instruction->expression, c + cut_c(&job->c));
    uint64_t batch = index / job->blocks, stride = job->c.columns;
    block t = cut_block(&job->c, index % job->blocks);
    const float *left = call->inputs[0] + batch * p->a_batch + t.m0 * p->a_row;
    const float *right = call->inputs[1] + batch * p->b_batch + t.n0 * p->b_column;
    float *out = call->output + (batch * p->m + t.m0) * p->n + t.n0;
    /* Where nothing else is done to the result, whole tiles of it are summed up in the output itself. */
    int accumulates = matmul_accumulates(call, p), plain = (v.e->step_count == 0 || accumulates) && t.n % TILE_N == 0;
    for (uint64_t k = 0; k < p->k; k += DEPTH) {
        uint64_t depth = p->k - k < DEPTH ? p->k - k : DEPTH;
        pack_columns(right + k * p->b_row, p->b_row, p->b_column, t.n, depth, b);
        if (p->a_column != 1) pack_rows(left + k * p->a_column, p->a_row, p->a_column, t.m, depth, a);
        for (uint64_t i = 0; i < t.m; i += TILE_M) {
            uint64_t rows = t.m - i < TILE_M ? t.m - i : TILE_M;
            int straight = plain && rows == TILE_M;
            float *to = straight ? out + i * p->n : c + i * stride;
            uint64_t to_stride = straight ? p->n : stride;
            const float *from = left + i * p->a_row + k;
            int add = k > 0 || (straight && accumulates);
            if (p->a_column != 1)
                multiply_panels(a + i * depth, b, rows, t.n, depth, to, to_stride, add);
            else
                multiply_rows(from, p->a_row, b, rows, t.n, depth, to, to_stride, add, a);
            if (straight || k + depth < p->k) continue;
            /* Finished while they are in the nearest cache. */
            evaluate_tile(&v, call, batch, t.m0 + i, t.n0, c + i * stride, stride, out + i * p->n, p->n, rows, t.n);
        }
    }
}

enum { DOT_COLUMNS = 64 };

static float dot(const float *a, const float *b, uint64_t n) {
    vf sum[4] = {{0}, {0}, {0}, {0}};
    uint64_t i = 0;
    for (; i + 4 * MF_WIDTH <= n; i += 4 * MF_WIDTH)
        for (int s = 0; s < 4; s++)
            sum[s] = v_fma(v_load(a + i + (uint64_t)s * MF_WIDTH), v_load(b + i + (uint64_t)s * MF_WIDTH), sum[s]);
    for (; i + MF_WIDTH <= n; i += MF_WIDTH) sum[0] = v_fma(v_load(a + i), v_load(b + i), sum[0]);
    float total = v_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; i < n; i++) total += a[i] * b[i];
    return total;
}

static void matmul_dots(void *context, size_t index, int worker) {
    const matmul_job *job = context;
    const mf_product *p = &job->p;
    const mf_call *call = job->call;
    float *scratch = job->scratch + (size_t)worker * job->thread_scratch;
    evaluator v = evaluator_make(call->instruction->expression, scratch);
    uint64_t per_batch = (p->n + DOT_COLUMNS - 1) / DOT_COLUMNS, batch = index / per_batch,
             n0 = index % per_batch * DOT_COLUMNS;
    uint64_t n = p->n - n0 < DOT_COLUMNS ? p->n - n0 : DOT_COLUMNS;
    const float *left = call->inputs[0] + batch * p->a_batch, *right = call->inputs[1] + batch * p->b_batch;
    float row[DOT_COLUMNS];
    float *out = call->output + batch * p->m * p->n + n0;
    for (uint64_t i = 0; i < p->m; i++) {
        for (uint64_t j = 0; j < n; j++) row[j] = dot(left + i * p->a_row, right + (n0 + j) * p->b_column, p->k);
        evaluate_tile(&v, call, batch, i, n0, row, n, out + i * p->n, p->n, 1, n);
    }
}

enum { ROW_COLUMNS = 256, ROWS_AT_ONCE = 4 };

/* A few rows of the result, ROW_COLUMNS wide: rows of B are read once for all of them, some at a time. */
static void matmul_rows(void *context, size_t index, int worker) {
    const matmul_job *job = context;
    const mf_product *p = &job->p;
    const mf_call *call = job->call;
    evaluator v = evaluator_make(call->instruction->expression, job->scratch + (size_t)worker * job->thread_scratch);
    uint64_t per_batch = (p->n + ROW_COLUMNS - 1) / ROW_COLUMNS, batch = index / per_batch,
             n0 = index % per_batch * ROW_COLUMNS;
    uint64_t n = p->n - n0 < ROW_COLUMNS ? p->n - n0 : ROW_COLUMNS, whole = n / MF_WIDTH * MF_WIDTH;
    const float *a = call->inputs[0] + batch * p->a_batch, *b = call->inputs[1] + batch * p->b_batch + n0;
    float rows[FEW_ROWS][ROW_COLUMNS];
    memset(rows, 0, sizeof rows);
    for (uint64_t k = 0; k < p->k; k += ROWS_AT_ONCE) {
        uint64_t count = p->k - k < ROWS_AT_ONCE ? p->k - k : ROWS_AT_ONCE;
        for (uint64_t i = 0; i < p->m; i++) {
            const float *from = b + k * p->b_row;
            vf value[ROWS_AT_ONCE];
            for (uint64_t r = 0; r < count; r++) value[r] = v_splat(a[i * p->a_row + (k + r) * p->a_column]);
            for (uint64_t j = 0; j < whole && count == ROWS_AT_ONCE; j += MF_WIDTH) {
                vf sum = v_load(rows[i] + j);
                for (uint64_t r = 0; r < ROWS_AT_ONCE; r++) sum = v_fma(value[r], v_load(from + r * p->b_row + j), sum);
                v_store(rows[i] + j, sum);
            }
            for (uint64_t r = 0; r < count; r++)
                for (uint64_t j = count == ROWS_AT_ONCE ? whole : 0; j < n; j++)
                    rows[i][j] += value[r][0] * from[r * p->b_row + j];
        }
    }
    evaluate_tile(&v, call, batch, 0, n0, rows[0], ROW_COLUMNS, call->output + batch * p->m * p->n + n0, p->n, p->m, n);
}

static void matmul_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    matmul_job job = matmul_plan(call);
    job.scratch = scratch;
    if (matmul_by_dots(&job.p))
        mf_parallel_for(pool, job.p.batch * ((job.p.n + DOT_COLUMNS - 1) / DOT_COLUMNS), matmul_dots, &job);
    else if (matmul_by_rows(&job.p))
        mf_parallel_for(pool, job.p.batch * ((job.p.n + ROW_COLUMNS - 1) / ROW_COLUMNS), matmul_rows, &job);
    else
        mf_parallel_for(pool, job.p.batch * job.blocks, matmul_block, &job);
}

static const mf_kernel vector_matmul = {.scratch = matmul_scratch, .run = matmul_run};
