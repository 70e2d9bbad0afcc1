/* The score above which a frame is anomalous, from the scores of good frames that were held out. */
#ifndef MF_ADAPTATION_THRESHOLD_H
#define MF_ADAPTATION_THRESHOLD_H

#include <stddef.h>

/* How a threshold came about, in the order of settings.def. */
typedef enum mf_threshold_rule {
    /* An order statistic of held-out scores: the stated rate holds whatever their distribution. */
    MF_THRESHOLD_CONFORMAL,
    /* Too few scores for that: a quantile of their logarithms, taken as normal with a prior of level and spread. */
    MF_THRESHOLD_EXTRAPOLATED
} mf_threshold_rule;

/* What is known of the logarithms of scores before any is seen. */
typedef struct mf_threshold_prior {
    double level, weight; /* their mean, and how many scores that is worth; a weight of 0 for nothing */
} mf_threshold_prior;

/* "conformal" or "extrapolated". */
const char *mf_threshold_rule_name(mf_threshold_rule rule);

/*
 * The score that a good frame exceeds with probability rate, from count scores of held-out good frames, sorted in place;
 * count may be 0 where the prior has a weight. Conformal prediction: of n exchangeable scores and one more, the new one
 * exceeds the k-th smallest, k = ceil((1 - rate) (n + 1)), with probability at most rate (Vovk, Gammerman, Shafer 2005);
 * where k > n, see above.
 */
float mf_threshold_of(float *scores, size_t count, double rate, const mf_threshold_prior *prior,
                      mf_threshold_rule *out_rule);

#endif
