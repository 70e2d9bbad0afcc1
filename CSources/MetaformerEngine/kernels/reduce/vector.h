/*
 * Reductions. A full row of the inputs (their innermost axis) either goes into one output, or lies along a row of
 * outputs. The sequence of rows that go into an output is cut into parts, by shape, so that even a sum over everything
 * has work for all threads; the parts' results are then added in order.
 */
typedef struct reduce_job {
    const mf_call *call;
    mf_loops kept;     /* axes that stay; operand 0 is the output */
    mf_loops reduced;  /* axes that go */
    int along;         /* the innermost axis stays: outputs lie along a row */
    uint64_t row;      /* length of a row */
    uint64_t outputs;  /* rows of outputs (along), or outputs */
    uint64_t chunks;   /* of a row of outputs (along: each of at most a block), or of a row that is reduced */
    uint64_t sequence; /* rows, or their chunks, that go into one output */
    size_t parts;
    float *partial; /* parts x outputs of the op */
    float *scratch;
} reduce_job;

/* Splits the loops over the full shape into the axes that stay and those that go; a last axis of 1 is put where none
   is. */
static void reduce_split(const mf_call *call, reduce_job *job) {
    mf_shape full;
    mf_reduce_full_shape(call, &full);
    const mf_shape *shapes[MF_MAX_INPUTS + 1] = {call->shape};
    uint32_t operands = 1 + call->instruction->input_count;
    for (uint32_t k = 1; k < operands; k++) shapes[k] = call->shapes[k - 1];
    mf_loops all;
    mf_loops_make(&all, &full, shapes, operands);
    mf_loops *sides[2] = {&job->kept, &job->reduced};
    for (int s = 0; s < 2; s++) memset(sides[s], 0, sizeof(mf_loops)), sides[s]->operand_count = operands;
    for (uint32_t axis = 0; axis + 1 < all.rank; axis++) {
        mf_loops *side = sides[all.strides[0][axis] == 0];
        side->dims[side->rank] = all.dims[axis];
        for (uint32_t k = 0; k < operands; k++) side->strides[k][side->rank] = all.strides[k][axis];
        side->rank++;
    }
    /* The row is a last axis of both: mf_loops_outer, _seek and _next then walk the others. */
    uint32_t last = all.rank - 1;
    job->along = all.strides[0][last] != 0 && call->shape->count > 1;
    job->row = all.dims[last];
    for (int s = 0; s < 2; s++) {
        sides[s]->dims[sides[s]->rank] = all.dims[last];
        for (uint32_t k = 0; k < operands; k++) sides[s]->strides[k][sides[s]->rank] = all.strides[k][last];
        sides[s]->rank++;
    }
}

static reduce_job reduce_plan(const mf_call *call) {
    reduce_job job = {.call = call};
    reduce_split(call, &job);
    job.outputs = mf_loops_outer(&job.kept);
    job.chunks = (job.row + MF_BLOCK - 1) / MF_BLOCK;
    job.sequence = mf_loops_outer(&job.reduced) * (job.along ? 1 : job.chunks);
    uint64_t units = job.along ? job.outputs * job.chunks : job.outputs,
             work = units * job.sequence * (job.row < MF_BLOCK ? job.row : MF_BLOCK);
    job.parts = 1;
    if (units < 16) {
        uint64_t wanted = mf_task_count(work) / units;
        job.parts = (size_t)(wanted < 1 ? 1 : wanted > job.sequence ? job.sequence : wanted);
    }
    return job;
}

static size_t reduce_thread_scratch(const mf_call *call) {
    return mf_expression_scratch(call->instruction->expression) + 2 * MF_BLOCK;
}

static size_t reduce_scratch(const mf_call *call, int threads) {
    reduce_job job = reduce_plan(call);
    size_t partial = job.parts > 1 ? mf_round_up(job.parts * call->shape->count, 16) : 0;
    return (partial + (size_t)threads * reduce_thread_scratch(call)) * sizeof(float);
}

static void reduce_operands(const reduce_job *job, const mf_position *kept, const mf_position *reduced, uint64_t first,
                            mf_operand *operands) {
    for (uint32_t k = 0; k < job->call->instruction->input_count; k++) {
        int64_t step = job->kept.strides[1 + k][job->kept.rank - 1];
        operands[k] = (mf_operand){job->call->inputs[k] + mf_loops_offset(&job->kept, kept, 1 + k) +
                                       mf_loops_offset(&job->reduced, reduced, 1 + k) + (int64_t)first * step,
                                   step};
    }
}

static float reduce_block(const float *x, size_t n, int maximum) {
    size_t i = 0;
    float total = maximum ? -__builtin_inff() : 0.0f;
    if (n >= MF_WIDTH) {
        vf sum = v_load(x);
        for (i = MF_WIDTH; i + MF_WIDTH <= n; i += MF_WIDTH)
            sum = maximum ? v_max(sum, v_load(x + i)) : sum + v_load(x + i);
        total = maximum ? v_highest(sum) : v_sum(sum);
    }
    for (; i < n; i++) total = maximum ? (x[i] > total ? x[i] : total) : total + x[i];
    return total;
}

/* A part of the sequence for one output, or for a block of outputs that lie along a row. */
static void reduce_unit(void *context, size_t index, int worker) {
    const reduce_job *job = context;
    const mf_call *call = job->call;
    const mf_expression *e = call->instruction->expression;
    int maximum = call->instruction->attributes[0] == 1;
    size_t part = index % job->parts, unit = index / job->parts;
    float *scratch = job->scratch + (size_t)worker * reduce_thread_scratch(call), *values = scratch,
          *sums = scratch + MF_BLOCK;
    evaluator v = evaluator_make(e, scratch + 2 * MF_BLOCK);
    mf_position kept = mf_loops_seek(&job->kept, job->along ? unit / job->chunks : unit);
    uint64_t along_first = job->along ? unit % job->chunks * MF_BLOCK : 0;
    uint64_t along_count = !job->along ? 1 : job->row - along_first < MF_BLOCK ? job->row - along_first : MF_BLOCK;
    for (uint64_t i = 0; i < along_count; i++) sums[i] = maximum ? -__builtin_inff() : 0.0f;
    double total = 0;
    uint64_t chunks = job->along ? 1 : job->chunks;
    uint64_t at = mf_share(job->sequence, job->parts, part), end = mf_share(job->sequence, job->parts, part + 1);
    mf_position reduced = mf_loops_seek(&job->reduced, at / chunks);
    for (; at < end; at++) {
        uint64_t first = job->along ? along_first : at % chunks * MF_BLOCK;
        uint64_t n = job->along ? along_count : job->row - first < MF_BLOCK ? job->row - first : MF_BLOCK;
        mf_operand operands[MF_MAX_INPUTS];
        reduce_operands(job, &kept, &reduced, first, operands);
        const float *row = operands[0].data;
        if (e->step_count || operands[0].step != 1) evaluate(&v, operands, values, n), row = values;
        if (!job->along) {
            float block = reduce_block(row, n, maximum);
            if (maximum)
                sums[0] = block > sums[0] ? block : sums[0];
            else
                total += (double)block;
        } else {
            for (uint64_t i = 0; i < n; i++)
                sums[i] = maximum ? (row[i] > sums[i] ? row[i] : sums[i]) : sums[i] + row[i];
        }
        if (job->along || at % chunks == chunks - 1) mf_loops_next(&job->reduced, &reduced);
    }
    if (!job->along && !maximum) sums[0] = (float)total;
    float *out = job->parts > 1 ? job->partial + part * call->shape->count : call->output;
    memcpy(out + mf_loops_offset(&job->kept, &kept, 0) + along_first, sums, along_count * sizeof(float));
}

static void reduce_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    reduce_job job = reduce_plan(call);
    size_t partial = job.parts > 1 ? mf_round_up(job.parts * call->shape->count, 16) : 0;
    job.partial = scratch, job.scratch = (float *)scratch + partial;
    mf_parallel_for(pool, (job.along ? job.outputs * job.chunks : job.outputs) * job.parts, reduce_unit, &job);
    if (job.parts == 1) return;
    int maximum = call->instruction->attributes[0] == 1;
    for (uint64_t i = 0; i < call->shape->count; i++) {
        double total = (double)job.partial[i];
        for (size_t part = 1; part < job.parts; part++) {
            double value = (double)job.partial[part * call->shape->count + i];
            total = maximum ? (value > total ? value : total) : total + value;
        }
        call->output[i] = (float)total;
    }
}

static const mf_kernel vector_reduce = {.scratch = reduce_scratch, .run = reduce_run};
