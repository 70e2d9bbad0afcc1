#include "kernels/kernel.h"

#include <math.h>

static size_t scratch_bytes(const mf_call *call, int threads) {
    return (size_t)threads * call->shapes[1]->dims[1] * sizeof(float);
}

typedef struct row_task {
    const mf_call *call;
    float *weights;
} row_task;

/* One query. */
static void attend(void *context, size_t index, int worker) {
    const row_task *t = context;
    const mf_call *call = t->call;
    uint64_t m = call->shapes[0]->dims[1], n = call->shapes[1]->dims[1], d = call->shapes[1]->dims[2],
             e = call->shapes[2]->dims[2];
    uint64_t batch = index / m;
    float scale = mf_float_of(call->instruction->attributes[0]), highest = -INFINITY, sum = 0;
    const float *q = call->inputs[0] + index * d, *k = call->inputs[1] + batch * n * d,
                *v = call->inputs[2] + batch * n * e;
    float *weights = t->weights + (uint64_t)worker * n, *out = call->output + index * e;
    for (uint64_t j = 0; j < n; j++) {
        float dot = 0;
        for (uint64_t i = 0; i < d; i++) dot += q[i] * k[j * d + i];
        weights[j] = dot * scale;
        highest = weights[j] > highest ? weights[j] : highest;
    }
    for (uint64_t j = 0; j < n; j++) sum += weights[j] = expf(weights[j] - highest);
    for (uint64_t i = 0; i < e; i++) {
        float value = 0;
        for (uint64_t j = 0; j < n; j++) value += weights[j] * v[j * e + i];
        out[i] = value / sum;
    }
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    row_task task = {call, scratch};
    mf_parallel_for(pool, (size_t)call->shapes[0]->dims[0] * call->shapes[0]->dims[1], attend, &task);
}

const mf_kernel mf_reference_attention = {.scratch = scratch_bytes, .run = run};
