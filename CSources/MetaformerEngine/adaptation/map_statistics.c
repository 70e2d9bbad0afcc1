#include "adaptation/map_statistics.h"

#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <metaformer/engine.h>
#include <string.h>

mf_status mf_map_statistics_prepare(mf_map_statistics *s, const mf_adaptation *a, size_t positions) {
    int failed = 0;
    *s = (mf_map_statistics){.positions = positions};
    s->sum = mf_adaptation_allocate(a, positions, sizeof *s->sum, &failed);
    s->squares = mf_adaptation_allocate(a, positions, sizeof *s->squares, &failed);
    s->count = mf_adaptation_allocate(a, positions, sizeof *s->count, &failed);
    return failed ? mf_fail(a->error, MF_E_NOMEM, "no memory for the statistics of maps") : MF_OK;
}

void mf_map_statistics_release(mf_map_statistics *s, const mf_adaptation *a) {
    mf_free(a->allocator, s->sum), mf_free(a->allocator, s->squares), mf_free(a->allocator, s->count);
}

void mf_map_statistics_start(mf_map_statistics *s) {
    memset(s->sum, 0, s->positions * sizeof *s->sum);
    memset(s->squares, 0, s->positions * sizeof *s->squares);
    memset(s->count, 0, s->positions * sizeof *s->count);
}

void mf_map_statistics_add(mf_map_statistics *s, const float *map, const float *inside) {
    for (size_t k = 0; k < s->positions; k++) {
        if (inside && inside[k] == 0) continue;
        s->sum[k] += (double)map[k];
        s->squares[k] += (double)map[k] * (double)map[k];
        s->count[k]++;
    }
}

mf_status mf_map_normality(const double *sums, const double *squares, const double *counts, size_t positions,
                           float *mean, float *gain, mf_error *error) {
    if (!sums || !squares || !counts || !mean || !gain)
        return mf_fail(error, MF_E_INVALID, "mf_map_normality: NULL argument");
    size_t known = 0;
    for (size_t k = 0; k < positions; k++) known += counts[k] > 0;
    double level = 0, average = 0, variance = 0;
    for (size_t k = 0; k < positions; k++) {
        if (!(counts[k] > 0)) continue;
        double at = sums[k] / counts[k];
        level += fabs(at) / (double)known;
        average += at / (double)known;
        variance += fmax(squares[k] / counts[k] - at * at, 0) / (double)known;
    }
    /* A floor, since a few images say little of the spread at one position, and a single one nothing. */
    double lowest = 0.5 * sqrt(variance) + 0.05 * level + 1e-9;
    for (size_t k = 0; k < positions; k++) {
        /* Where nothing was inspected, what is normal elsewhere. */
        double at = counts[k] > 0 ? sums[k] / counts[k] : average;
        double own = counts[k] > 0 ? fmax(squares[k] / counts[k] - at * at, 0) : variance;
        mean[k] = (float)at, gain[k] = (float)(1 / (sqrt(own) + lowest));
    }
    return MF_OK;
}

mf_status mf_map_statistics_finish(const mf_map_statistics *s, float *mean, float *gain, mf_error *error) {
    return mf_map_normality(s->sum, s->squares, s->count, s->positions, mean, gain, error);
}
