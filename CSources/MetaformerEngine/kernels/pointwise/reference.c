#include "kernels/loops.h"

#include <math.h>

static float step_value(const mf_step *s, const float *v) {
    float a = v[s->a], b = v[s->b];
    switch (s->op) {
    case MF_STEP_add:
        return a + b;
    case MF_STEP_subtract:
        return a - b;
    case MF_STEP_multiply:
        return a * b;
    case MF_STEP_divide:
        return a / b;
    case MF_STEP_maximum:
        return a > b ? a : b;
    case MF_STEP_minimum:
        return a < b ? a : b;
    case MF_STEP_greater:
        return a > b ? 1.0f : 0.0f;
    case MF_STEP_select:
        return a != 0.0f ? b : v[s->c];
    case MF_STEP_negate:
        return -a;
    case MF_STEP_absolute:
        return fabsf(a);
    case MF_STEP_sign:
        return a > 0 ? 1.0f : a < 0 ? -1.0f : 0.0f;
    case MF_STEP_square_root:
        return sqrtf(a);
    case MF_STEP_exponential:
        return expf(a);
    case MF_STEP_logarithm:
        return logf(a);
    case MF_STEP_tanh:
        return tanhf(a);
    case MF_STEP_sigmoid:
        return 1.0f / (1.0f + expf(-a));
    default:
        return NAN;
    }
}

void mf_expression_reference(const mf_expression *e, const mf_operand *operands, float *out, size_t n) {
    float places[256];
    for (uint32_t k = 0; k < e->constant_count; k++) places[e->constants[k].place] = e->constants[k].value;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < e->input_count; k++) places[k] = operands[k].data[(int64_t)i * operands[k].step];
        places[MF_PLACE_OUTPUT] = places[0];
        for (uint32_t s = 0; s < e->step_count; s++) places[e->steps[s].result] = step_value(&e->steps[s], places);
        out[i] = places[MF_PLACE_OUTPUT];
    }
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    const mf_expression *e = call->instruction->expression;
    mf_loops loops;
    mf_loops_make(&loops, call->shape, call->shapes, e->input_count);
    uint64_t inner = loops.dims[loops.rank - 1], outer = mf_loops_outer(&loops);
    mf_position position = mf_loops_seek(&loops, 0);
    for (uint64_t row = 0; row < outer; row++, mf_loops_next(&loops, &position)) {
        mf_operand operands[MF_MAX_INPUTS];
        for (uint32_t k = 0; k < e->input_count; k++)
            operands[k] =
                (mf_operand){call->inputs[k] + mf_loops_offset(&loops, &position, k), loops.strides[k][loops.rank - 1]};
        mf_expression_reference(e, operands, call->output + row * inner, inner);
    }
}

const mf_kernel mf_reference_pointwise = {.run = run};
