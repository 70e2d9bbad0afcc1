#include "adaptation/variables.h"

#include "support/error.h"
#include "support/memory.h"

#include <string.h>

enum { MAX_VARIABLES = 4096 };

mf_variable *mf_variables_find(const mf_variables *v, const char *name) {
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->items[i].name, name) == 0) return &v->items[i];
    return NULL;
}

static mf_status add(mf_variables *v, const mf_adaptation *a, const mf_slot *slot) {
    const mf_variable *known = mf_variables_find(v, slot->name);
    if (known && known->count != slot->count)
        return mf_fail(a->error, MF_E_FORMAT, "'%.60s' differs between programs", slot->name);
    if (known) return MF_OK;
    if (v->count == MAX_VARIABLES) return mf_fail(a->error, MF_E_LIMIT, "over %d variables", MAX_VARIABLES);
    int failed = 0;
    mf_variable *item = &v->items[v->count];
    *item = (mf_variable){slot->name, mf_adaptation_allocate(a, slot->count, sizeof(float), &failed),
                          mf_model_values(a->model, slot->name, slot->count), slot->count};
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory for '%.60s'", slot->name);
    v->count++;
    return MF_OK;
}

mf_status mf_variables_gather(mf_variables *v, const mf_adaptation *a) {
    int failed = 0;
    *v = (mf_variables){.allocator = a->allocator};
    v->items = mf_adaptation_allocate(a, MAX_VARIABLES, sizeof *v->items, &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory to adapt with");
    for (int kind = 0; kind < MF_PROGRAM_KINDS; kind++) {
        const mf_program *p = a->model->programs[kind];
        for (size_t i = 0; p && i < mf_program_slot_count(p); i++) {
            const mf_slot *slot = mf_program_slot(p, i);
            if (slot->kind == MF_SLOT_VARIABLE && slot->written) MF_TRY(add(v, a, slot));
        }
    }
    mf_variables_reset(v);
    return MF_OK;
}

mf_status mf_variables_add(mf_variables *v, const mf_adaptation *a, const char *name) {
    for (int kind = 0; kind < MF_PROGRAM_KINDS; kind++) {
        const mf_program *p = a->model->programs[kind];
        const mf_slot *slot = p ? mf_program_find(p, name) : NULL;
        if (slot && slot->kind == MF_SLOT_VARIABLE) MF_TRY(add(v, a, slot));
    }
    return MF_OK;
}

void mf_variables_release(mf_variables *v) {
    if (!v->allocator) return;
    for (size_t i = 0; i < v->count; i++) mf_free(v->allocator, v->items[i].values);
    mf_free(v->allocator, v->items);
}

void mf_variables_reset(mf_variables *v) {
    for (size_t i = 0; i < v->count; i++) {
        mf_variable *item = &v->items[i];
        if (item->start)
            memcpy(item->values, item->start, item->count * sizeof(float));
        else
            memset(item->values, 0, item->count * sizeof(float));
    }
}

mf_status mf_variables_run(const mf_variables *v, mf_adaptation *a, mf_program_kind kind, mf_runner **out_runner) {
    mf_program *p = a->model->programs[kind];
    mf_runner_options options = {.struct_size = sizeof options,
                                 .threads = a->options.threads,
                                 .allocator = a->allocator,
                                 .pool = a->options.pool};
    /* Networks are run in it; what is learnt by steps, and what is made of sums, is in floats. */
    if (kind == MF_PROGRAM_INSPECT || kind == MF_PROGRAM_FEATURES) options.precision = a->options.precision;
    MF_TRY(mf_runner_create(p, &options, out_runner, a->error));
    mf_runner_watch(*out_runner, &a->cancellation);
    MF_TRY(mf_model_bind(a->model, kind, *out_runner, a->error));
    for (size_t i = 0; i < v->count; i++) {
        const mf_variable *own = &v->items[i];
        if (mf_program_find(p, own->name))
            MF_TRY(mf_runner_bind(*out_runner, own->name, own->values, own->count, a->error));
    }
    return MF_OK;
}
