/* What a context remembers of its scores: counts in bins, of fixed size and in no order. */
#ifndef MF_API_STATISTICS_H
#define MF_API_STATISTICS_H

#include <metaformer.h>

/* A bin holds the scores whose sign, exponent and first five binary places agree. */
#define MF_SCORE_BINS (1U << 14)

typedef struct mf_statistics {
    uint64_t count, anomalous;
    double sum;
    float lowest, highest;
    uint64_t bins[MF_SCORE_BINS];
} mf_statistics;

void mf_statistics_add(mf_statistics *statistics, float score, int is_anomalous);

/* The score that a share of all is at or below, to within a bin; there must be scores. */
float mf_statistics_quantile(const mf_statistics *statistics, double share);

#endif
