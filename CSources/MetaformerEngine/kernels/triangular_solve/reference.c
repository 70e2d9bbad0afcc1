#include "kernels/triangular_solve/triangular_solve.h"

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    mf_triangle t = mf_triangle_of(call);
    int64_t n = (int64_t)t.n;
    for (uint64_t system = 0; system < t.batch * t.m; system++) {
        uint64_t batch = system / t.m, at = batch * t.n * t.m + system % t.m;
        const float *l = call->inputs[0] + batch * t.l_batch + t.l_start;
        const float *b = call->inputs[1] + at + t.b_start;
        float *x = call->output + at + t.b_start;
        for (int64_t i = 0; i < n; i++) {
            float rest = b[i * t.b_row];
            for (int64_t j = 0; j < i; j++) rest -= l[i * t.l_row + j * t.l_column] * x[j * t.b_row];
            x[i * t.b_row] = rest / l[i * t.l_row + i * t.l_column];
        }
    }
}

const mf_kernel mf_reference_triangular_solve = {.run = run};
