/* Contexts: an inspection, and what one thread of a host sets and asks around it. */
#include "api/drift.h"
#include "api/inspection.h"
#include "api/settings.h"
#include "api/statistics.h"
#include "image/depth.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/process.h"
#include "support/rounding.h"

#include <metaformer/engine.h>

#include <math.h>
#include <pthread.h>
#include <string.h>

struct mf_context {
    atomic_int user;          /* the process one of whose threads is in a call of this context, or 0 */
    atomic_uintptr_t refused; /* the thread that was refused last because of that, or 0 */
    uint64_t rounding;        /* the host's, while one of its threads is in a call */
    mf_model *model;
    mf_pool pool;
    mf_inspection inspection;
    int has_threshold; /* the model's, or one that the host set */
    float threshold;
    int inspected; /* the planes are those of an inspection */
    mf_cancellation cancellation;
    uint64_t time_limit; /* of an inspection, ns; 0 for none */
    mf_statistics statistics;
    mf_drift drift;
    mf_model_depth depth; /* of the frames that the model was adapted to */
    int takes_any_depth;
    mf_error error;
};

/* ---- Use by one thread --------------------------------------------------------------------------------------------- */

static uintptr_t this_thread(void) {
    return (uintptr_t)pthread_self();
}

/* Takes the context for a call. Nothing else of it is touched where another thread has it. */
static mf_status enter(mf_context *context) {
    int free = 0, process = mf_process();
    if (!atomic_compare_exchange_strong_explicit(&context->user, &free, process, memory_order_acquire,
                                                 memory_order_relaxed)) {
        if (free == process) {
            atomic_store_explicit(&context->refused, this_thread(), memory_order_relaxed);
            return MF_E_STATE;
        }
        /* The user was a thread of the parent's, and did not come along with fork. */
        atomic_store_explicit(&context->user, process, memory_order_relaxed);
    }
    uintptr_t own = this_thread();
    atomic_compare_exchange_strong_explicit(&context->refused, &own, 0, memory_order_relaxed, memory_order_relaxed);
    context->rounding = mf_rounding_enter();
    return MF_OK;
}

static mf_status leave(mf_context *context, mf_status status) {
    mf_rounding_leave(context->rounding);
    atomic_store_explicit(&context->user, 0, memory_order_release);
    return status;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static mf_status prepare(mf_context *context, const mf_context_options *given, mf_error *error) {
    const mf_model *model = context->model;
    mf_runner_options options = {.struct_size = sizeof options,
                                 .threads = given->threads,
                                 .allocator = &model->allocator,
                                 .pool = given->pool,
                                 .precision = model->precision};
    mf_pool pool = context->pool = mf_pool_make(given->threads, given->pool);
    mf_runner *runner;
    MF_TRY(mf_runner_create(model->programs[MF_PROGRAM_INSPECT], &options, &runner, error));
    MF_TRY(mf_inspection_prepare(&context->inspection, model, model->framing, runner, &pool, given->max_width, error));
    mf_runner_watch(runner, &context->cancellation);
    MF_TRY(mf_model_bind(model, MF_PROGRAM_INSPECT, runner, error));
    MF_TRY(mf_runner_prepack(runner, error));
    mf_log_write(&model->logger, MF_LOG_INFO, "context: %d threads%s, %s kernels, precision %s", pool.threads,
                 given->pool ? " of the host" : "", mf_isa_name(mf_runner_isa(runner)),
                 mf_key_choice(MF_KEY_precision, (int)(model->precision - MF_PRECISION_FLOAT)));
    return MF_OK;
}

mf_status mf_context_create(const mf_model *model, const mf_context_options *options, mf_context **out_context,
                            mf_error *error) {
    if (!model || !out_context) return mf_fail(error, MF_E_INVALID, "mf_context_create: NULL argument");
    mf_context_options resolved = {.struct_size = sizeof resolved};
    if (options) MF_TRY(mf_context_options_read(options, &resolved, error));
    if (!model->programs[MF_PROGRAM_INSPECT]) return mf_fail(error, MF_E_STATE, "this model has no inspect program");
    MF_TRY(mf_options_resolve("mf_context_options", &resolved, error));
    MF_TRY(mf_pool_check(resolved.threads, resolved.pool, error));
    mf_context *context = mf_allocate(&model->allocator, sizeof *context);
    if (!context) return mf_fail(error, MF_E_NOMEM, "no memory for a context");
    context->model = mf_model_retain(model);
    context->has_threshold = model->is_adapted;
    context->threshold = model->threshold;
    context->error.struct_size = sizeof context->error;
    context->depth = mf_model_depth_of(model);
    mf_drift_start(&context->drift, model);
    uint64_t rounding = mf_rounding_enter();
    mf_status status = prepare(context, &resolved, error);
    mf_rounding_leave(rounding);
    if (status != MF_OK) {
        mf_context_release(context);
        return status;
    }
    *out_context = context;
    return MF_OK;
}

void mf_context_release(mf_context *context) {
    if (!context) return;
    mf_model *model = context->model;
    const mf_allocator allocator = model->allocator;
    mf_inspection_release(&context->inspection);
    mf_free(&allocator, context);
    mf_model_drop(model);
}

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

const char *mf_context_error(const mf_context *context) {
    if (!context) return "";
    if (atomic_load_explicit(&context->refused, memory_order_relaxed) == this_thread())
        return "the context is in use by another call: create one for each thread, or let one wait for the other";
    return context->error.text;
}

static mf_status set_threshold(mf_context *context, float threshold) {
    if (isnan(threshold)) return mf_fail(&context->error, MF_E_INVALID, "a threshold of NaN");
    context->has_threshold = 1;
    context->threshold = threshold;
    return MF_OK;
}

mf_status mf_context_set_threshold(mf_context *context, float threshold) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, set_threshold(context, threshold));
}

mf_status mf_context_set_any_depth(mf_context *context, int32_t any) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    context->takes_any_depth = any != 0;
    return leave(context, MF_OK);
}

mf_status mf_context_set_time_limit(mf_context *context, uint64_t nanoseconds) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    context->time_limit = nanoseconds;
    return leave(context, MF_OK);
}

void mf_context_cancel(mf_context *context) {
    if (context) atomic_store_explicit(&context->cancellation.cancelled, 1, memory_order_relaxed);
}

/* ---- Inspection -------------------------------------------------------------------------------------------------- */

/* What an inspection takes of a host; without mask and map where their data are NULL. */
typedef struct request {
    mf_image frame;
    mf_mask mask;
    mf_map map;
    mf_result *result;
} request;

static const mf_mask *mask_of(const request *r) {
    return r->mask.data ? &r->mask : NULL;
}

static const mf_map *map_of(const request *r) {
    return r->map.data ? &r->map : NULL;
}

/* The elements of an index; masks and maps may be NULL. */
static request request_at(const mf_image *frames, const mf_mask *masks, const mf_map *maps, mf_result *results,
                          size_t index) {
    return (request){mf_image_at(frames, index), masks ? mf_mask_at(masks, index) : (mf_mask){0},
                     maps ? mf_map_at(maps, index) : (mf_map){0}, mf_result_element(results, index)};
}

/* The same, and checks them. */
static mf_status take(mf_context *context, const mf_image *frames, const mf_mask *masks, const mf_map *maps,
                      mf_result *results, size_t index, request *r) {
    mf_error *error = &context->error;
    MF_TRY(mf_image_read_element(frames, index, &r->frame, error));
    r->mask = (mf_mask){0}, r->map = (mf_map){0};
    if (masks) {
        MF_TRY(mf_mask_read_element(masks, index, &r->mask, error));
        if (!r->mask.data) return mf_fail(error, MF_E_INVALID, "mask: without data");
    }
    if (maps) {
        MF_TRY(mf_map_read_element(maps, index, &r->map, error));
        if (!r->map.data) return mf_fail(error, MF_E_INVALID, "map: without data");
    }
    MF_TRY(mf_result_writable(results, index, error));
    r->result = mf_result_element(results, index);
    MF_TRY(mf_inspection_check(&context->inspection, &r->frame, mask_of(r), map_of(r), error));
    return mf_depth_take(context->depth, context->takes_any_depth, &r->frame, error);
}

/* Inspects what was checked. */
static mf_status inspect(mf_context *context, const request *r) {
    uint64_t start = mf_clock();
    mf_result result;
    context->cancellation.deadline = mf_deadline_after(context->time_limit);
    context->inspected = 0;
    MF_TRY(mf_inspection_run(&context->inspection, &r->frame, mask_of(r), map_of(r), context->threshold, &result,
                             &context->error));
    context->inspected = 1;
    mf_statistics_add(&context->statistics, result.score, result.is_anomalous);
    mf_drift_add(&context->drift, result.score);
    result.elapsed_ns = mf_clock() - start;
    mf_result_write(r->result, &result);
    return MF_OK;
}

/* From here on a cancellation counts. Without a threshold every frame would be a good one. */
static mf_status begin(mf_context *context) {
    MF_TRY(mf_pool_check_fork(&context->pool, &context->error));
    atomic_store_explicit(&context->cancellation.cancelled, 0, memory_order_relaxed);
    return context->has_threshold ? MF_OK : mf_model_check_adapted(context->model, &context->error);
}

static mf_status inspect_one(mf_context *context, const mf_image *frame, const mf_mask *mask, mf_map *map,
                             mf_result *out_result) {
    MF_TRY(begin(context));
    request r;
    MF_TRY(take(context, frame, mask, map, out_result, 0, &r));
    return inspect(context, &r);
}

mf_status mf_inspect(mf_context *context, const mf_image *frame, const mf_mask *mask, mf_map *map,
                     mf_result *out_result) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, inspect_one(context, frame, mask, map, out_result));
}

static mf_status inspect_batch(mf_context *context, const mf_image *frames, const mf_mask *masks, mf_map *maps,
                               mf_result *results, size_t count, size_t *out_done) {
    MF_TRY(begin(context));
    if (!frames || !results || !out_done || !count)
        return mf_fail(&context->error, MF_E_INVALID, "mf_inspect_batch: NULL argument, or no frame");
    request r;
    for (size_t i = 0; i < count; i++) {
        mf_status status = take(context, frames, masks, maps, results, i, &r);
        if (status != MF_OK) return mf_fail(&context->error, status, "frame %zu: %.200s", i, context->error.text);
    }
    for (*out_done = 0; *out_done < count; ++*out_done) {
        r = request_at(frames, masks, maps, results, *out_done);
        mf_depth_state(&r.frame, context->depth.bits); /* as it was taken */
        MF_TRY(inspect(context, &r));
    }
    return MF_OK;
}

mf_status mf_inspect_batch(mf_context *context, const mf_image *frames, const mf_mask *masks, mf_map *maps,
                           mf_result *results, size_t count, size_t *out_done) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, inspect_batch(context, frames, masks, maps, results, count, out_done));
}

static mf_status copy_plane(mf_context *context, const char *name, float *data, size_t *size) {
    mf_error *error = &context->error;
    if (!name || !size) return mf_fail(error, MF_E_INVALID, "mf_context_plane: NULL argument");
    const mf_model *model = context->model;
    const mf_inspection *s = &context->inspection;
    size_t plane = (size_t)model->height * (size_t)model->width, count = plane;
    const mf_slot *response = mf_program_find(model->programs[MF_PROGRAM_INSPECT], "response");
    const float *source = NULL;
    if (strcmp(name, "map") == 0) source = s->map;
    if (strcmp(name, "response") == 0 && response && response->kind == MF_SLOT_OUTPUT) source = s->response;
    if (strcmp(name, "image") == 0) source = s->image, count = plane * (size_t)model->channels;
    if (strcmp(name, "reconstruction") == 0 && mf_program_find(model->programs[MF_PROGRAM_INSPECT], name))
        source = s->reconstruction, count = plane * (size_t)model->channels;
    if (!source) return mf_fail(error, MF_E_INVALID, "this model has no plane '%.40s'", name);
    if (data) {
        if (!context->inspected) return mf_fail(error, MF_E_STATE, "mf_context_plane: nothing has been inspected");
        if (*size < count)
            return mf_fail(error, MF_E_INVALID, "plane '%s' takes %zu floats, not %zu", name, count, *size);
        memcpy(data, source, count * sizeof(float));
    }
    *size = count;
    return MF_OK;
}

static mf_status copy_map(mf_context *context, const mf_map *map) {
    mf_error *error = &context->error;
    mf_map own;
    MF_TRY(mf_map_read(map, &own, error));
    mf_image size = {.width = own.width, .height = own.height};
    if (own.width < 1 || own.height < 1 || own.width > MF_MAX_SIDE || own.height > MF_MAX_SIDE)
        return mf_fail(error, MF_E_LIMIT, "map: %d x %d; each side is 1 to %d", own.width, own.height, MF_MAX_SIDE);
    MF_TRY(mf_map_check(&own, &size, error));
    if (!context->inspected || context->inspection.framing == MF_FRAMING_TILE)
        return mf_fail(error, MF_E_STATE, "mf_context_map: nothing has been inspected, or in tiles");
    mf_inspection_map(&context->inspection, &own);
    return MF_OK;
}

mf_status mf_context_map(mf_context *context, mf_map *map) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, copy_map(context, map));
}

mf_status mf_context_plane(mf_context *context, const char *name, float *data, size_t *size) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, copy_plane(context, name, data, size));
}

/* ---- Scores ------------------------------------------------------------------------------------------------------ */

static mf_status copy_scores(mf_context *context, mf_scores *out_scores) {
    MF_TRY(mf_scores_writable(out_scores, 0, &context->error));
    const mf_statistics *s = &context->statistics;
    mf_scores scores = {.count = s->count,
                        .anomalous = s->anomalous,
                        .mean = s->count ? s->sum / (double)s->count : 0,
                        .lowest = s->lowest,
                        .highest = s->highest,
                        .drift = context->drift.evidence >= 1,
                        .drift_evidence = (float)context->drift.evidence};
    mf_scores_write(out_scores, &scores);
    return MF_OK;
}

mf_status mf_context_scores(mf_context *context, mf_scores *out_scores) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, copy_scores(context, out_scores));
}

static mf_status score_quantile(mf_context *context, double share, float *out_score) {
    if (!out_score || !(share >= 0 && share <= 1))
        return mf_fail(&context->error, MF_E_INVALID, "mf_context_score_quantile: a share in [0, 1], and room for it");
    if (!context->statistics.count)
        return mf_fail(&context->error, MF_E_STATE, "mf_context_score_quantile: nothing has been inspected");
    *out_score = mf_statistics_quantile(&context->statistics, share);
    return MF_OK;
}

mf_status mf_context_score_quantile(mf_context *context, double share, float *out_score) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    return leave(context, score_quantile(context, share, out_score));
}

mf_status mf_context_reset_scores(mf_context *context) {
    if (!context) return MF_E_INVALID;
    MF_TRY(enter(context));
    memset(&context->statistics, 0, sizeof context->statistics);
    mf_drift_start(&context->drift, context->model);
    return leave(context, MF_OK);
}
