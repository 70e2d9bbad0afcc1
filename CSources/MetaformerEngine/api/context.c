/* Inspection: a frame in, a score, a verdict, a map and regions out. */
#include "api/context.h"

#include "image/regions.h"
#include "image/score.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <string.h>
#include <time.h>

struct mf_context {
    mf_model *model;
    mf_runner *runner;
    mf_team team;
    float *image, *reconstruction, *map, *response;
    uint8_t *grid;
    int32_t *labels, *pending;
    void *scratch; /* of resampling */
    void *bins;    /* of the score */
    float threshold;
    int inspected;
    mf_error error;
};

mf_status mf_bind_parameters(const mf_model *model, mf_part part, mf_runner *runner, mf_error *error) {
    const mf_program *p = model->parts[part];
    for (size_t i = 0; i < mf_program_slot_count(p); i++) {
        const mf_slot *slot = mf_program_slot(p, i);
        if (slot->kind != MF_SLOT_VARIABLE) continue;
        union {
            const float *read;
            float *bound;
        } values = {mf_model_values(model, slot->name, slot->count)}; /* check_variables: there, and never written */
        MF_TRY(mf_runner_bind(runner, slot->name, values.bound, slot->count, error));
    }
    return MF_OK;
}

static mf_status prepare(mf_context *context, int32_t threads, mf_error *error) {
    const mf_model *model = context->model;
    const mf_allocator *a = &model->allocator;
    mf_program *p = model->parts[MF_PART_INSPECT];
    size_t plane = (size_t)model->height * (size_t)model->width, image = plane * (size_t)model->channels;
    mf_runner_options options = {.struct_size = sizeof options, .threads = threads, .allocator = a};
    MF_TRY(mf_runner_create(p, &options, &context->runner, error));
    context->image = mf_allocate(a, image * sizeof(float));
    context->reconstruction = mf_allocate(a, image * sizeof(float));
    context->map = mf_allocate(a, plane * sizeof(float));
    context->response = mf_allocate(a, plane * sizeof(float));
    context->grid = mf_allocate(a, plane);
    context->labels = mf_allocate(a, plane * sizeof(int32_t));
    context->pending = mf_allocate(a, plane * sizeof(int32_t));
    context->scratch = mf_allocate(a, MF_RESAMPLE_SCRATCH);
    context->bins = mf_allocate(a, mf_score_bytes(model->score_share));
    if (!context->image || !context->reconstruction || !context->map || !context->response || !context->grid ||
        !context->labels || !context->pending || !context->scratch || !context->bins)
        return mf_fail(error, MF_E_NOMEM, "no memory for a context");
    MF_TRY(mf_bind_parameters(model, MF_PART_INSPECT, context->runner, error));
    MF_TRY(mf_runner_bind(context->runner, "image", context->image, image, error));
    if (mf_program_find(p, "reconstruction"))
        MF_TRY(mf_runner_bind(context->runner, "reconstruction", context->reconstruction, image, error));
    MF_TRY(mf_runner_bind(context->runner, "map", context->map, plane, error));
    const mf_slot *response = mf_program_find(p, "response");
    if (response && response->kind == MF_SLOT_OUTPUT)
        MF_TRY(mf_runner_bind(context->runner, "response", context->response, plane, error));
    return MF_OK;
}

mf_status mf_context_create(const mf_model *model, const mf_context_options *options, mf_context **out_context,
                            mf_error *error) {
    if (!model || !out_context) return mf_fail(error, MF_E_INVALID, "mf_context_create: NULL argument");
    if (options && options->struct_size < sizeof *options)
        return mf_fail(error, MF_E_INVALID, "mf_context_options: struct_size is not set");
    if (!model->parts[MF_PART_INSPECT]) return mf_fail(error, MF_E_STATE, "this model has no inspect program");
    int32_t threads = options ? options->threads : 0;
    mf_context *context = mf_allocate(&model->allocator, sizeof *context);
    if (!context) return mf_fail(error, MF_E_NOMEM, "no memory for a context");
    context->model = mf_model_retain(model);
    context->team = mf_team_make(threads);
    context->threshold = model->threshold;
    context->error.struct_size = sizeof context->error;
    mf_status status = prepare(context, threads, error);
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
    mf_runner_release(context->runner);
    void *parts[] = {context->image,  context->reconstruction, context->map,     context->response, context->grid,
                     context->labels, context->pending,        context->scratch, context->bins,     context};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(&allocator, parts[i]);
    mf_model_release(model);
}

const char *mf_context_error(const mf_context *context) {
    return context ? context->error.text : "";
}

mf_status mf_context_set_threshold(mf_context *context, float threshold) {
    if (!context) return MF_E_INVALID;
    if (isnan(threshold)) return mf_fail(&context->error, MF_E_INVALID, "a threshold of NaN");
    context->threshold = threshold;
    return MF_OK;
}

/* Boxes and areas from cells of the map to pixels of the frame. */
static void scale_regions(const mf_context *context, const mf_image *frame, mf_result *result) {
    int64_t w = context->model->width, h = context->model->height;
    for (int32_t i = 0; i < result->region_count; i++) {
        mf_region *r = &result->regions[i];
        int64_t right = ((r->x + r->width) * (int64_t)frame->width + w - 1) / w,
                bottom = ((r->y + r->height) * (int64_t)frame->height + h - 1) / h;
        r->x = (int32_t)(r->x * (int64_t)frame->width / w), r->y = (int32_t)(r->y * (int64_t)frame->height / h);
        r->width = (int32_t)right - r->x, r->height = (int32_t)bottom - r->y;
        double area = (double)r->area * frame->width * frame->height / (double)(w * h);
        r->area = (int32_t)fmin(fmax(area, 1), (double)INT32_MAX);
    }
}

mf_status mf_inspect(mf_context *context, const mf_image *frame, const mf_mask *mask, mf_map *map,
                     mf_result *out_result) {
    if (!context) return MF_E_INVALID;
    mf_error *error = &context->error;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!out_result || out_result->struct_size < sizeof *out_result)
        return mf_fail(error, MF_E_INVALID, "result: NULL, or without struct_size");
    MF_TRY(mf_frame_check(frame, error));
    if (mask) MF_TRY(mf_mask_check(mask, frame, error));
    if (map) MF_TRY(mf_map_check(map, frame, error));
    const mf_model *model = context->model;
    size_t plane = (size_t)model->height * (size_t)model->width;
    const uint8_t *grid = mask ? context->grid : NULL;
    if (mask) {
        mf_mask_shrink(mask, model->height, model->width, context->grid);
        if (!memchr(context->grid, 1, plane)) return mf_fail(error, MF_E_INVALID, "mask: nothing in it is inspected");
    }
    mf_frame_resample(frame, model->channels, model->height, model->width, context->image, &context->team,
                      context->scratch);
    MF_TRY(mf_runner_run(context->runner, error));
    context->inspected = 1;
    mf_score score;
    mf_score_start(&score, model->score_share, context->bins);
    mf_score_add(&score, context->map, grid, plane);
    out_result->score = mf_score_finish(&score);
    out_result->threshold = context->threshold;
    out_result->is_anomalous = out_result->score > context->threshold;
    out_result->region_count = mf_regions_find(context->map, grid, model->height, model->width, context->threshold,
                                               context->labels, context->pending, out_result->regions, MF_MAX_REGIONS);
    scale_regions(context, frame, out_result);
    if (map) mf_map_resample(context->map, model->height, model->width, map, &context->team, context->scratch);
    clock_gettime(CLOCK_MONOTONIC, &end);
    out_result->elapsed_ns =
        (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000U + (uint64_t)end.tv_nsec - (uint64_t)start.tv_nsec;
    return MF_OK;
}

mf_status mf_context_plane(mf_context *context, const char *name, float *data, size_t *size) {
    if (!context) return MF_E_INVALID;
    mf_error *error = &context->error;
    if (!name || !size) return mf_fail(error, MF_E_INVALID, "mf_context_plane: NULL argument");
    const mf_model *model = context->model;
    size_t plane = (size_t)model->height * (size_t)model->width, count = plane;
    const mf_slot *response = mf_program_find(model->parts[MF_PART_INSPECT], "response");
    const float *source = NULL;
    if (strcmp(name, "map") == 0) source = context->map;
    if (strcmp(name, "response") == 0 && response && response->kind == MF_SLOT_OUTPUT) source = context->response;
    if (strcmp(name, "image") == 0) source = context->image, count = plane * (size_t)model->channels;
    if (strcmp(name, "reconstruction") == 0 && mf_program_find(model->parts[MF_PART_INSPECT], name))
        source = context->reconstruction, count = plane * (size_t)model->channels;
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
