/* What all metrics share: options, and scores as ordered integers. */
#ifndef MF_METRICS_METRIC_H
#define MF_METRICS_METRIC_H

#include "support/thread_pool.h"

#include <metaformer.h>
#include <string.h>

/* Checks options, which may be NULL, and fills in what they leave open. */
mf_status mf_metric_options_resolve(const mf_metric_options *given, mf_metric_options *out_options,
                                    mf_allocator *out_allocator, mf_error *error);

static inline uint32_t mf_score_bits(float score) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits;
}

/* Whether a score is NaN or infinite: 1 or 0. */
static inline uint32_t mf_score_is_invalid(float score) {
    return (mf_score_bits(score) & 0x7f800000) == 0x7f800000;
}

/* Keys are ordered as their scores are; 0 and -0 have one key. */
static inline uint32_t mf_score_key(float score) {
    uint32_t bits = mf_score_bits(score);
    bits = bits == 0x80000000 ? 0 : bits;
    return bits ^ (bits >> 31 ? 0xffffffff : 0x80000000);
}

static inline float mf_key_score(uint32_t key) {
    uint32_t bits = key ^ (key >> 31 ? 0x80000000 : 0xffffffff);
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

#endif
