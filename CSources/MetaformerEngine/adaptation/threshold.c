#include "adaptation/threshold.h"

#include "api/settings.h"
#include "image/score.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <metaformer/engine.h>
#include <stdlib.h>
#include <string.h>

/* How many scores the usual spread, MF_SCORE_SPREAD, is worth (EXPERIMENTS.md, "Threshold"). */
#define PRIOR_SCORES 5.0

const char *mf_threshold_rule_name(mf_threshold_rule rule) {
    return mf_key_choice(MF_KEY_threshold_rule, (int)rule);
}

mf_status mf_threshold_record(mf_model *model, const mf_threshold *t, mf_error *error) {
    model->is_adapted = 1;
    model->threshold = t->value;
    MF_TRY(mf_model_set_number(model, "threshold", t->value, error));
    MF_TRY(mf_model_set(model, "threshold.rule", mf_threshold_rule_name(t->rule), error));
    MF_TRY(mf_model_set(model, "threshold.from", t->from, error));
    static const char *const outdated[] = {
        "threshold.false_alarm_rate", "threshold.scores", "synthetic.found", "synthetic.count", "synthetic.patch",
        "synthetic.scratch",          "synthetic.blotch"};
    for (size_t i = 0; i < sizeof outdated / sizeof *outdated; i++) mf_model_unset(model, outdated[i]);
    if (t->rate > 0) MF_TRY(mf_model_set_number(model, "threshold.false_alarm_rate", t->rate, error));
    return t->scores ? mf_model_set_number(model, "threshold.scores", (float)t->scores, error) : MF_OK;
}

mf_status mf_threshold_prior_of(const mf_model *model, mf_threshold_prior *out_prior, mf_error *error) {
    MF_TRY(mf_model_number(model, MF_KEY_threshold_prior_level, &out_prior->level, error));
    MF_TRY(mf_model_number(model, MF_KEY_threshold_prior_excess, &out_prior->excess, error));
    return mf_model_number(model, MF_KEY_threshold_prior_weight, &out_prior->weight, error);
}

float mf_threshold_scale(const mf_threshold_prior *prior, size_t from_frames, size_t to_frames) {
    return (float)exp(prior->excess / (double)to_frames - prior->excess / (double)from_frames);
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

/* Scores are errors: positive, with a spread in proportion to their size, hence the logarithm. What is far below the
   highest, zero even, says nothing of how high they get, and counts as a tenth of it. */
static double logarithm(float score, float highest) {
    return log(fmax((double)score, fmax((double)highest / 10, 1e-12)));
}

float mf_threshold_of(float *scores, size_t count, double rate, const mf_threshold_prior *prior, size_t frames,
                      mf_threshold_rule *out_rule) {
    qsort(scores, count, sizeof *scores, ascending);
    size_t k = (size_t)ceil((1 - rate) * (double)(count + 1));
    if (k < count) {
        *out_rule = MF_THRESHOLD_CONFORMAL;
        return scores[k - 1];
    }
    *out_rule = MF_THRESHOLD_EXTRAPOLATED;
    double sum = 0, squares = 0, n = (double)count;
    float highest = count ? scores[count - 1] : 0;
    for (size_t i = 0; i < count; i++) sum += logarithm(scores[i], highest);
    double own = count ? sum / n : 0;
    for (size_t i = 0; i < count; i++) squares += pow(logarithm(scores[i], highest) - own, 2);
    double level = prior->level + prior->excess / (double)(frames ? frames : 1);
    double worth = prior->weight + n, mean = (prior->weight * level + sum) / worth;
    double freedom = PRIOR_SCORES + (count ? n - 1 : 0);
    double deviation = sqrt((PRIOR_SCORES * MF_SCORE_SPREAD * MF_SCORE_SPREAD + squares) / freedom);
    return (float)exp(mean + normal_quantile(1 - rate) * deviation * sqrt(1 + 1 / worth));
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
    *out_threshold = mf_threshold_of(sorted, count, rate, &(mf_threshold_prior){0}, 0, &rule);
    if (out_rule) *out_rule = mf_threshold_rule_name(rule);
    mf_free(&allocator, sorted);
    return MF_OK;
}
