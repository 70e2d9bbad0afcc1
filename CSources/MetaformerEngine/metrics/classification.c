#include "metrics/metric.h"
#include "metrics/sweep.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

#include <stdlib.h>

/* A score's key, and whether it is of a defective image in the lowest bit. */
static int descending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static mf_sweep sweep(const uint64_t *samples, size_t count, uint64_t defective) {
    mf_sweep s = {.total_defective = defective};
    mf_level level = {0};
    uint64_t passed = 0;
    for (size_t i = 0; i < count;) {
        level = (mf_level){.key = (uint32_t)(samples[i] >> 1), .ok_above = passed};
        for (; i < count && samples[i] >> 1 == level.key; i++) {
            if (samples[i] & 1)
                level.defective++;
            else
                level.ok_equal++;
        }
        passed = level.defective ? 0 : passed + level.ok_equal;
        if (level.defective) mf_sweep_level(&s, &level);
    }
    mf_sweep_pass(&s, passed);
    return s;
}

mf_status mf_classify(const float *scores, const uint8_t *labels, size_t count, const mf_metric_options *options,
                      mf_classification *out_result, mf_error *error) {
    if (!scores || !labels) return mf_fail(error, MF_E_INVALID, "scores and labels are needed");
    MF_TRY(mf_classification_writable(out_result, 0, error));
    if (count > UINT32_MAX) return mf_fail(error, MF_E_LIMIT, "%zu scores; at most %u", count, UINT32_MAX);
    mf_metric_options resolved;
    mf_allocator allocator;
    MF_TRY(mf_metric_options_resolve(options, &resolved, &allocator, error));
    uint64_t defective = 0;
    for (size_t i = 0; i < count; i++) {
        if (mf_score_is_invalid(scores[i]))
            return mf_fail(error, MF_E_INVALID, "score %zu is %g; scores must be finite", i, (double)scores[i]);
        defective += labels[i] != 0;
    }
    if (!defective || defective == count)
        return mf_fail(error, MF_E_INVALID, "all %zu scores are of %s images; both kinds are needed", count,
                       defective ? "defective" : "good");
    uint64_t *samples = mf_allocate(&allocator, count * sizeof *samples);
    if (!samples) return mf_fail(error, MF_E_NOMEM, "no memory for %zu scores", count);
    for (size_t i = 0; i < count; i++) samples[i] = (uint64_t)mf_score_key(scores[i]) << 1 | (labels[i] != 0);
    qsort(samples, count, sizeof *samples, descending);
    mf_sweep s = sweep(samples, count, defective);
    mf_free(&allocator, samples);
    mf_classification result = {.auroc = s.roc_area / ((double)defective * (double)(count - defective)),
                                .average_precision = s.precision / (double)defective,
                                .best_f1 = s.best_f1,
                                .best_threshold = mf_key_score(s.best_key)};
    mf_classification_write(out_result, &result);
    return MF_OK;
}
