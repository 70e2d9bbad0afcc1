/* Which good frames are held out to be scored by a model of the others: in folds, each frame in one of them. */
#ifndef MF_ADAPTATION_HOLD_OUT_H
#define MF_ADAPTATION_HOLD_OUT_H

#include "adaptation/samples.h"
#include "api/inspection.h"

/* A random number below bound, from a state that starts as the host's seed; its bias of less than bound / 2^32 does not
   matter here. */
size_t mf_random_below(uint64_t *state, size_t bound);
void mf_random_shuffle(uint64_t *state, size_t *items, size_t count);

/* Frames 0 … count - 1 in an order that the seed alone decides, with the held places from first on moved to its end. */
void mf_fold_deal(uint64_t seed, size_t count, size_t first, size_t held, size_t *order);

/* Scores of good frames that were held out, and how they came about. */
typedef struct mf_held_out {
    float *scores;
    size_t count;
    const char *from; /* as the setting threshold.from says it */
} mf_held_out;

/* Views of a single frame that stand in for others: moved by eight pixels. */
enum { MF_SHIFTED_COPIES = 8 };

/* Scores so many frames of an order, as an inspection gives them. */
mf_status mf_score_frames(mf_inspection *inspection, const mf_samples *samples, const size_t *order, size_t count,
                          float *scores, mf_error *error);

/* Scores the only frame from where it was not seen: MF_SHIFTED_COPIES scores. */
mf_status mf_score_shifted(mf_inspection *inspection, mf_samples *samples, float *scores, mf_error *error);

#endif
