/* The programs of a model's file, and whether they fit it. */
#include "api/model.h"
#include "api/settings.h"
#include "support/error.h"

#include <math.h>
#include <string.h>

static const char *const names[MF_PROGRAM_KINDS] = {"program/inspect", "program/prior",    "program/gradient",
                                                    "program/update",  "program/features", "program/observe",
                                                    "program/fit",     "program/map"};

static mf_status open_programs(mf_model *model, mf_error *error) {
    for (int kind = 0; kind < MF_PROGRAM_KINDS; kind++) {
        const mf_tensor *tensor = mf_file_find(model->file, names[kind]);
        if (!tensor) continue;
        mf_error cause = {.struct_size = sizeof cause};
        mf_status status =
            mf_program_open_with(tensor->data, tensor->bytes, &model->allocator, &model->programs[kind], &cause);
        if (status != MF_OK) return mf_fail(error, status, "%s: %s", names[kind], cause.text);
    }
    return MF_OK;
}

/* The programs that change variables. */
enum { writers = 1 << MF_PROGRAM_GRADIENT | 1 << MF_PROGRAM_UPDATE | 1 << MF_PROGRAM_OBSERVE | 1 << MF_PROGRAM_FIT };

/* What a program reads must be in the file, but for what it writes itself: that is state, which starts at zero. */
static mf_status check_variables(const mf_model *model, int kind, mf_error *error) {
    const mf_program *p = model->programs[kind];
    for (size_t i = 0; p && i < mf_program_slot_count(p); i++) {
        const mf_slot *slot = mf_program_slot(p, i);
        if (slot->kind != MF_SLOT_VARIABLE) continue;
        if (slot->written && !(writers >> kind & 1))
            return mf_fail(error, MF_E_FORMAT, "%s writes '%.60s'", names[kind], slot->name);
        if (mf_model_values(model, slot->name, slot->count)) continue;
        const mf_program *update = model->programs[MF_PROGRAM_UPDATE];
        const mf_slot *state = update ? mf_program_find(update, slot->name) : NULL;
        if (!slot->written && !(state && state->written))
            return mf_fail(error, MF_E_FORMAT, "%s needs '%.60s', which the file has not in this shape", names[kind],
                           slot->name);
        if (mf_file_find(model->file, slot->name))
            return mf_fail(error, MF_E_FORMAT, "'%.60s' has not the shape that %s needs", slot->name, names[kind]);
    }
    return MF_OK;
}

/* A slot holds batch images of so many channels. Its dims may be those of another view, so the elements are counted. */
static mf_status check_slot(const mf_model *model, int program, const char *name, mf_slot_kind kind, uint64_t batch,
                            uint32_t channels, mf_error *error) {
    const mf_slot *slot = mf_program_find(model->programs[program], name);
    if (!slot || slot->kind != kind ||
        slot->count != batch * channels * (uint64_t)model->height * (uint64_t)model->width)
        return mf_fail(error, MF_E_FORMAT, "%s has no %s '%s' of %llu x %u x %d x %d", names[program],
                       kind == MF_SLOT_INPUT ? "input" : "output", name, (unsigned long long)batch, channels,
                       model->height, model->width);
    return MF_OK;
}

static mf_status check_gradient(const mf_model *model, mf_error *error) {
    const mf_program *p = model->programs[MF_PROGRAM_GRADIENT];
    const mf_slot *weight = mf_program_find(p, "weight"), *loss = mf_program_find(p, "loss");
    if (!weight || weight->kind != MF_SLOT_INPUT)
        return mf_fail(error, MF_E_FORMAT, "program/gradient has no input 'weight'");
    if (!loss || loss->kind != MF_SLOT_OUTPUT || loss->count != 1)
        return mf_fail(error, MF_E_FORMAT, "program/gradient has no output 'loss' of one number");
    MF_TRY(check_slot(model, MF_PROGRAM_GRADIENT, "image", MF_SLOT_INPUT, weight->count, (uint32_t)model->channels,
                      error));
    if (mf_program_find(p, "mask"))
        MF_TRY(check_slot(model, MF_PROGRAM_GRADIENT, "mask", MF_SLOT_INPUT, weight->count, 1, error));
    if (!mf_program_find(p, "response")) return MF_OK;
    MF_TRY(check_slot(model, MF_PROGRAM_GRADIENT, "response", MF_SLOT_INPUT, weight->count, 1, error));
    if (!model->programs[MF_PROGRAM_PRIOR])
        return mf_fail(error, MF_E_FORMAT, "a gradient program that takes a response, but no prior to make it");
    return MF_OK;
}

/* The inputs of a program are features, or of the other name. */
static mf_status check_features(const mf_model *model, int kind, const char *other, mf_error *error) {
    const mf_program *from = model->programs[MF_PROGRAM_FEATURES], *to = model->programs[kind];
    for (size_t i = 0; i < mf_program_slot_count(to); i++) {
        const mf_slot *slot = mf_program_slot(to, i);
        if (slot->kind != MF_SLOT_INPUT || strcmp(slot->name, other) == 0) continue;
        const mf_slot *output = mf_program_find(from, slot->name);
        if (!output || output->kind != MF_SLOT_OUTPUT || output->count != slot->count)
            return mf_fail(error, MF_E_FORMAT, "%s takes '%.60s', which program/features does not give", names[kind],
                           slot->name);
    }
    return MF_OK;
}

/* All programs of the closed form are there, and what they write lies in the file: an adapted model keeps its sums. */
static mf_status check_closed_form(const mf_model *model, mf_error *error) {
    for (int kind = MF_PROGRAM_FEATURES; kind <= MF_PROGRAM_MAP; kind++) {
        const mf_program *p = model->programs[kind];
        if (!p) return mf_fail(error, MF_E_FORMAT, "%s is missing beside the others of its kind", names[kind]);
        for (size_t i = 0; i < mf_program_slot_count(p); i++) {
            const mf_slot *slot = mf_program_slot(p, i);
            if (slot->kind == MF_SLOT_VARIABLE && !mf_model_values(model, slot->name, slot->count))
                return mf_fail(error, MF_E_FORMAT, "%s needs '%.60s', which the file has not in this shape",
                               names[kind], slot->name);
        }
    }
    MF_TRY(check_slot(model, MF_PROGRAM_FEATURES, "image", MF_SLOT_INPUT, 1, (uint32_t)model->channels, error));
    MF_TRY(check_slot(model, MF_PROGRAM_OBSERVE, "mask", MF_SLOT_INPUT, 1, 1, error));
    MF_TRY(check_slot(model, MF_PROGRAM_MAP, "map", MF_SLOT_OUTPUT, 1, 1, error));
    MF_TRY(check_features(model, MF_PROGRAM_OBSERVE, "mask", error));
    return check_features(model, MF_PROGRAM_MAP, "", error);
}

/* What a model may hold of each program: inputs and outputs of its own size. */
static mf_status check_programs(const mf_model *model, mf_error *error) {
    for (int kind = 0; kind < MF_PROGRAM_KINDS; kind++) MF_TRY(check_variables(model, kind, error));
    uint32_t c = (uint32_t)model->channels;
    if (model->programs[MF_PROGRAM_INSPECT]) {
        MF_TRY(check_slot(model, MF_PROGRAM_INSPECT, "image", MF_SLOT_INPUT, 1, c, error));
        if (mf_program_find(model->programs[MF_PROGRAM_INSPECT], "reconstruction"))
            MF_TRY(check_slot(model, MF_PROGRAM_INSPECT, "reconstruction", MF_SLOT_OUTPUT, 1, c, error));
        MF_TRY(check_slot(model, MF_PROGRAM_INSPECT, "map", MF_SLOT_OUTPUT, 1, 1, error));
    }
    if (model->programs[MF_PROGRAM_PRIOR]) {
        MF_TRY(check_slot(model, MF_PROGRAM_PRIOR, "image", MF_SLOT_INPUT, 1, c, error));
        MF_TRY(check_slot(model, MF_PROGRAM_PRIOR, "response", MF_SLOT_OUTPUT, 1, 1, error));
    }
    if (model->programs[MF_PROGRAM_GRADIENT]) MF_TRY(check_gradient(model, error));
    int closed_form = 0;
    for (int kind = MF_PROGRAM_FEATURES; kind <= MF_PROGRAM_MAP; kind++) closed_form |= model->programs[kind] != NULL;
    return closed_form ? check_closed_form(model, error) : MF_OK;
}

static mf_status read_settings(mf_model *model, mf_error *error) {
    int channels, framing, precision;
    double height, width, threshold = INFINITY;
    MF_TRY(mf_model_choice(model, MF_KEY_input_channels, &channels, error));
    MF_TRY(mf_model_number(model, MF_KEY_input_height, &height, error));
    MF_TRY(mf_model_number(model, MF_KEY_input_width, &width, error));
    MF_TRY(mf_model_choice(model, MF_KEY_input_framing, &framing, error));
    MF_TRY(mf_model_choice(model, MF_KEY_precision, &precision, error));
    MF_TRY(mf_model_number(model, MF_KEY_score_share, &model->score_share, error));
    model->is_adapted = mf_model_setting(model, "threshold") != NULL;
    if (model->is_adapted) MF_TRY(mf_model_number(model, MF_KEY_threshold, &threshold, error));
    mf_appearance_limits *l = &model->limits;
    MF_TRY(mf_model_number(model, MF_KEY_appearance_brightness_low, &l->brightness_low, error));
    MF_TRY(mf_model_number(model, MF_KEY_appearance_brightness_high, &l->brightness_high, error));
    MF_TRY(mf_model_number(model, MF_KEY_appearance_contrast_low, &l->contrast_low, error));
    MF_TRY(mf_model_number(model, MF_KEY_appearance_sharpness_low, &l->sharpness_low, error));
    MF_TRY(mf_model_number(model, MF_KEY_appearance_anomaly_high, &l->anomaly_high, error));
    model->channels = channels ? 3 : 1, model->height = (int32_t)height, model->width = (int32_t)width;
    model->precision = (mf_precision)(MF_PRECISION_FLOAT + precision);
    model->framing = (mf_framing)(MF_FRAMING_STRETCH + framing), model->threshold = (float)threshold;
    return MF_OK;
}

mf_status mf_model_open_programs(mf_model *model, mf_error *error) {
    MF_TRY(open_programs(model, error));
    MF_TRY(read_settings(model, error));
    return check_programs(model, error);
}
