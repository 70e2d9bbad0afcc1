/* The score above which a frame is anomalous, from the scores of good frames that were held out. */
#ifndef MF_ADAPTATION_THRESHOLD_H
#define MF_ADAPTATION_THRESHOLD_H

#include "api/model.h"

/* How a threshold came about, in the order of settings.def. */
typedef enum mf_threshold_rule {
    /* An order statistic of held-out scores: the stated rate holds whatever their distribution. */
    MF_THRESHOLD_CONFORMAL,
    /* Too few scores for that: a quantile of their logarithms, taken as normal with a prior of level and spread. */
    MF_THRESHOLD_EXTRAPOLATED,
    /* Of defective frames too: what has the best F1 over both. */
    MF_THRESHOLD_BEST_F1,
    /* The host's own. */
    MF_THRESHOLD_GIVEN
} mf_threshold_rule;

/* What a model knows of the logarithms of good frames' scores from other products. */
typedef struct mf_threshold_prior {
    double level, excess; /* their mean is level + excess / n by a model of n frames */
    double weight;        /* how many scores that is worth; 0 for nothing */
} mf_threshold_prior;

/* What a model's file says of its threshold. */
typedef struct mf_threshold {
    float value;
    mf_threshold_rule rule;
    const char *from; /* as the setting threshold.from says it */
    float rate;       /* of false alarms; 0 where it was not set by one */
    size_t scores;    /* that it was set by; 0 for none */
} mf_threshold;

/* Makes it a new model's, which knows a product with that. */
mf_status mf_threshold_record(mf_model *model, const mf_threshold *threshold, mf_error *error);

mf_status mf_threshold_prior_of(const mf_model *model, mf_threshold_prior *out_prior, mf_error *error);

/* What brings the scores by a model of so many frames to those by a model of others. */
float mf_threshold_scale(const mf_threshold_prior *prior, size_t from_frames, size_t to_frames);

/* A rule's name in settings. */
const char *mf_threshold_rule_name(mf_threshold_rule rule);

/*
 * The score that a good frame exceeds with probability rate by a model of so many frames, from count scores of held-out good
 * frames, sorted in place; count may be 0 where the prior has a weight. Conformal prediction: of n exchangeable scores and one more, the new one
 * exceeds the k-th smallest, k = ceil((1 - rate) (n + 1)), with probability at most rate (Vovk, Gammerman, Shafer 2005).
 * That is taken where k < n, as how far the highest of few scores lies out is chance; otherwise, see above.
 */
float mf_threshold_of(float *scores, size_t count, double rate, const mf_threshold_prior *prior, size_t frames,
                      mf_threshold_rule *out_rule);

#endif
