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

/* What an inspection sees of a frame, without its map. */
static mf_appearance measure(mf_samples *s, size_t index, float *image) {
    const mf_adaptation *a = s->adaptation;
    const mf_model *model = a->model;
    mf_image frame = mf_frames_at(&s->frames, index);
    mf_mask own;
    const mf_mask *mask = mf_frames_mask(&s->frames, index, &own);
    mf_tiling tiling = mf_tiling_make(a->options.framing, frame.height, frame.width, model->height, model->width);
    mf_appearance_sums sums = {0};
    for (size_t i = s->first_tile[index]; i < s->first_tile[index + 1]; i++) {
        mf_tile tile = mf_tiling_tile(&tiling, s->tiles[i].row, s->tiles[i].column);
        mf_frame_resample(&frame, model->channels, &tiling, &tile, image, &a->pool, s->scratch);
        if (mask) mf_mask_resample(mask, &tiling, &tile, s->grid);
        mf_appearance_add(&sums, image, model->channels, &tiling, &tile, mask ? s->grid : NULL);
    }
    mf_appearance seen;
    mf_appearance_finish(&sums, &seen);
    return seen;
}

/* The limits of frames by the range that so many of them span. */
static mf_appearance_limits limits_of(mf_samples *s, float *image) {
    size_t measured = s->count < MOST_MEASURED ? s->count : MOST_MEASURED;
    mf_appearance low = {INFINITY, INFINITY, INFINITY, 0};
    double brightest = 0;
    for (size_t i = 0; i < measured; i++) {
        mf_appearance seen = measure(s, mf_share(s->count, measured, i), image);
        low.brightness = fmin(low.brightness, seen.brightness), brightest = fmax(brightest, seen.brightness);
        low.contrast = fmin(low.contrast, seen.contrast);
        low.sharpness = fmin(low.sharpness, seen.sharpness);
    }
    double beyond = margin_of(brightness_margin, measured);
    return (mf_appearance_limits){.brightness_low = of_log_odds(log_odds(low.brightness) - beyond),
                                  .brightness_high = of_log_odds(log_odds(brightest) + beyond),
                                  .contrast_low = low.contrast * exp(-margin_of(contrast_margin, measured)),
                                  .sharpness_low = low.sharpness * exp(-margin_of(sharpness_margin, measured))};
}

mf_status mf_range_record(mf_samples *s, int goes_on, mf_model *adapted) {
    const mf_adaptation *a = s->adaptation;
    float *image = mf_allocate(a->allocator, s->image * sizeof *image);
    if (!image) return mf_fail(a->error, MF_E_NOMEM, "no memory to measure frames with");
    mf_appearance_limits l = limits_of(s, image), earlier = a->model->limits;
    mf_free(a->allocator, image);
    if (goes_on) {
        l.brightness_low = fmin(l.brightness_low, earlier.brightness_low);
        l.brightness_high = fmax(l.brightness_high, earlier.brightness_high);
        l.contrast_low = fmin(l.contrast_low, earlier.contrast_low);
        l.sharpness_low = fmin(l.sharpness_low, earlier.sharpness_low);
    }
    double threshold = (double)adapted->threshold, beyond = exp(margin_of(anomaly_margin, s->count)) - 1;
    l.anomaly_high = threshold + beyond * fabs(threshold);
    adapted->limits = l;
    MF_TRY(mf_model_set_number(adapted, "appearance.brightness_low", (float)l.brightness_low, a->error));
    MF_TRY(mf_model_set_number(adapted, "appearance.brightness_high", (float)l.brightness_high, a->error));
    MF_TRY(mf_model_set_number(adapted, "appearance.contrast_low", (float)l.contrast_low, a->error));
    MF_TRY(mf_model_set_number(adapted, "appearance.sharpness_low", (float)l.sharpness_low, a->error));
    return mf_model_set_number(adapted, "appearance.anomaly_high", (float)l.anomaly_high, a->error);
}
