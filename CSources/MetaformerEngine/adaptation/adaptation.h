/* Adapting a model to a product: what all parts of it share. Frames become samples (samples.h); programs of the model
   change its variables (variables.h), by gradient (gradient.h) or in closed form (closed_form.h); frames that were held
   out are scored (hold_out.h), and their scores give the threshold (threshold.h). */
#ifndef MF_ADAPTATION_ADAPTATION_H
#define MF_ADAPTATION_ADAPTATION_H

#include "adaptation/threshold.h"
#include "api/model.h"
#include "support/cancellation.h"
#include "support/thread_pool.h"

typedef struct mf_adaptation {
    const mf_model *model;
    const mf_allocator *allocator;
    mf_adapt_options options; /* the library's own copy, with defaults filled in */
    mf_threshold_prior prior;
    size_t earlier; /* frames that the model was adapted to before, where it goes on from these */
    mf_error *error;
    mf_pool pool;
    mf_cancellation cancellation;
} mf_adaptation;

/* Checks the host's options, NULL for none, and fills in the rest from the model. */
mf_status mf_adaptation_begin(mf_adaptation *adaptation, const mf_adapt_options *options);

/* Zeroed memory for so many items; sets *failed where there is none. */
void *mf_adaptation_allocate(const mf_adaptation *adaptation, size_t count, size_t size, int *failed);

/* Tells the host how far a stage is; not MF_OK where it, or the time limit, ends the adaptation. */
mf_status mf_adaptation_report(mf_adaptation *adaptation, const char *stage, size_t done, size_t total, float loss);

#endif
