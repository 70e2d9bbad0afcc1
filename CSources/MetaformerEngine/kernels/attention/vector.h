/* Attention, a block of queries a task: their scores against all keys stay in the cache, and no matrix of them is
   stored. */
enum { QUERIES = 132 };

typedef struct attention_job {
    const mf_call *call;
    uint64_t m, n, d, e; /* queries, keys, their length, a value's length */
    uint64_t blocks;
    float *scratch;
    uint64_t spare_size, panel_size, score_size, thread_scratch;
} attention_job;

static attention_job attention_plan(const mf_call *call) {
    attention_job job = {.call = call,
                         .m = call->shapes[0]->dims[1],
                         .n = call->shapes[1]->dims[1],
                         .d = call->shapes[1]->dims[2],
                         .e = call->shapes[2]->dims[2]};
    job.blocks = (job.m + QUERIES - 1) / QUERIES;
    uint64_t widest = job.d > job.n ? job.d : job.n;
    job.spare_size = TILE_M * widest;
    job.panel_size = up_to(job.n, TILE_N) * job.d > up_to(job.e, TILE_N) * job.n ? up_to(job.n, TILE_N) * job.d
                                                                                 : up_to(job.e, TILE_N) * job.n;
    job.panel_size = up_to(job.panel_size, 16);
    job.score_size = QUERIES * up_to(job.n > job.e ? job.n : job.e, TILE_N);
    job.thread_scratch = up_to(job.spare_size + job.panel_size + 2 * job.score_size, 16);
    return job;
}

static size_t attention_scratch(const mf_call *call, int threads) {
    return (size_t)threads * attention_plan(call).thread_scratch * sizeof(float);
}

static void attention_block(void *context, size_t index, int worker) {
    const attention_job *job = context;
    const mf_call *call = job->call;
    uint64_t batch = index / job->blocks, m0 = index % job->blocks * QUERIES,
             m = job->m - m0 < QUERIES ? job->m - m0 : QUERIES;
    float *spare = job->scratch + (size_t)worker * job->thread_scratch, *panel = spare + job->spare_size,
          *scores = panel + job->panel_size, *out = scores + job->score_size;
    uint64_t keys = up_to(job->n, TILE_N), values = up_to(job->e, TILE_N);
    float scale = mf_float_of(call->instruction->attributes[0]), sums[QUERIES];
    pack_columns(call->inputs[1] + batch * job->n * job->d, 1, job->d, job->n, job->d, panel);
    for (uint64_t i = 0; i < keys * job->d; i += MF_WIDTH) v_store(panel + i, v_load(panel + i) * scale);
    multiply_rows(call->inputs[0] + (batch * job->m + m0) * job->d, job->d, panel, m, job->n, job->d, scores, keys, 0,
                  spare);
    for (uint64_t i = 0; i < m; i++) {
        float *row = scores + i * keys;
        sums[i] = exponentials(row, job->n, reduce_block(row, job->n, 1), row);
    }
    pack_columns(call->inputs[2] + batch * job->n * job->e, job->e, 1, job->e, job->n, panel);
    multiply_rows(scores, keys, panel, m, job->e, job->n, out, values, 0, spare);
    for (uint64_t i = 0; i < m; i++) {
        float inverse = 1.0f / sums[i], *to = call->output + (batch * job->m + m0 + i) * job->e;
        for (uint64_t j = 0; j < job->e; j++) to[j] = out[i * values + j] * inverse;
    }
}

static void attention_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    attention_job job = attention_plan(call);
    job.scratch = scratch;
    mf_parallel_for(pool, (size_t)call->shapes[0]->dims[0] * job.blocks, attention_block, &job);
}

static const mf_kernel vector_attention = {.scratch = attention_scratch, .run = attention_run};
