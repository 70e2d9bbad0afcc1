#include "api/threshold.h"

#include "api/settings.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <metaformer/engine.h>
#include <stdlib.h>
#include <string.h>

/* What is known of scores before any is seen: the spread of their logarithms, and how many scores that is worth. Few
   scores say little of it, and a bound by them alone lies far beyond what good images reach. */
#define PRIOR_SPREAD 0.3
#define PRIOR_SCORES 10.0

const char *mf_threshold_rule_name(mf_threshold_rule rule) {
    return mf_key_choice(MF_KEY_threshold_rule, (int)rule);
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The standard normal quantile for p in (0.5, 1): Abramowitz and Stegun, 26.2.23, to 4.5e-4. */
static double normal_quantile(double p) {
    double t = sqrt(-2 * log(1 - p));
    return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/* Student's t quantile from the normal's: Abramowitz and Stegun, 26.7.5. */
static double student_quantile(double p, double freedom) {
    double z = normal_quantile(p), z2 = z * z;
    return z + z * (z2 + 1) / (4 * freedom) + z * (5 * z2 * z2 + 16 * z2 + 3) / (96 * freedom * freedom) +
           z * (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15) / (384 * freedom * freedom * freedom);
}

float mf_threshold_of(float *scores, size_t count, double rate, mf_threshold_rule *out_rule) {
    qsort(scores, count, sizeof *scores, ascending);
    size_t k = (size_t)ceil((1 - rate) * (double)(count + 1));
    if (k >= 1 && k <= count) {
        *out_rule = MF_THRESHOLD_CONFORMAL;
        return scores[k - 1];
    }
    *out_rule = MF_THRESHOLD_EXTRAPOLATED;
    /* Scores are errors: positive, with a spread in proportion to their size, hence the logarithm. What is far below
       the highest, zero even, says nothing of how high they get, and counts as a tenth of it. */
    double highest = (double)scores[count - 1], least = fmax(highest / 10, 1e-12);
    double sum = 0, squares = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) sum += log(fmax((double)scores[i], least));
    double mean = sum / n;
    for (size_t i = 0; i < count; i++) squares += pow(log(fmax((double)scores[i], least)) - mean, 2);
    /* The posterior prediction under a scaled inverse chi-squared prior of their variance. */
    double freedom = PRIOR_SCORES + n - 1;
    double deviation = sqrt((PRIOR_SCORES * PRIOR_SPREAD * PRIOR_SPREAD + squares) / freedom);
    double bound = exp(mean + student_quantile(1 - rate, freedom) * deviation * sqrt(1 + 1 / n));
    return (float)fmax(bound, highest);
}

mf_status mf_threshold_fit(const float *scores, size_t count, double rate, float *out_threshold, const char **out_rule,
                           mf_error *error) {
    if (!scores || !out_threshold || count == 0)
        return mf_fail(error, MF_E_INVALID, "mf_threshold_fit: scores or threshold is NULL, or there are no scores");
    if (!(rate > 0 && rate <= 0.5)) return mf_fail(error, MF_E_INVALID, "rate is %g; give one in (0, 0.5]", rate);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(scores[i])) return mf_fail(error, MF_E_INVALID, "score %zu is not finite", i);
    if (count > SIZE_MAX / sizeof *scores) return mf_fail(error, MF_E_INVALID, "%zu scores", count);
    mf_allocator allocator;
    MF_TRY(mf_allocator_resolve(NULL, &allocator, error));
    float *sorted = mf_allocate(&allocator, count * sizeof *sorted);
    if (!sorted) return mf_fail(error, MF_E_NOMEM, "no memory for %zu scores", count);
    memcpy(sorted, scores, count * sizeof *sorted);
    mf_threshold_rule rule;
    *out_threshold = mf_threshold_of(sorted, count, rate, &rule);
    if (out_rule) *out_rule = mf_threshold_rule_name(rule);
    mf_free(&allocator, sorted);
    return MF_OK;
}
