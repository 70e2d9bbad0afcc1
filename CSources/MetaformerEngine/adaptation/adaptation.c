#include "adaptation/adaptation.h"

#include "api/settings.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

/* What is not of a single number. */
static mf_status check_options(const mf_adaptation *a, const mf_adapt_options *o) {
    MF_TRY(mf_pool_check(o->threads, o->pool, a->error));
    if (o->shift * 2LL >= a->model->width || o->shift * 2LL >= a->model->height)
        return mf_fail(a->error, MF_E_INVALID, "shift: under half of the model's %d x %d pixels", a->model->width,
                       a->model->height);
    if (a->model->programs[MF_PROGRAM_FIT] && (o->epochs || o->batch || o->learning_rate != 0 || o->flips || o->shift))
        return mf_fail(
            a->error, MF_E_INVALID,
            "this model is adapted in closed form: it takes no epochs, batch, learning_rate, flips or shift");
    return MF_OK;
}

/* Sums and scores of one precision say nothing of the other's. */
static mf_status check_precision(const mf_adaptation *a) {
    mf_precision own = a->model->precision, wanted = a->options.precision;
    if (wanted == MF_PRECISION_INT8 && !a->model->programs[MF_PROGRAM_FIT])
        return mf_fail(
            a->error, MF_E_INVALID,
            "precision: a model that is adapted by gradient is run in floats; int8 is for those in closed form");
    if (a->earlier == 0 || own == wanted) return MF_OK;
    return mf_fail(a->error, MF_E_STATE,
                   "this model was adapted in %s, and goes on so: for %s, adapt the model that it was made from",
                   mf_key_choice(MF_KEY_precision, (int)(own - MF_PRECISION_FLOAT)),
                   mf_key_choice(MF_KEY_precision, (int)(wanted - MF_PRECISION_FLOAT)));
}

mf_status mf_adaptation_begin(mf_adaptation *a, const mf_adapt_options *given) {
    mf_adapt_options o = {.struct_size = sizeof o};
    if (given) MF_TRY(mf_adapt_options_read(given, &o, a->error));
    MF_TRY(mf_options_resolve("mf_adapt_options", &o, a->error));
    MF_TRY(check_options(a, &o));
    double epochs, batch, rate;
    MF_TRY(mf_model_number(a->model, MF_KEY_adapt_epochs, &epochs, a->error));
    MF_TRY(mf_model_number(a->model, MF_KEY_adapt_batch, &batch, a->error));
    MF_TRY(mf_model_number(a->model, MF_KEY_adapt_learning_rate, &rate, a->error));
    if (!o.epochs) o.epochs = (int32_t)epochs;
    if (!o.batch) o.batch = (int32_t)batch;
    if (o.learning_rate == 0) o.learning_rate = (float)rate;
    if (o.framing == MF_FRAMING_OWN) o.framing = a->model->framing;
    if (o.precision == MF_PRECISION_DEFAULT) o.precision = a->model->precision;
    a->options = o;
    MF_TRY(mf_threshold_prior_of(a->model, &a->prior, a->error));
    double earlier = 0;
    if (a->model->programs[MF_PROGRAM_FIT])
        MF_TRY(mf_model_number(a->model, MF_KEY_adapted_images, &earlier, a->error));
    a->earlier = (size_t)earlier;
    MF_TRY(check_precision(a));
    a->cancellation.deadline = mf_deadline_after(o.time_limit_ns);
    a->pool = mf_pool_make(o.threads, o.pool);
    return MF_OK;
}

void *mf_adaptation_allocate(const mf_adaptation *a, size_t count, size_t size, int *failed) {
    void *memory = count <= SIZE_MAX / size ? mf_allocate(a->allocator, count * size) : NULL;
    if (!memory) *failed = 1;
    return memory;
}

mf_status mf_adaptation_report(mf_adaptation *a, const char *stage, size_t done, size_t total, float loss) {
    MF_TRY(mf_cancellation_check(&a->cancellation, a->error));
    if (a->options.progress && a->options.progress(a->options.opaque, stage, done, total, loss))
        return mf_fail(a->error, MF_E_CANCELLED, "adaptation was cancelled");
    return MF_OK;
}
