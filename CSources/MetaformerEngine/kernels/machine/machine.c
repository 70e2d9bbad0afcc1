/* What a processor can do at best, in the instructions of a variant. */
#include "kernels/kernel.h"
#include "support/abi.h"
#include "support/cancellation.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/resources.h"

/* Rounds of arithmetic, and floats in each of three arrays: more than any cache holds. The best of so many runs. */
enum { ROUNDS = 1 << 18, FLOATS = 1 << 24, RUNS = 24 };

typedef struct measurement {
    const mf_variant *variant;
    float *a, *b, *c;
    size_t threads;
    double flops_per_second[MF_MAX_THREADS];
    float sink[MF_MAX_THREADS]; /* results that nobody needs, so that they are worked out */
} measurement;

/* Each thread by its own clock: on a busy machine they hardly ever all run at once from end to end. */
static void compute(void *context, size_t index, int worker) {
    (void)worker;
    measurement *m = context;
    for (int run = 0; run < RUNS; run++) {
        uint64_t flops, start = mf_clock();
        m->sink[index] += m->variant->peak(ROUNDS, &flops);
        double rate = (double)flops * 1e9 / (double)(mf_clock() - start + 1);
        if (rate > m->flops_per_second[index]) m->flops_per_second[index] = rate;
    }
}

static void stream(void *context, size_t index, int worker) {
    (void)worker;
    const measurement *m = context;
    float *restrict a = m->a;
    const float *restrict b = m->b, *restrict c = m->c;
    for (size_t i = mf_share(FLOATS, m->threads, index), end = mf_share(FLOATS, m->threads, index + 1); i < end; i++)
        a[i] = b[i] + 0.5f * c[i];
}

mf_status mf_machine_measure(const mf_runner_options *options, mf_machine *out_machine, mf_error *error) {
    MF_TRY(mf_machine_writable(out_machine, 0, error));
    mf_resources resources;
    MF_TRY(mf_resources_resolve(options, NULL, &resources, error));
    const mf_pool *pool = &resources.pool;
    const mf_variant *variant = mf_variant_find(resources.isa);
    measurement m = {.variant = variant ? variant : &mf_generic, .threads = (size_t)pool->threads};
    m.a = mf_allocate(&resources.allocator, 3 * sizeof(float) * FLOATS);
    if (!m.a) return mf_fail(error, MF_E_NOMEM, "no memory for arrays of %zu bytes", 3 * sizeof(float) * FLOATS);
    m.b = m.a + FLOATS, m.c = m.b + FLOATS;
    mf_parallel_for(pool, m.threads, compute, &m);
    mf_machine machine = {0};
    for (size_t i = 0; i < m.threads; i++) machine.flops_per_second += m.flops_per_second[i];
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = mf_clock();
        mf_parallel_for(pool, m.threads, stream, &m);
        uint64_t time = mf_clock() - start + 1;
        if (time < best) best = time;
    }
    machine.bytes_per_second = 3.0 * sizeof(float) * (double)FLOATS * 1e9 / (double)best;
    mf_free(&resources.allocator, m.a);
    mf_machine_write(out_machine, &machine);
    return MF_OK;
}
