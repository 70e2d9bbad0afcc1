/* What good frames look like as a whole, so that an inspection can tell a frame that does not show the product. */
#ifndef MF_ADAPTATION_RANGE_H
#define MF_ADAPTATION_RANGE_H

#include "adaptation/samples.h"

/* Measures the good frames, and makes their limits the adapted model's, which has its threshold. Where goes_on is set,
   these are limits beside those that it had. */
mf_status mf_range_record(mf_samples *samples, int goes_on, mf_model *adapted);

#endif
