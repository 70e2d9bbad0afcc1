#include "kernels/kernel.h"

#include <math.h>

typedef struct moments {
    float mean, scale; /* scale is 1 / standard deviation */
} moments;

static uint64_t row_length(const mf_call *call) {
    uint64_t n = 1;
    for (uint32_t i = 0; i < call->instruction->attributes[0]; i++) n *= call->shape->dims[call->shape->rank - 1 - i];
    return n;
}

static moments measure(const float *x, uint64_t n, float epsilon) {
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < n; i++) sum += x[i];
    double mean = sum / (double)n;
    for (uint64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    return (moments){(float)mean, (float)(1.0 / sqrt(squares / (double)n + (double)epsilon))};
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    uint64_t n = row_length(call), rows = call->instruction->lanes.rows;
    float epsilon = mf_float_of(call->instruction->attributes[1]);
    for (uint64_t row = 0; row * n < call->shape->count; row++) {
        const float *x = call->inputs[0] + row * n;
        moments m = measure(x, n, epsilon);
        mf_operand operands[MF_MAX_INPUTS + 1];
        for (uint64_t i = 0; i < n; i++) {
            float value = (x[i] - m.mean) * m.scale;
            operands[0] = (mf_operand){&value, 0};
            mf_epilogue_at(call, row / rows, row % rows, i, operands);
            mf_expression_reference(call->instruction->expression, operands, call->output + row * n + i, 1);
        }
    }
}

/* dx = scale * (g - mean(g) - y * mean(g * y)), y being the standardized x. */
static void run_gradient(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    uint64_t n = row_length(call);
    float epsilon = mf_float_of(call->instruction->attributes[1]);
    for (uint64_t at = 0; at < call->shape->count; at += n) {
        const float *x = call->inputs[0] + at, *g = call->inputs[1] + at;
        moments m = measure(x, n, epsilon);
        double sum = 0, dot = 0;
        for (uint64_t i = 0; i < n; i++) {
            sum += g[i];
            dot += (double)g[i] * (double)((x[i] - m.mean) * m.scale);
        }
        float mean = (float)(sum / (double)n), along = (float)(dot / (double)n);
        for (uint64_t i = 0; i < n; i++)
            call->output[at + i] = m.scale * (g[i] - mean - (x[i] - m.mean) * m.scale * along);
    }
}

const mf_kernel mf_reference_standardize = {.run = run};
const mf_kernel mf_reference_standardize_gradient = {.run = run_gradient};
