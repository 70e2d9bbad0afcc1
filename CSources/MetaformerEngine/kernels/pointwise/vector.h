/* Expressions, a block at a time: each step runs over the whole block before the next one starts. What follows most
   convolutions, a scale and a shift with limits or with a residual, goes through registers instead. */

/* An expression with its scratch: constants are filled in once, blocks are used again and again. */
typedef struct evaluator {
    const mf_expression *e;
    float *places[256];
    float *gathered; /* a block for each input, for those that do not lie one after the other */
    float *tails;    /* another for each input, for the last few values of a run */
    float *result;   /* a block for their result */
    int is_affine;
    mf_affine affine;
} evaluator;

static evaluator evaluator_make(const mf_expression *e, float *scratch) {
    evaluator v;
    v.e = e;
    v.is_affine = mf_affine_of(e, &v.affine);
    for (uint32_t i = 0; i < e->block_count; i++) v.places[MF_PLACE_BLOCK + i] = scratch + (size_t)i * MF_BLOCK;
    v.gathered = scratch + (size_t)e->block_count * MF_BLOCK;
    v.tails = v.gathered + (size_t)e->input_count * MF_BLOCK;
    v.result = v.tails + (size_t)e->input_count * MF_BLOCK;
    for (uint32_t i = 0; i < e->constant_count; i++)
        for (size_t k = 0; k < MF_BLOCK; k++) v.places[e->constants[i].place][k] = e->constants[i].value;
    return v;
}

#define UNARY(expression)                                                                                              \
    for (size_t i = 0; i < n; i += MF_WIDTH) {                                                                         \
        vf x = v_load(a + i);                                                                                          \
        v_store(to + i, expression);                                                                                   \
    }                                                                                                                  \
    break
#define BINARY(expression)                                                                                             \
    for (size_t i = 0; i < n; i += MF_WIDTH) {                                                                         \
        vf x = v_load(a + i), y = v_load(b + i);                                                                       \
        v_store(to + i, expression);                                                                                   \
    }                                                                                                                  \
    break

/* One step over n values, a multiple of the vector's width. */
static void evaluate_step(const mf_step *step, float *const *places, size_t n) {
    const float *a = places[step->a], *b = places[step->b], *c = places[step->c];
    float *to = places[step->result];
    const vf one = v_splat(1.0f), zero = v_splat(0.0f);
    switch (step->op) {
    case MF_STEP_add:
        BINARY(x + y);
    case MF_STEP_subtract:
        BINARY(x - y);
    case MF_STEP_multiply:
        BINARY(x * y);
    case MF_STEP_divide:
        BINARY(x / y);
    case MF_STEP_maximum:
        BINARY(v_max(x, y));
    case MF_STEP_minimum:
        BINARY(v_min(x, y));
    case MF_STEP_greater:
        BINARY(v_select((vi)(x > y), one, zero));
    case MF_STEP_select:
        for (size_t i = 0; i < n; i += MF_WIDTH)
            v_store(to + i, v_select((vi)(v_load(a + i) != zero), v_load(b + i), v_load(c + i)));
        break;
    case MF_STEP_negate:
        UNARY(-x);
    case MF_STEP_absolute:
        UNARY(v_abs(x));
    case MF_STEP_sign:
        UNARY(v_select((vi)(x > zero), one, v_select((vi)(x < zero), -one, zero)));
    case MF_STEP_square_root:
        UNARY(v_sqrt(x));
    case MF_STEP_exponential:
        UNARY(v_exp(x));
    case MF_STEP_logarithm:
        UNARY(v_log(x));
    case MF_STEP_tanh:
        UNARY(v_tanh(x));
    case MF_STEP_sigmoid:
        UNARY(v_sigmoid(x));
    default:
        break;
    }
}
#undef UNARY
#undef BINARY

static void evaluate_block(evaluator *v, float *out, size_t n) {
    v->places[MF_PLACE_OUTPUT] = out;
    for (uint32_t s = 0; s < v->e->step_count; s++) evaluate_step(&v->e->steps[s], v->places, n);
}

static inline __attribute__((always_inline)) vf affine_vector(const mf_affine *a, vf x, vf scale, vf shift, vf residual,
                                                              int adds, int limits) {
    x = x * scale + shift;
    if (adds) x = residual + x;
    return limits ? v_min(v_max(x, v_splat(a->low)), v_splat(a->high)) : x;
}

static inline __attribute__((always_inline)) void affine_run(const mf_affine *a, const mf_operand *operands, float *out,
                                                             size_t n, int adds, int limits) {
    const float *x = operands[0].data, *residual = adds ? operands[a->residual].data : x;
    const vf scale = v_splat(*operands[a->scale].data), shift = v_splat(*operands[a->shift].data);
    size_t i = 0;
    for (; i + MF_WIDTH <= n; i += MF_WIDTH)
        v_store(out + i, affine_vector(a, v_load(x + i), scale, shift, v_load(residual + i), adds, limits));
    if (i < n)
        v_store_first(
            out + i,
            affine_vector(a, v_load_first(x + i, n - i), scale, shift, v_load_first(residual + i, n - i), adds, limits),
            n - i);
}

/* As evaluate, where the expression is affine and its operands are laid out for it. */
static int evaluate_affine(const evaluator *v, const mf_operand *operands, float *out, size_t n) {
    const mf_affine *a = &v->affine;
    if (!v->is_affine || operands[0].step != 1 || operands[a->scale].step != 0 || operands[a->shift].step != 0)
        return 0;
    int adds = a->residual >= 0;
    if (adds && operands[a->residual].step != 1) return 0;
    if (adds && a->is_limited)
        affine_run(a, operands, out, n, 1, 1);
    else if (adds)
        affine_run(a, operands, out, n, 1, 0);
    else if (a->is_limited)
        affine_run(a, operands, out, n, 0, 1);
    else
        affine_run(a, operands, out, n, 0, 0);
    return 1;
}

/* n outputs in a row; out may be an operand of step 1. Reads and writes nothing past the n-th. */
static void evaluate(evaluator *v, const mf_operand *operands, float *out, size_t n) {
    const mf_expression *e = v->e;
    if (e->step_count == 0 && operands[0].step == 1) {
        if (out != operands[0].data) memcpy(out, operands[0].data, n * sizeof(float));
        return;
    }
    if (evaluate_affine(v, operands, out, n)) return;
    for (uint32_t k = 0; k < e->input_count; k++)
        if (operands[k].step == 0)
            for (size_t i = 0, end = n < MF_BLOCK ? (n + MF_WIDTH - 1) / MF_WIDTH * MF_WIDTH : MF_BLOCK; i < end;
                 i += MF_WIDTH)
                v_store(v->gathered + (size_t)k * MF_BLOCK + i, v_splat(*operands[k].data));
    for (size_t from = 0; from < n; from += MF_BLOCK) {
        size_t count = n - from < MF_BLOCK ? n - from : MF_BLOCK, whole = count / MF_WIDTH * MF_WIDTH,
               rest = count - whole;
        for (uint32_t k = 0; k < e->input_count; k++) {
            float *block = v->gathered + (size_t)k * MF_BLOCK, *tail = v->tails + (size_t)k * MF_BLOCK;
            const float *in = operands[k].data + (int64_t)from * operands[k].step;
            if (operands[k].step == 0) {
                for (size_t i = 0; i < rest; i++) tail[i] = *in;
                v->places[k] = block;
                continue;
            }
            if (operands[k].step != 1) {
                for (size_t i = 0; i < count; i++) block[i] = in[(int64_t)i * operands[k].step];
                in = block;
            }
            for (size_t i = 0; i < rest; i++) tail[i] = in[whole + i];
            union {
                const float *in;
                float *place;
            } input = {in}; /* steps only read their inputs */
            v->places[k] = input.place;
        }
        if (e->step_count == 0) {
            memcpy(out + from, v->places[0], count * sizeof(float));
            continue;
        }
        evaluate_block(v, out + from, whole);
        if (rest) {
            for (uint32_t k = 0; k < e->input_count; k++) v->places[k] = v->tails + (size_t)k * MF_BLOCK;
            evaluate_block(v, v->result, MF_WIDTH);
            memcpy(out + from + whole, v->result, rest * sizeof(float));
        }
    }
}

/* Finishes a tile of an op's output, rows x n from (batch, row, column) on: values lie stride apart, the output's rows
   out_stride. Short rows are gathered and go through the expression together: each step costs a call. */
static void evaluate_tile(evaluator *v, const mf_call *call, uint64_t batch, uint64_t row, uint64_t column,
                          const float *values, uint64_t stride, float *out, uint64_t out_stride, uint64_t rows,
                          uint64_t n) {
    const mf_expression *e = v->e;
    uint64_t together = n % MF_WIDTH == 0 && e->step_count > 0 ? MF_BLOCK / n : 0;
    mf_operand operands[MF_MAX_INPUTS + 1];
    for (uint64_t r = 0; r < rows;) {
        uint64_t count = rows - r < together ? rows - r : together;
        if (count < 2) {
            operands[0] = (mf_operand){values + r * stride, 1};
            mf_epilogue_at(call, batch, row + r, column, operands);
            evaluate(v, operands, out + r * out_stride, n);
            r++;
            continue;
        }
        for (uint64_t i = 0; i < count; i++) {
            operands[0] = (mf_operand){values + (r + i) * stride, 1};
            mf_epilogue_at(call, batch, row + r + i, column, operands);
            for (uint32_t k = 0; k < e->input_count; k++) {
                float *to = v->gathered + (size_t)k * MF_BLOCK + i * n;
                const float *from = operands[k].data;
                if (operands[k].step == 1)
                    for (uint64_t j = 0; j < n; j += MF_WIDTH) v_store(to + j, v_load(from + j));
                else
                    for (uint64_t j = 0; j < n; j++) to[j] = from[(int64_t)j * operands[k].step];
            }
        }
        for (uint32_t k = 0; k < e->input_count; k++) v->places[k] = v->gathered + (size_t)k * MF_BLOCK;
        evaluate_block(v, v->result, count * n);
        for (uint64_t i = 0; i < count; i++)
            for (uint64_t j = 0; j < n; j += MF_WIDTH)
                v_store(out + (r + i) * out_stride + j, v_load(v->result + i * n + j));
        r += count;
    }
}

/* ---- The op ------------------------------------------------------------------------------------------------------ */

typedef struct pointwise_job {
    const mf_call *call;
    mf_loops loops;
    size_t tasks;
    float *scratch;
} pointwise_job;

static size_t pointwise_scratch(const mf_call *call, int threads) {
    return (size_t)threads * mf_expression_scratch(call->instruction->expression) * sizeof(float);
}

/* A share of the outputs, which begins and ends anywhere in a row. */
static void pointwise_share(void *context, size_t task, int worker) {
    const pointwise_job *job = context;
    const mf_expression *e = job->call->instruction->expression;
    const mf_loops *loops = &job->loops;
    evaluator v = evaluator_make(e, job->scratch + (size_t)worker * mf_expression_scratch(e));
    uint64_t inner = loops->dims[loops->rank - 1];
    uint64_t at = mf_share(job->call->shape->count, job->tasks, task),
             end = mf_share(job->call->shape->count, job->tasks, task + 1);
    mf_position position = mf_loops_seek(loops, at / inner);
    while (at < end) {
        uint64_t first = at % inner, n = inner - first < end - at ? inner - first : end - at;
        mf_operand operands[MF_MAX_INPUTS];
        for (uint32_t k = 0; k < e->input_count; k++) {
            int64_t step = loops->strides[k][loops->rank - 1];
            operands[k] =
                (mf_operand){job->call->inputs[k] + mf_loops_offset(loops, &position, k) + (int64_t)first * step, step};
        }
        evaluate(&v, operands, job->call->output + at, n);
        mf_loops_next(loops, &position);
        at += n;
    }
}

static void pointwise_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    pointwise_job job = {.call = call, .tasks = mf_task_count(call->shape->count), .scratch = scratch};
    mf_loops_make(&job.loops, call->shape, call->shapes, call->instruction->input_count);
    mf_parallel_for(pool, job.tasks, pointwise_share, &job);
}

static const mf_kernel vector_pointwise = {.scratch = pointwise_scratch, .run = pointwise_run};
