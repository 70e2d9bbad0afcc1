/* Whether the scores of a line have left what they were: a test of their logarithms, in memory of fixed size. */
#ifndef MF_API_DRIFT_H
#define MF_API_DRIFT_H

#include <metaformer.h>

typedef struct mf_drift {
    double reference, reference_spread; /* of the scores held out in adaptation: mean and deviation of the logarithms */
    uint64_t reference_count;           /* how many there were; 0 where the model has none */
    uint64_t count;                     /* scores so far */
    double mean, squares;               /* of the first ones: mean, and sum of squared distances from it */
    double above, below;                /* the two cumulative sums, in deviations */
    double evidence;                    /* the most of the limit that was reached: 1 and more is drift */
} mf_drift;

/* Starts over, with the model's held-out scores as the reference. */
void mf_drift_start(mf_drift *drift, const mf_model *model);

void mf_drift_add(mf_drift *drift, float score);

#endif
