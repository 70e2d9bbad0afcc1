/* What good frames look like as a whole, so that an inspection can tell a frame that does not show the product. */
#ifndef MF_ADAPTATION_RANGE_H
#define MF_ADAPTATION_RANGE_H

#include "adaptation/samples.h"

/* What so many frames span. Starts as zeros. */
typedef struct mf_range {
    size_t frames;
    double brightness_low, brightness_high, contrast_low, sharpness_low;
} mf_range;

/* Adds a frame, by the sums of its tiles. */
void mf_range_add(mf_range *range, const mf_appearance_sums *sums);

/* Adds all frames that were laid out; of very many, some. */
mf_status mf_range_measure(mf_range *range, mf_samples *samples);

/* Makes limits by the range the adapted model's, which has its threshold. Where goes_on is set, these are limits beside those
   of the model that was adapted. */
mf_status mf_range_record(const mf_range *range, const mf_adaptation *adaptation, int goes_on, mf_model *adapted);

#endif
