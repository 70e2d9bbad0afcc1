#ifndef MF_API_THRESHOLD_H
#define MF_API_THRESHOLD_H

#include <stddef.h>

/* How a threshold came about, in the order of settings.def. */
typedef enum mf_threshold_rule {
    /* An order statistic of held-out scores: the stated rate holds whatever their distribution. */
    MF_THRESHOLD_CONFORMAL,
    /* Too few scores for that: a prediction bound of their logarithms, taken as normal with a prior of their spread. */
    MF_THRESHOLD_EXTRAPOLATED
} mf_threshold_rule;

/* "conformal" or "extrapolated". */
const char *mf_threshold_rule_name(mf_threshold_rule rule);

/*
 * The score that a good image exceeds with probability rate, from count > 0 scores of held-out good images (sorted in
 * place). Conformal prediction: of n exchangeable scores and one more, the new one exceeds the k-th smallest, k =
 * ceil((1 - rate) (n + 1)), with probability at most rate (Vovk, Gammerman, Shafer 2005); where k > n, see above.
 */
float mf_threshold_of(float *scores, size_t count, double rate, mf_threshold_rule *out_rule);

#endif
