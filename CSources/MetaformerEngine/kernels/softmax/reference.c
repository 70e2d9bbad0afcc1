#include "kernels/kernel.h"

#include <math.h>

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    uint64_t n = call->shape->dims[call->shape->rank - 1];
    for (uint64_t at = 0; at < call->shape->count; at += n) {
        const float *x = call->inputs[0] + at;
        float *y = call->output + at, highest = x[0], sum = 0;
        for (uint64_t i = 1; i < n; i++) highest = x[i] > highest ? x[i] : highest;
        for (uint64_t i = 0; i < n; i++) sum += y[i] = expf(x[i] - highest);
        for (uint64_t i = 0; i < n; i++) y[i] /= sum;
    }
}

static void run_gradient(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    uint64_t n = call->shape->dims[call->shape->rank - 1];
    for (uint64_t at = 0; at < call->shape->count; at += n) {
        const float *y = call->inputs[0] + at, *g = call->inputs[1] + at;
        float *dx = call->output + at, dot = 0;
        for (uint64_t i = 0; i < n; i++) dot += y[i] * g[i];
        for (uint64_t i = 0; i < n; i++) dx[i] = y[i] * (g[i] - dot);
    }
}

const mf_kernel mf_reference_softmax = {.run = run};
const mf_kernel mf_reference_softmax_gradient = {.run = run_gradient};
