#include "image/score.h"

#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <metaformer/engine.h>
#include <string.h>

enum { BINS = 1 << 16 };

struct mf_score_bin {
    double sum;
    uint64_t count;
};

size_t mf_score_bytes(void) {
    return BINS * sizeof(mf_score_bin);
}

void mf_score_start(mf_score *score, double share, void *memory) {
    *score = (mf_score){.share = share, .highest = -INFINITY, .bins = memory};
    memset(memory, 0, mf_score_bytes());
}

/* The upper half of a float's bits, turned so that it ascends with the float. */
static uint32_t bin_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits >> 31 ? ~bits : bits | 0x80000000U) >> 16;
}

void mf_score_add(mf_score *score, const float *values, const uint8_t *inside, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (inside && !inside[i]) continue;
        if (values[i] > score->highest) score->highest = values[i];
        mf_score_bin *bin = &score->bins[bin_of(values[i])];
        bin->sum += (double)values[i];
        bin->count++;
        score->count++;
    }
}

float mf_score_finish(const mf_score *score) {
    if (score->share <= 0 || score->count == 0) return score->highest;
    uint64_t wanted = (uint64_t)ceil(score->share * (double)score->count), left = wanted;
    double sum = 0;
    for (size_t i = BINS; i-- > 0 && left > 0;) {
        const mf_score_bin *bin = &score->bins[i];
        if (!bin->count) continue;
        uint64_t taken = bin->count < left ? bin->count : left;
        sum += taken == bin->count ? bin->sum : bin->sum / (double)bin->count * (double)taken;
        left -= taken;
    }
    return (float)(sum / (double)wanted);
}

float mf_score_median(const mf_score *score) {
    uint64_t below = 0;
    for (size_t i = 0; i < BINS; i++) {
        const mf_score_bin *bin = &score->bins[i];
        below += bin->count;
        if (bin->count && 2 * below >= score->count) return (float)(bin->sum / (double)bin->count);
    }
    return 0;
}

mf_status mf_map_score(const float *values, size_t count, double share, float *out_score, mf_error *error) {
    if (!values || !out_score || count == 0)
        return mf_fail(error, MF_E_INVALID, "mf_map_score: values or score is NULL, or there are no values");
    if (!(share >= 0 && share <= 1)) return mf_fail(error, MF_E_INVALID, "share is %g; give one in [0, 1]", share);
    mf_allocator allocator;
    MF_TRY(mf_allocator_resolve(NULL, &allocator, error));
    void *memory = mf_allocate(&allocator, mf_score_bytes());
    if (!memory) return mf_fail(error, MF_E_NOMEM, "no memory for a score");
    mf_score score;
    mf_score_start(&score, share, memory);
    mf_score_add(&score, values, NULL, count);
    *out_score = mf_score_finish(&score);
    mf_free(&allocator, memory);
    return MF_OK;
}
