#include "kernels/kernel.h"

#include <math.h>

/* Row by row: element (i, j) needs the rows before, and what stands left of it. */
static void factor(const float *a, uint64_t n, float *l) {
    for (uint64_t i = 0; i < n; i++) {
        for (uint64_t j = 0; j <= i; j++) {
            float rest = a[i * n + j];
            for (uint64_t k = 0; k < j; k++) rest -= l[i * n + k] * l[j * n + k];
            if (j < i) l[i * n + j] = rest / l[j * n + j];
            /* Not sqrtf's business alone: the root of 0 is no pivot either. */
            if (j == i) l[i * n + i] = rest > 0 ? sqrtf(rest) : NAN;
        }
        for (uint64_t j = i + 1; j < n; j++) l[i * n + j] = 0;
    }
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    uint64_t n = call->shape->dims[call->shape->rank - 1];
    for (uint64_t at = 0; at < call->shape->count; at += n * n) factor(call->inputs[0] + at, n, call->output + at);
}

const mf_kernel mf_reference_cholesky = {.run = run};
