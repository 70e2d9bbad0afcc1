/* Adaptation by gradient: all epochs of the paper (Eq. 6 and Section 4) by the model's own programs gradient and update. */
#ifndef MF_ADAPTATION_GRADIENT_H
#define MF_ADAPTATION_GRADIENT_H

#include "adaptation/hold_out.h"
#include "adaptation/range.h"
#include "adaptation/variables.h"

/* Tunes the variables on all frames, and scores frames that models of the others had held out: a fifth of 30 or more, but
   10 at least; in three folds of fewer; shifted copies of a single one. held_out has room for the frames and for
   MF_SHIFTED_COPIES. range gets what the frames look like. */
mf_status mf_gradient_adapt(mf_adaptation *adaptation, mf_samples *samples, mf_variables *variables,
                            mf_held_out *held_out, mf_range *range);

#endif
