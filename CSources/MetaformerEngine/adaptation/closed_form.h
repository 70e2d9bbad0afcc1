/* Adaptation in closed form: sums over the frames' features, by the model's program observe, are made into what is normal by
   its program fit. Sums are added a frame at a time, so a model that was adapted goes on with further frames as if it had been
   adapted to all of them at once, and leaving frames out is a subtraction. */
#ifndef MF_ADAPTATION_CLOSED_FORM_H
#define MF_ADAPTATION_CLOSED_FORM_H

#include "adaptation/hold_out.h"
#include "adaptation/range.h"
#include "adaptation/variables.h"

/* Frames are dealt to at most so many folds, each scored by a model of the others; and at most so many are scored. */
enum { MF_CLOSED_FORM_FOLDS = 16, MF_CLOSED_FORM_SCORES = 1024 };

/* Adds all frames to the model's sums, and scores frames that models of the others had held out: shifted copies of a single
   one, the first of its kind. held_out has room for MF_CLOSED_FORM_SCORES and MF_KEPT_SCORES; its scores, and those that were
   kept of earlier frames, are brought to those that a model of all frames would give others. range gets what the frames look
   like. */
mf_status mf_closed_form_adapt(mf_adaptation *adaptation, mf_samples *samples, mf_variables *variables,
                               mf_held_out *held_out, mf_range *range);

#endif
