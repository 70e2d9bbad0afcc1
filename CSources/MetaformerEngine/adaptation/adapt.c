/* A new model from good frames: adapted in the way that its programs give, with a threshold from frames held out. */
#include "adaptation/adaptation.h"
#include "adaptation/closed_form.h"
#include "adaptation/gradient.h"
#include "adaptation/range.h"
#include "adaptation/threshold.h"
#include "api/settings.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/rounding.h"

#include <math.h>
#include <stdio.h>

enum { MAX_FRAMES = 1000000 };

/* What an adaptation gives. */
typedef struct outcome {
    mf_variables variables;
    mf_held_out held_out;
    mf_range range;
    int in_closed_form;
    size_t frames; /* of this adaptation, and of those before that it went on from */
} outcome;

/* ---- The new model ----------------------------------------------------------------------------------------------- */

static mf_status set_threshold(mf_adaptation *a, outcome *o, mf_model *adapted, mf_threshold_rule *out_rule) {
    mf_threshold t = {.from = o->held_out.from, .rate = a->options.false_alarm_rate, .scores = o->held_out.count};
    t.value = mf_threshold_of(o->held_out.scores, o->held_out.count, (double)t.rate, &a->prior, o->frames, &t.rule);
    if (!isfinite(t.value)) return mf_fail(a->error, MF_E_STATE, "the scores of held-out frames are not finite");
    *out_rule = t.rule;
    MF_TRY(mf_threshold_record(adapted, &t, a->error));
    return mf_synthetic_record(&o->held_out.synthetic, adapted, a->error);
}

static mf_status record_training(mf_adaptation *a, mf_model *adapted) {
    MF_TRY(mf_model_set_number(adapted, "adapted.epochs", (float)a->options.epochs, a->error));
    MF_TRY(mf_model_set_number(adapted, "adapted.batch", (float)a->options.batch, a->error));
    return mf_model_set_number(adapted, "adapted.learning_rate", a->options.learning_rate, a->error);
}

static mf_status record(mf_adaptation *a, outcome *o, mf_model *adapted) {
    mf_threshold_rule rule = MF_THRESHOLD_EXTRAPOLATED;
    MF_TRY(set_threshold(a, o, adapted, &rule));
    adapted->framing = a->options.framing;
    const char *framing = mf_key_choice(MF_KEY_input_framing, (int)(adapted->framing - MF_FRAMING_STRETCH));
    MF_TRY(mf_model_set(adapted, "input.framing", framing, a->error));
    adapted->precision = a->options.precision;
    const char *precision = mf_key_choice(MF_KEY_precision, (int)(adapted->precision - MF_PRECISION_FLOAT));
    if (adapted->precision == MF_PRECISION_INT8) MF_TRY(mf_model_set(adapted, "precision", precision, a->error));
    MF_TRY(mf_model_set_number(adapted, "adapted.images", (float)o->frames, a->error));
    MF_TRY(o->in_closed_form ? mf_held_out_record(&o->held_out, adapted, a->error) : record_training(a, adapted));
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)a->options.seed);
    MF_TRY(mf_model_set(adapted, "adapted.seed", seed, a->error));
    mf_log_write(&a->model->logger, rule == MF_THRESHOLD_CONFORMAL ? MF_LOG_INFO : MF_LOG_WARNING,
                 "adapted to %zu frames: threshold %g, %s from %zu scores", o->frames, (double)adapted->threshold,
                 mf_threshold_rule_name(rule), o->held_out.count);
    return MF_OK;
}

static mf_status record_depth(mf_adaptation *a, const mf_samples *samples, mf_model *adapted) {
    mf_model_unset(adapted, "adapted.depth");
    if (samples->bits <= 0) {
        mf_model_unset(adapted, "adapted.bits");
        return MF_OK;
    }
    if (samples->recognised) MF_TRY(mf_model_set(adapted, "adapted.depth", "recognised", a->error));
    return mf_model_set_number(adapted, "adapted.bits", (float)samples->bits, a->error);
}

/* Moves the variables into a new model. */
static mf_status make_adapted(mf_adaptation *a, const mf_samples *samples, outcome *o, mf_model **out_model) {
    mf_model *adapted;
    MF_TRY(mf_model_derive(a->model, &adapted, a->error));
    mf_status status = record(a, o, adapted);
    if (status == MF_OK) status = record_depth(a, samples, adapted);
    if (status == MF_OK) status = mf_range_record(&o->range, a, a->earlier > 0, adapted);
    for (size_t i = 0; status == MF_OK && i < mf_file_tensor_count(adapted->file); i++) {
        mf_variable *own = mf_variables_find(&o->variables, mf_file_tensor(adapted->file, i)->name);
        if (!own) continue;
        float *previous = adapted->parameters[i];
        adapted->parameters[i] = own->values;
        own->values = previous;
    }
    if (status != MF_OK)
        mf_model_drop(adapted);
    else
        *out_model = adapted;
    return status;
}

/* ---- Both ways --------------------------------------------------------------------------------------------------- */

static mf_status check(const mf_model *model, size_t count, mf_error *error) {
    if (count < 1) return mf_fail(error, MF_E_INVALID, "mf_adapt: at least one good frame is needed");
    if (count > MAX_FRAMES)
        return mf_fail(error, MF_E_LIMIT, "mf_adapt: %zu frames; at most %d are taken", count, MAX_FRAMES);
    int by_gradient = model->programs[MF_PROGRAM_GRADIENT] && model->programs[MF_PROGRAM_UPDATE];
    if (!model->programs[MF_PROGRAM_INSPECT] || (!by_gradient && !model->programs[MF_PROGRAM_FIT]))
        return mf_fail(error, MF_E_STATE, "this model has not the programs to be adapted");
    return MF_OK;
}

static mf_status adapt(mf_adaptation *a, mf_samples *samples, outcome *o) {
    int failed = 0;
    size_t room = samples->count + MF_SHIFTED_COPIES + MF_CLOSED_FORM_SCORES + MF_KEPT_SCORES;
    o->in_closed_form = a->model->programs[MF_PROGRAM_FIT] != NULL;
    o->held_out.scores = mf_adaptation_allocate(a, room, sizeof *o->held_out.scores, &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory for scores");
    o->frames = a->earlier + samples->count;
    MF_TRY(mf_variables_gather(&o->variables, a));
    return (o->in_closed_form ? mf_closed_form_adapt : mf_gradient_adapt)(a, samples, &o->variables, &o->held_out,
                                                                          &o->range);
}

mf_status mf_adapt(const mf_model *model, const mf_image *frames, size_t count, const mf_adapt_options *options,
                   mf_model **out_model, mf_error *error) {
    if (!model || !out_model) return mf_fail(error, MF_E_INVALID, "mf_adapt: NULL argument");
    MF_TRY(check(model, count, error));
    mf_adaptation a = {.model = model, .allocator = &model->allocator, .error = error};
    mf_samples samples = {0};
    outcome o = {0};
    uint64_t rounding = mf_rounding_enter();
    mf_status status = mf_adaptation_begin(&a, options);
    if (status == MF_OK) status = mf_samples_prepare(&samples, &a, frames, count);
    if (status == MF_OK) status = adapt(&a, &samples, &o);
    if (status == MF_OK) status = make_adapted(&a, &samples, &o, out_model);
    mf_rounding_leave(rounding);
    mf_variables_release(&o.variables);
    mf_free(a.allocator, o.held_out.scores);
    mf_samples_release(&samples);
    return status;
}
