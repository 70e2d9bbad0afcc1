#include "api/statistics.h"

#include "metrics/metric.h"

#include <math.h>

enum { BIN_SHIFT = 32 - 14 };

void mf_statistics_add(mf_statistics *s, float score, int is_anomalous) {
    if (!s->count || score < s->lowest) s->lowest = score;
    if (!s->count || score > s->highest) s->highest = score;
    s->count++;
    s->anomalous += is_anomalous != 0;
    s->sum += (double)score;
    s->bins[mf_score_key(score) >> BIN_SHIFT]++;
}

float mf_statistics_quantile(const mf_statistics *s, double share) {
    /* The rank of the order statistic, from one. */
    uint64_t rank = (uint64_t)fmin(fmax(ceil(share * (double)s->count), 1), (double)s->count), before = 0;
    uint32_t bin = 0;
    while (before + s->bins[bin] < rank) before += s->bins[bin++];
    /* Its place in the bin, as if the bin's scores were spread evenly. */
    float low = mf_key_score(bin << BIN_SHIFT), high = mf_key_score((bin << BIN_SHIFT) | ((1U << BIN_SHIFT) - 1));
    double part = ((double)(rank - before) - 0.5) / (double)s->bins[bin];
    float score = (float)((double)low + part * ((double)high - (double)low));
    return fminf(fmaxf(score, s->lowest), s->highest);
}
