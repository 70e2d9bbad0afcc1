/* Which good frames are held out to be scored by a model of the others: in folds, each frame in one of them. */
#ifndef MF_ADAPTATION_HOLD_OUT_H
#define MF_ADAPTATION_HOLD_OUT_H

#include "adaptation/features.h"
#include "adaptation/synthetic.h"

/* A random number below bound, from a state that starts as the host's seed; its bias of less than bound / 2^32 does not
   matter here. */
size_t mf_random_below(uint64_t *state, size_t bound);
void mf_random_shuffle(uint64_t *state, size_t *items, size_t count);

/* Frames 0 … count - 1 in an order that the seed alone decides, with the held places from first on moved to its end. */
void mf_fold_deal(uint64_t seed, size_t count, size_t first, size_t held, size_t *order);

/* How many folds mf_hold_out_fold has for so many frames. */
size_t mf_hold_out_folds(size_t count);

/* Scores of good frames that were held out, and how they came about. */
typedef struct mf_held_out {
    float *scores;
    size_t count;
    const char *from;       /* as the setting threshold.from says it */
    mf_synthetic synthetic; /* and of the same frames with synthetic defects */
} mf_held_out;

/* So many scores of the frames that a model goes on from are kept in its file. */
enum { MF_KEPT_SCORES = 128 };

/* Takes the scores that are kept in the model's file, if any. */
mf_status mf_held_out_restore(mf_held_out *held_out, const mf_adaptation *adaptation);

/* Keeps the scores, in ascending order here, in the adapted model; of too many some, spread evenly. */
mf_status mf_held_out_record(const mf_held_out *held_out, mf_model *adapted, mf_error *error);

/* Copies of a single frame that stand in for others: moved by eight pixels. */
enum { MF_SHIFTED_COPIES = 8 };

/* Scores so many frames of an order, as an inspection gives them but multiplied by scale, by their features where these are
   kept (NULL: of none); and, with synthetic defects, so many images of them. */
mf_status mf_held_out_score(mf_held_out *held_out, mf_inspection *inspection, mf_samples *samples,
                            mf_features *features, const size_t *order, size_t count, size_t painted, float scale);

/* Scores the only frame, where nothing can be held out, as it is moved: MF_SHIFTED_COPIES scores. */
mf_status mf_held_out_score_shifted(mf_held_out *held_out, mf_inspection *inspection, mf_samples *samples);

#endif
