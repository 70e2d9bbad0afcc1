#include "adaptation/range.h"

#include "image/appearance.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>

/* Of more frames, so many are measured, spread evenly. */
enum { MOST_MEASURED = 256 };

/* How far good frames may lie beyond those that were seen, or their map's median above the threshold: of one frame, and of
   very many. Brightness in log odds, the others in logarithms. Measured over products of many kinds: under one good frame in
   a hundred goes further. */
typedef struct margin {
    double of_one, of_many;
} margin;

static const margin brightness_margin = {1.2, 0.8}, contrast_margin = {0.9, 0.7}, sharpness_margin = {1.0, 0.8},
                    anomaly_margin = {0.4, 0};

static double margin_of(margin m, size_t frames) {
    return m.of_many + (m.of_one - m.of_many) / (double)frames;
}

static double log_odds(double share) {
    double p = fmin(fmax(share, 1e-3), 1 - 1e-3);
    return log(p / (1 - p));
}

static double of_log_odds(double odds) {
    return 1 / (1 + exp(-odds));
}

void mf_range_add(mf_range *r, const mf_appearance_sums *sums) {
    mf_appearance frame;
    mf_appearance_finish(sums, &frame);
    int first = r->frames++ == 0;
    r->brightness_low = first ? frame.brightness : fmin(r->brightness_low, frame.brightness);
    r->brightness_high = first ? frame.brightness : fmax(r->brightness_high, frame.brightness);
    r->contrast_low = first ? frame.contrast : fmin(r->contrast_low, frame.contrast);
    r->sharpness_low = first ? frame.sharpness : fmin(r->sharpness_low, frame.sharpness);
}

static mf_status measure(mf_range *r, mf_samples *s, size_t frame, float *image) {
    mf_appearance_sums sums = {0};
    for (size_t i = s->first_tile[frame]; i < s->first_tile[frame + 1]; i++) {
        MF_TRY(mf_samples_read(s, &s->tiles[i], image, NULL));
        mf_samples_measure(s, &s->tiles[i], image, &sums);
    }
    mf_range_add(r, &sums);
    return MF_OK;
}

mf_status mf_range_measure(mf_range *r, mf_samples *s) {
    size_t measured = s->count < MOST_MEASURED ? s->count : MOST_MEASURED;
    float *image = mf_allocate(s->adaptation->allocator, s->image * sizeof *image);
    if (!image) return mf_fail(s->adaptation->error, MF_E_NOMEM, "no memory to measure frames with");
    mf_status status = MF_OK;
    for (size_t i = 0; status == MF_OK && i < measured; i++)
        status = measure(r, s, mf_share(s->count, measured, i), image);
    mf_free(s->adaptation->allocator, image);
    return status;
}

static mf_appearance_limits limits_of(const mf_range *r) {
    double beyond = margin_of(brightness_margin, r->frames);
    return (mf_appearance_limits){.brightness_low = of_log_odds(log_odds(r->brightness_low) - beyond),
                                  .brightness_high = of_log_odds(log_odds(r->brightness_high) + beyond),
                                  .contrast_low = r->contrast_low * exp(-margin_of(contrast_margin, r->frames)),
                                  .sharpness_low = r->sharpness_low * exp(-margin_of(sharpness_margin, r->frames))};
}

mf_status mf_range_record(const mf_range *r, const mf_adaptation *a, int goes_on, mf_model *adapted) {
    mf_appearance_limits l = limits_of(r), earlier = a->model->limits;
    if (goes_on) {
        l.brightness_low = fmin(l.brightness_low, earlier.brightness_low);
        l.brightness_high = fmax(l.brightness_high, earlier.brightness_high);
        l.contrast_low = fmin(l.contrast_low, earlier.contrast_low);
        l.sharpness_low = fmin(l.sharpness_low, earlier.sharpness_low);
    }
    double threshold = (double)adapted->threshold, beyond = exp(margin_of(anomaly_margin, r->frames)) - 1;
    l.anomaly_high = threshold + beyond * fabs(threshold);
    adapted->limits = l;
    MF_TRY(mf_model_set_number(adapted, "appearance.brightness_low", (float)l.brightness_low, a->error));
    MF_TRY(mf_model_set_number(adapted, "appearance.brightness_high", (float)l.brightness_high, a->error));
    MF_TRY(mf_model_set_number(adapted, "appearance.contrast_low", (float)l.contrast_low, a->error));
    MF_TRY(mf_model_set_number(adapted, "appearance.sharpness_low", (float)l.sharpness_low, a->error));
    return mf_model_set_number(adapted, "appearance.anomaly_high", (float)l.anomaly_high, a->error);
}
