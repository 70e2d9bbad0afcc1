#include "kernels/machine/machine.h"

#include "support/error.h"
#include "support/isa.h"
#include "support/memory.h"
#include "support/stop.h"
#include "support/team.h"

/* Rounds of arithmetic, and floats in each of three arrays: more than any cache holds. The best of so many runs. */
enum { ROUNDS = 1 << 18, FLOATS = 1 << 24, RUNS = 24 };

typedef struct measurement {
    mf_peak peak;
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
        m->sink[index] += m->peak(ROUNDS, &flops);
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
    mf_runner_options o = {.struct_size = sizeof o};
    if (!out_machine || out_machine->struct_size < sizeof *out_machine)
        return mf_fail(error, MF_E_INVALID, "mf_machine: NULL, or struct_size is not set");
    if (options) {
        if (options->struct_size < sizeof o)
            return mf_fail(error, MF_E_INVALID, "mf_runner_options: struct_size is not set");
        o = *options;
    }
    mf_allocator allocator;
    mf_isa isa;
    MF_TRY(mf_team_check(o.threads, o.pool, error));
    MF_TRY(mf_allocator_resolve(o.allocator, &allocator, error));
    MF_TRY(mf_isa_resolve(o.isa, &isa, error));
    measurement m = {.peak = mf_peak_generic};
#if defined(__x86_64__)
    if (isa == MF_ISA_AVX2) m.peak = mf_peak_avx2;
    if (isa == MF_ISA_AVX512) m.peak = mf_peak_avx512;
#endif
    mf_team team = mf_team_make(o.threads, o.pool);
    m.threads = (size_t)team.threads;
    m.a = mf_allocate(&allocator, 3 * sizeof(float) * FLOATS);
    if (!m.a) return mf_fail(error, MF_E_NOMEM, "no memory for arrays of %zu bytes", 3 * sizeof(float) * FLOATS);
    m.b = m.a + FLOATS, m.c = m.b + FLOATS;
    mf_team_run(&team, m.threads, compute, &m);
    out_machine->flops_per_second = 0;
    for (size_t i = 0; i < m.threads; i++) out_machine->flops_per_second += m.flops_per_second[i];
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = mf_clock();
        mf_team_run(&team, m.threads, stream, &m);
        uint64_t time = mf_clock() - start + 1;
        if (time < best) best = time;
    }
    out_machine->bytes_per_second = 3.0 * sizeof(float) * (double)FLOATS * 1e9 / (double)best;
    mf_free(&allocator, m.a);
    return MF_OK;
}
