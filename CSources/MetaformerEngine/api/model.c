#include "api/model.h"

#include "api/settings.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

const char *mf_model_setting(const mf_model *model, const char *key) {
    if (!model || !key) return NULL;
    for (size_t i = 0; i < model->setting_count; i++)
        if (strcmp(model->settings[i].key, key) == 0) return model->settings[i].value;
    return NULL;
}

mf_status mf_model_set(mf_model *model, const char *key, const char *value, mf_error *error) {
    const mf_allocator *a = &model->allocator;
    char *copy = mf_copy_text(a, value);
    if (!copy) return mf_fail(error, MF_E_NOMEM, "no memory for a setting");
    for (size_t i = 0; i < model->setting_count; i++)
        if (strcmp(model->settings[i].key, key) == 0) {
            mf_free(a, model->settings[i].value);
            model->settings[i].value = copy;
            return MF_OK;
        }
    mf_setting *grown = mf_allocate(a, (model->setting_count + 1) * sizeof *grown);
    char *key_copy = mf_copy_text(a, key);
    if (!grown || !key_copy) {
        mf_free(a, grown), mf_free(a, key_copy), mf_free(a, copy);
        return mf_fail(error, MF_E_NOMEM, "no memory for a setting");
    }
    if (model->setting_count) memcpy(grown, model->settings, model->setting_count * sizeof *grown);
    mf_free(a, model->settings);
    model->settings = grown;
    grown[model->setting_count++] = (mf_setting){key_copy, copy};
    return MF_OK;
}

/* The shortest decimal number that reads back as the float. */
mf_status mf_model_set_number(mf_model *model, const char *key, float value, mf_error *error) {
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    mf_number_point(text);
    return mf_model_set(model, key, text, error);
}

void mf_model_unset(mf_model *model, const char *key) {
    for (size_t i = 0; i < model->setting_count; i++) {
        if (strcmp(model->settings[i].key, key) != 0) continue;
        mf_free(&model->allocator, model->settings[i].key), mf_free(&model->allocator, model->settings[i].value);
        size_t after = --model->setting_count - i;
        memmove(&model->settings[i], &model->settings[i + 1], after * sizeof *model->settings);
        return;
    }
}

mf_status mf_model_check_adapted(const mf_model *model, mf_error *error) {
    if (model->is_adapted) return MF_OK;
    return mf_fail(error, MF_E_STATE, "this model knows no product yet: adapt it to good frames first (mf_adapt)");
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

const float *mf_model_values(const mf_model *model, const char *name, uint64_t count) {
    const mf_tensor *tensor = mf_file_find(model->file, name);
    if (!tensor || tensor->dtype != MF_F32 || tensor->bytes != count * sizeof(float)) return NULL;
    const float *own = model->parameters[tensor - mf_file_tensor(model->file, 0)];
    return own ? own : tensor->data;
}

mf_status mf_model_bind(const mf_model *model, mf_program_kind kind, mf_runner *runner, mf_error *error) {
    const mf_program *p = model->programs[kind];
    for (size_t i = 0; i < mf_program_slot_count(p); i++) {
        const mf_slot *slot = mf_program_slot(p, i);
        if (slot->kind != MF_SLOT_VARIABLE) continue;
        union {
            const float *read;
            float *bound;
        } values = {mf_model_values(model, slot->name, slot->count)};
        if (!values.read) continue; /* a state of training, which no file holds */
        MF_TRY(mf_runner_bind(runner, slot->name, values.bound, slot->count, error));
    }
    return MF_OK;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static mf_status make_model(mf_file *file, const mf_allocator *allocator, const mf_logger *logger, mf_model **out_model,
                            mf_error *error) {
    mf_model *model = mf_allocate(allocator, sizeof *model);
    if (!model) {
        mf_file_release(file);
        return mf_fail(error, MF_E_NOMEM, "no memory for a model");
    }
    model->allocator = *allocator;
    model->logger = *logger;
    model->references = 1;
    model->file_references = mf_allocate(allocator, sizeof *model->file_references);
    model->parameters = mf_allocate(allocator, mf_file_tensor_count(file) * sizeof *model->parameters);
    mf_status status =
        model->file_references && model->parameters ? MF_OK : mf_fail(error, MF_E_NOMEM, "no memory for a model");
    if (status == MF_OK) {
        model->file = file; /* the model's from here on */
        *model->file_references = 1;
    }
    for (size_t i = 0; status == MF_OK && i < mf_file_entry_count(file); i++) {
        const mf_entry *entry = mf_file_entry(file, i);
        status = mf_model_set(model, entry->key, entry->value, error);
    }
    if (status == MF_OK) status = mf_model_open_programs(model, error);
    if (status != MF_OK) {
        if (!model->file) mf_file_release(file);
        mf_model_drop(model);
        return status;
    }
    const char *checksum = mf_file_setting(file, "checksum");
    mf_log_write(logger, MF_LOG_INFO, "model: %zu bytes, checksum %s, %d x %d pixels in %d channels, threshold %g",
                 mf_file_size(file), checksum ? checksum : "none", model->width, model->height, model->channels,
                 (double)model->threshold);
    *out_model = model;
    return MF_OK;
}

/* The options of opening, checked; options may be NULL. */
static mf_status take_options(const mf_open_options *options, mf_allocator *allocator, mf_file_options *file_options,
                              mf_logger *logger, mf_error *error) {
    mf_open_options own = {.struct_size = sizeof own};
    if (options) MF_TRY(mf_open_options_read(options, &own, error));
    *logger = (mf_logger){own.log, own.opaque};
    *file_options =
        (mf_file_options){.allocator = allocator, .required = 1, .verify = own.verify, .opaque = own.opaque};
    return mf_allocator_resolve(own.allocator, allocator, error);
}

mf_status mf_model_open_file(const char *path, const mf_open_options *options, mf_model **out_model, mf_error *error) {
    if (!path || !out_model) return mf_fail(error, MF_E_INVALID, "mf_model_open_file: NULL argument");
    mf_allocator allocator;
    mf_file_options file_options;
    mf_logger logger;
    mf_file *file;
    MF_TRY(take_options(options, &allocator, &file_options, &logger, error));
    MF_TRY(mf_file_open_with(path, &file_options, &file, error));
    mf_error cause = {.struct_size = sizeof cause};
    mf_status status = make_model(file, &allocator, &logger, out_model, &cause);
    return status == MF_OK ? MF_OK : mf_fail(error, status, "%.100s: %s", path, cause.text);
}

mf_status mf_model_open_memory(const void *data, size_t size, const mf_open_options *options, mf_model **out_model,
                               mf_error *error) {
    if (!data || !out_model) return mf_fail(error, MF_E_INVALID, "mf_model_open_memory: NULL argument");
    mf_allocator allocator;
    mf_file_options file_options;
    mf_logger logger;
    mf_file *file;
    MF_TRY(take_options(options, &allocator, &file_options, &logger, error));
    MF_TRY(mf_file_open_memory_with(data, size, &file_options, &file, error));
    return make_model(file, &allocator, &logger, out_model, error);
}

mf_status mf_model_open_reader(const mf_reader *reader, const mf_open_options *options, mf_model **out_model,
                               mf_error *error) {
    if (!out_model) return mf_fail(error, MF_E_INVALID, "mf_model_open_reader: NULL argument");
    mf_reader own;
    MF_TRY(mf_reader_read(reader, &own, error));
    if (!own.read) return mf_fail(error, MF_E_INVALID, "mf_reader: needs its function");
    mf_allocator allocator;
    mf_file_options file_options;
    mf_logger logger;
    mf_file *file;
    MF_TRY(take_options(options, &allocator, &file_options, &logger, error));
    MF_TRY(mf_file_open_reader(&own, &file_options, &file, error));
    return make_model(file, &allocator, &logger, out_model, error);
}

mf_model *mf_model_retain(const mf_model *model) {
    /* The count of shares is the one thing of a model that changes. */
    union {
        const mf_model *shared;
        mf_model *counted;
    } m = {model};
    __atomic_add_fetch(&m.counted->references, 1, __ATOMIC_RELAXED);
    return m.counted;
}

mf_status mf_model_derive(const mf_model *model, mf_model **out_model, mf_error *error) {
    const mf_allocator *a = &model->allocator;
    mf_model *derived = mf_allocate(a, sizeof *derived);
    if (!derived) return mf_fail(error, MF_E_NOMEM, "no memory for a model");
    size_t tensors = mf_file_tensor_count(model->file);
    *derived = (mf_model){.allocator = *a,
                          .logger = model->logger,
                          .references = 1,
                          .channels = model->channels,
                          .height = model->height,
                          .width = model->width,
                          .framing = model->framing,
                          .precision = model->precision,
                          .is_adapted = model->is_adapted,
                          .threshold = model->threshold,
                          .limits = model->limits,
                          .score_share = model->score_share};
    derived->parameters = mf_allocate(a, tensors * sizeof *derived->parameters);
    mf_status status = derived->parameters ? MF_OK : mf_fail(error, MF_E_NOMEM, "no memory for a model");
    if (status == MF_OK) {
        derived->file = model->file;
        derived->file_references = model->file_references;
        __atomic_add_fetch(derived->file_references, 1, __ATOMIC_RELAXED);
        for (int kind = 0; kind < MF_PROGRAM_KINDS; kind++)
            if (model->programs[kind]) derived->programs[kind] = mf_program_retain(model->programs[kind]);
    }
    for (size_t i = 0; status == MF_OK && i < tensors; i++) {
        if (!model->parameters[i]) continue;
        size_t bytes = mf_file_tensor(model->file, i)->bytes;
        derived->parameters[i] = mf_allocate(a, bytes);
        if (derived->parameters[i])
            memcpy(derived->parameters[i], model->parameters[i], bytes);
        else
            status = mf_fail(error, MF_E_NOMEM, "no memory for a model");
    }
    for (size_t i = 0; status == MF_OK && i < model->setting_count; i++)
        status = mf_model_set(derived, model->settings[i].key, model->settings[i].value, error);
    if (status != MF_OK) {
        mf_model_drop(derived);
        return status;
    }
    *out_model = derived;
    return MF_OK;
}

void mf_model_release(mf_model *model) {
    /* A second release by mistake does no harm as long as a context still holds the model. */
    if (model && !__atomic_exchange_n(&model->released, 1, __ATOMIC_ACQ_REL)) mf_model_drop(model);
}

void mf_model_drop(mf_model *model) {
    if (__atomic_sub_fetch(&model->references, 1, __ATOMIC_ACQ_REL)) return;
    mf_allocator allocator = model->allocator;
    for (size_t i = 0; i < model->setting_count; i++)
        mf_free(&allocator, model->settings[i].key), mf_free(&allocator, model->settings[i].value);
    for (int kind = 0; kind < MF_PROGRAM_KINDS; kind++) mf_program_release(model->programs[kind]);
    for (size_t i = 0; model->file && model->parameters && i < mf_file_tensor_count(model->file); i++)
        mf_free(&allocator, model->parameters[i]);
    if (model->file && __atomic_sub_fetch(model->file_references, 1, __ATOMIC_ACQ_REL) == 0) {
        mf_file_release(model->file);
        mf_free(&allocator, model->file_references);
    } else if (!model->file) {
        mf_free(&allocator, model->file_references);
    }
    mf_free(&allocator, model->parameters);
    mf_free(&allocator, model->settings);
    mf_free(&allocator, model);
}
