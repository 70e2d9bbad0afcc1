#include "adaptation/closed_form.h"

#include "api/settings.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <metaformer/engine.h>
#include <string.h>

typedef struct closed_form {
    mf_adaptation *a;
    mf_samples *samples;
    mf_variables *variables;
    mf_features features;
    mf_runner *observe, *fit;
    mf_inspection inspection;
    float *mask;              /* beside features the input of observe */
    const mf_variable **sums; /* the variables that it writes */
    size_t sum_count, size;   /* and how many floats they are together */
    size_t folds;
    float *own, *total, *held; /* sums: of a frame, of all, and of each fold */
    size_t *order, *fold_of;   /* frames as they are dealt; the fold of each frame */
    uint64_t *digests;         /* of each frame's sums */
    size_t distinct;           /* frames that are not copies of others */
} closed_form;

/* ---- Setting up -------------------------------------------------------------------------------------------------- */

static mf_status find_sums(closed_form *c) {
    const mf_program *observe = c->a->model->programs[MF_PROGRAM_OBSERVE];
    int failed = 0;
    c->sums = mf_adaptation_allocate(c->a, mf_program_slot_count(observe), sizeof *c->sums, &failed);
    if (failed) return mf_fail(c->a->error, MF_E_NOMEM, "no memory to adapt with");
    for (size_t i = 0; i < mf_program_slot_count(observe); i++) {
        const mf_slot *slot = mf_program_slot(observe, i);
        if (slot->kind != MF_SLOT_VARIABLE || !slot->written) continue;
        c->sums[c->sum_count] = mf_variables_find(c->variables, slot->name);
        c->size += slot->count;
        c->sum_count++;
    }
    return MF_OK;
}

static mf_status prepare(closed_form *c) {
    mf_adaptation *a = c->a;
    const mf_samples *s = c->samples;
    c->folds = s->count < MF_CLOSED_FORM_FOLDS ? s->count : MF_CLOSED_FORM_FOLDS;
    MF_TRY(find_sums(c));
    int failed = 0;
    c->mask = mf_adaptation_allocate(a, s->plane, sizeof(float), &failed);
    c->own = mf_adaptation_allocate(a, c->size, sizeof(float), &failed);
    c->total = mf_adaptation_allocate(a, c->size, sizeof(float), &failed);
    c->held = mf_adaptation_allocate(a, c->folds * c->size, sizeof(float), &failed);
    c->order = mf_adaptation_allocate(a, s->count, sizeof *c->order, &failed);
    c->fold_of = mf_adaptation_allocate(a, s->count, sizeof *c->fold_of, &failed);
    c->digests = mf_adaptation_allocate(a, s->count, sizeof *c->digests, &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory to adapt with");
    MF_TRY(mf_features_prepare(&c->features, a, c->variables, s));
    MF_TRY(mf_variables_run(c->variables, a, MF_PROGRAM_OBSERVE, &c->observe));
    MF_TRY(mf_features_bind(&c->features, MF_PROGRAM_OBSERVE, c->observe, c->features.values));
    MF_TRY(mf_runner_bind(c->observe, "mask", c->mask, s->plane, a->error));
    return mf_variables_run(c->variables, a, MF_PROGRAM_FIT, &c->fit);
}

/* Once all frames were read, and the widest is known. */
static mf_status prepare_inspection(closed_form *c) {
    mf_adaptation *a = c->a;
    mf_runner *inspect = NULL;
    MF_TRY(mf_variables_run(c->variables, a, MF_PROGRAM_INSPECT, &inspect));
    return mf_inspection_prepare(&c->inspection, a->model, a->options.framing, inspect, &a->pool, c->samples->widest,
                                 a->error);
}

static void end(closed_form *c) {
    mf_features_release(&c->features);
    mf_runner_release(c->observe), mf_runner_release(c->fit);
    mf_inspection_release(&c->inspection);
    void *parts[] = {c->mask, c->sums, c->own, c->total, c->held, c->order, c->fold_of, c->digests};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(c->a->allocator, parts[i]);
}

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

static void copy_sums_to(const closed_form *c, float *to) {
    for (size_t i = 0; i < c->sum_count; to += c->sums[i++]->count)
        memcpy(to, c->sums[i]->values, c->sums[i]->count * sizeof(float));
}

/* Sets the sums to a, or to a - b. */
static void set_sums(const closed_form *c, const float *a, const float *b) {
    for (size_t i = 0; i < c->sum_count; i++)
        for (uint64_t k = 0; k < c->sums[i]->count; k++, a++) c->sums[i]->values[k] = b ? *a - *b++ : *a;
}

static void add(float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* The sums of a frame alone. */
static mf_status observe(closed_form *c, size_t frame, mf_range *range) {
    mf_samples *s = c->samples;
    mf_appearance_sums appearance = {0};
    memset(c->own, 0, c->size * sizeof(float));
    set_sums(c, c->own, NULL);
    MF_TRY(mf_samples_open(s, frame));
    for (int32_t at = 0; at < mf_samples_tiles(s); at++) {
        mf_sample tile;
        if (!mf_samples_tile(s, at, &tile)) continue;
        MF_TRY(mf_samples_read(s, &tile, c->features.image, c->mask));
        mf_samples_measure(s, &tile, c->features.image, &appearance);
        MF_TRY(mf_runner_run(c->features.extract, c->a->error));
        MF_TRY(mf_runner_run(c->observe, c->a->error));
        if (c->a->options.framing != MF_FRAMING_TILE) MF_TRY(mf_features_keep(&c->features, frame));
    }
    mf_range_add(range, &appearance);
    copy_sums_to(c, c->own);
    return MF_OK;
}

/* The fold of a frame, given its place in the order of dealing: that of a frame before it which is the same image, as a
   copy would be scored by a model that knows it. */
static size_t choose_fold(closed_form *c, size_t frame) {
    c->digests[frame] = mf_digest(c->own, c->size * sizeof(float));
    for (size_t other = 0; other < frame; other++)
        if (c->digests[other] == c->digests[frame]) {
            mf_log_write(&c->a->model->logger, MF_LOG_WARNING, "frames %zu and %zu are the same image", other, frame);
            return c->fold_of[other];
        }
    size_t place = 0;
    while (c->order[place] != frame) place++;
    c->distinct++;
    return place * c->folds / c->samples->count;
}

static mf_status observe_all(closed_form *c, mf_range *range) {
    size_t count = c->samples->count;
    copy_sums_to(c, c->total);
    mf_fold_deal(c->a->options.seed, count, 0, 0, c->order);
    for (size_t i = 0; i < count; i++) {
        MF_TRY(observe(c, i, range));
        c->fold_of[i] = choose_fold(c, i);
        add(c->total, c->own, c->size);
        add(c->held + c->fold_of[i] * c->size, c->own, c->size);
        MF_TRY(mf_adaptation_report(c->a, "observing", i + 1, count, 0));
    }
    return MF_OK;
}

/* What is normal by these sums. */
static mf_status fit(closed_form *c, const float *sums, const float *without) {
    set_sums(c, sums, without);
    return mf_runner_run(c->fit, c->a->error);
}

/* ---- Holding out ------------------------------------------------------------------------------------------------- */

static mf_status score_fold(closed_form *c, size_t fold, mf_held_out *held_out) {
    size_t count = c->samples->count, members = 0, all = c->a->earlier + count;
    for (size_t i = 0; i < count; i++)
        if (c->fold_of[i] == fold) c->order[members++] = i;
    if (members == 0) return MF_OK;
    MF_TRY(fit(c, c->total, c->held + fold * c->size));
    size_t most = MF_CLOSED_FORM_SCORES / c->folds, scored = members < most ? members : most;
    size_t painted = mf_share(MF_SYNTHETIC_IMAGES, c->folds, fold + 1) - mf_share(MF_SYNTHETIC_IMAGES, c->folds, fold);
    float to_all = mf_threshold_scale(&c->a->prior, all - members, all);
    MF_TRY(mf_held_out_score(held_out, &c->inspection, c->samples, &c->features, c->order, scored, painted, to_all));
    return mf_adaptation_report(c->a, "holding out", fold + 1, c->folds, 0);
}

/* What fit made of all frames: a model that holds what is no number would give no verdict. */
static mf_status check_finite(const closed_form *c) {
    const mf_program *fit = c->a->model->programs[MF_PROGRAM_FIT];
    for (size_t i = 0; i < c->variables->count; i++) {
        const mf_variable *v = &c->variables->items[i];
        const mf_slot *slot = mf_program_find(fit, v->name);
        for (uint64_t k = 0; slot && slot->written && k < v->count; k++)
            if (!isfinite(v->values[k]))
                return mf_fail(c->a->error, MF_E_STATE, "the frames show too little to adapt to: '%.60s' is not finite",
                               v->name);
    }
    return MF_OK;
}

/* The scores that were kept of earlier frames, as a model of all frames would give them. */
static mf_status restore_scores(closed_form *c, mf_held_out *held_out) {
    const mf_adaptation *a = c->a;
    MF_TRY(mf_held_out_restore(held_out, a));
    for (size_t i = 0; i < held_out->count; i++)
        held_out->scores[i] *= mf_threshold_scale(&a->prior, a->earlier, a->earlier + c->samples->count);
    return MF_OK;
}

static mf_status adapt(closed_form *c, mf_held_out *held_out, mf_range *range) {
    MF_TRY(restore_scores(c, held_out));
    MF_TRY(observe_all(c, range));
    int alone = c->distinct == 1 && c->a->earlier == 0, has_prior = c->a->prior.weight > 0;
    if (!alone || !has_prior) MF_TRY(prepare_inspection(c));
    held_out->from = !alone ? "cross-validation" : has_prior ? "other products" : "shifted copies of one image";
    for (size_t fold = 0; !alone && fold < c->folds; fold++) MF_TRY(score_fold(c, fold, held_out));
    MF_TRY(fit(c, c->total, NULL));
    MF_TRY(check_finite(c));
    return alone && !has_prior ? mf_held_out_score_shifted(held_out, &c->inspection, c->samples) : MF_OK;
}

mf_status mf_closed_form_adapt(mf_adaptation *a, mf_samples *samples, mf_variables *variables, mf_held_out *held_out,
                               mf_range *range) {
    closed_form c = {.a = a, .samples = samples, .variables = variables};
    mf_status status = prepare(&c);
    if (status == MF_OK) status = adapt(&c, held_out, range);
    end(&c);
    return status;
}
