/* The threshold of a model that knows a product: from further frames of it, or as the host says. */
#include "adaptation/frames.h"
#include "adaptation/threshold.h"
#include "api/settings.h"
#include "support/abi.h"
#include "support/cancellation.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/rounding.h"
#include "support/thread_pool.h"

#include <math.h>

typedef struct calibration {
    const mf_model *model;
    mf_calibrate_options options; /* the library's own copy, with defaults filled in */
    mf_error *error;
    mf_cancellation cancellation;
    mf_frames good, defective;
    int32_t widest; /* frame, pixels */
    mf_context *context;
    float *scores; /* of the good frames, then of the defective ones */
    uint8_t *labels;
    size_t count;
} calibration;

/* ---- Scores ------------------------------------------------------------------------------------------------------ */

static mf_status score_group(calibration *c, const mf_frames *g, int is_defective) {
    for (size_t i = 0; i < g->count; i++) {
        mf_image frame;
        mf_mask mask;
        mf_result result = {.struct_size = sizeof result};
        MF_TRY(mf_cancellation_check(&c->cancellation, c->error));
        MF_TRY(mf_frames_read(g, i, &frame, &mask, c->error));
        mf_status status = mf_inspect(c->context, &frame, mf_mask_of(&mask), NULL, &result);
        if (status != MF_OK) return mf_fail(c->error, status, "%s %zu: %s", g->name, i, mf_context_error(c->context));
        c->scores[c->count] = result.score;
        c->labels[c->count++] = (uint8_t)is_defective;
        if (c->options.progress &&
            c->options.progress(c->options.opaque, "scoring", c->count, c->good.count + c->defective.count, 0))
            return mf_fail(c->error, MF_E_CANCELLED, "calibration was cancelled");
    }
    return MF_OK;
}

static mf_status score_all(calibration *c) {
    mf_context_options options = {
        .struct_size = sizeof options, .threads = c->options.threads, .pool = c->options.pool, .max_width = c->widest};
    MF_TRY(mf_context_create(c->model, &options, &c->context, c->error));
    MF_TRY(mf_context_set_any_depth(c->context, c->options.any_depth));
    size_t all = c->good.count + c->defective.count;
    c->scores = mf_allocate(&c->model->allocator, all * sizeof *c->scores);
    c->labels = mf_allocate(&c->model->allocator, all);
    if (!c->scores || !c->labels) return mf_fail(c->error, MF_E_NOMEM, "no memory for %zu scores", all);
    MF_TRY(score_group(c, &c->good, 0));
    return score_group(c, &c->defective, 1);
}

/* ---- The threshold ----------------------------------------------------------------------------------------------- */

/* From good frames alone; their scores are sorted. The model knows none of them: its threshold is theirs. */
static mf_status fit_good(calibration *c, mf_threshold *t) {
    double images;
    mf_threshold_prior prior;
    MF_TRY(mf_model_number(c->model, MF_KEY_adapted_images, &images, c->error));
    MF_TRY(mf_threshold_prior_of(c->model, &prior, c->error));
    t->rate = c->options.false_alarm_rate;
    t->value = mf_threshold_of(c->scores, c->count, (double)t->rate, &prior, (size_t)images, &t->rule);
    size_t copies = 0;
    for (size_t i = 1; i < c->count; i++) copies += c->scores[i] == c->scores[i - 1];
    if (copies)
        mf_log_write(&c->model->logger, MF_LOG_WARNING,
                     "%zu of %zu good frames have the score of another: a copy of an image tells nothing new", copies,
                     c->count);
    return MF_OK;
}

/* Midway between the lowest score that is to be above it and the highest one that is not. */
static float threshold_below(const float *scores, size_t count, float lowest) {
    float next = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (scores[i] < lowest && scores[i] > next) next = scores[i];
    if (!isfinite(next)) return nextafterf(lowest, -INFINITY);
    float middle = next + (lowest - next) / 2;
    return middle < lowest ? middle : next;
}

/* From good and defective frames. */
static mf_status fit_both(calibration *c, mf_threshold *t) {
    mf_classification found = {.struct_size = sizeof found};
    MF_TRY(mf_classify(c->scores, c->labels, c->count, NULL, &found, c->error));
    t->rule = MF_THRESHOLD_BEST_F1;
    t->value = threshold_below(c->scores, c->count, found.best_threshold);
    size_t shared = 0;
    for (size_t d = c->good.count; d < c->count; d++)
        for (size_t g = 0; g < c->good.count; g++) shared += c->scores[d] == c->scores[g];
    if (shared)
        mf_log_write(&c->model->logger, MF_LOG_WARNING,
                     "a defective frame has the very score of a good one: is it the same image?");
    mf_log_write(&c->model->logger, MF_LOG_INFO, "the best F1 of %zu good and %zu defective frames is %g",
                 c->good.count, c->defective.count, found.best_f1);
    return MF_OK;
}

/* A model as the given one, but for its threshold. */
static mf_status derive(const mf_model *model, const mf_threshold *t, mf_model **out_model, mf_error *error) {
    mf_model *derived;
    MF_TRY(mf_model_derive(model, &derived, error));
    mf_status status = mf_threshold_record(derived, t, error);
    if (status == MF_OK)
        *out_model = derived;
    else
        mf_model_drop(derived);
    return status;
}

static mf_status calibrate(calibration *c, mf_model **out_model) {
    MF_TRY(mf_frames_check(&c->good, &c->widest, c->error));
    MF_TRY(mf_frames_check(&c->defective, &c->widest, c->error));
    MF_TRY(score_all(c));
    mf_threshold t = {.from = "calibration", .scores = c->count};
    MF_TRY((c->defective.count ? fit_both : fit_good)(c, &t));
    MF_TRY(derive(c->model, &t, out_model, c->error));
    mf_log_write(&c->model->logger, t.rule == MF_THRESHOLD_EXTRAPOLATED ? MF_LOG_WARNING : MF_LOG_INFO,
                 "calibrated: threshold %g, %s from %zu scores", (double)t.value, mf_threshold_rule_name(t.rule),
                 t.scores);
    return MF_OK;
}

mf_status mf_calibrate(const mf_model *model, const mf_image *frames, size_t count, const mf_calibrate_options *options,
                       mf_model **out_model, mf_error *error) {
    if (!model || !out_model) return mf_fail(error, MF_E_INVALID, "mf_calibrate: NULL argument");
    if (count < 1) return mf_fail(error, MF_E_INVALID, "mf_calibrate: at least one good frame is needed");
    MF_TRY(mf_model_check_adapted(model, error));
    calibration c = {.model = model, .options = {.struct_size = sizeof c.options}, .error = error};
    if (options) MF_TRY(mf_calibrate_options_read(options, &c.options, error));
    const mf_calibrate_options *o = &c.options;
    MF_TRY(mf_options_resolve("mf_calibrate_options", &c.options, error));
    MF_TRY(mf_pool_check(o->threads, o->pool, error));
    if (o->defective_count > SIZE_MAX / sizeof(float) - count)
        return mf_fail(error, MF_E_LIMIT, "mf_calibrate: %zu defective frames", o->defective_count);
    c.good = (mf_frames){"good frame", frames, count, o->masks, o->mask_count, o->source};
    c.defective = (mf_frames){"defective frame",       o->defective, o->defective_count, o->defective_masks,
                              o->defective_mask_count, NULL};
    c.cancellation.deadline = mf_deadline_after(o->time_limit_ns);
    uint64_t rounding = mf_rounding_enter();
    mf_status status = calibrate(&c, out_model);
    mf_rounding_leave(rounding);
    mf_context_release(c.context);
    mf_free(&model->allocator, c.scores), mf_free(&model->allocator, c.labels);
    return status;
}

mf_status mf_model_set_threshold(const mf_model *model, float threshold, mf_model **out_model, mf_error *error) {
    if (!model || !out_model) return mf_fail(error, MF_E_INVALID, "mf_model_set_threshold: NULL argument");
    if (!isfinite(threshold))
        return mf_fail(error, MF_E_INVALID, "a threshold of %g; give a finite one", (double)threshold);
    MF_TRY(mf_model_check_adapted(model, error));
    mf_threshold t = {.value = threshold, .rule = MF_THRESHOLD_GIVEN, .from = "the host"};
    return derive(model, &t, out_model, error);
}
