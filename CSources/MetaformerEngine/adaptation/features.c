#include "adaptation/features.h"

#include "support/error.h"
#include "support/memory.h"

#include <metaformer/engine.h>
#include <string.h>

/* Features of some dozens of frames: others are made again when they are needed. */
enum { MOST_KEPT = 32 << 20 };

mf_status mf_features_bind(const mf_features *f, mf_program_kind kind, mf_runner *runner, float *values) {
    const mf_program *from = f->adaptation->model->programs[MF_PROGRAM_FEATURES],
                     *to = f->adaptation->model->programs[kind];
    for (size_t i = 0; i < mf_program_slot_count(from); i++) {
        const mf_slot *slot = mf_program_slot(from, i);
        if (slot->kind != MF_SLOT_OUTPUT) continue;
        if (mf_program_find(to, slot->name))
            MF_TRY(mf_runner_bind(runner, slot->name, values, slot->count, f->adaptation->error));
        values += slot->count;
    }
    return MF_OK;
}

mf_status mf_features_prepare(mf_features *f, mf_adaptation *a, const mf_variables *variables, const mf_samples *s) {
    const mf_program *p = a->model->programs[MF_PROGRAM_FEATURES];
    uint64_t most = a->options.cache_bytes;
    *f = (mf_features){.adaptation = a, .samples = s, .spare = most < MOST_KEPT ? most : MOST_KEPT};
    for (size_t i = 0; i < mf_program_slot_count(p); i++)
        if (mf_program_slot(p, i)->kind == MF_SLOT_OUTPUT) f->count += mf_program_slot(p, i)->count;
    int failed = 0;
    f->image = mf_adaptation_allocate(a, s->image, sizeof(float), &failed);
    f->values = mf_adaptation_allocate(a, f->count, sizeof(float), &failed);
    f->kept = mf_adaptation_allocate(a, s->count, sizeof *f->kept, &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory for features");
    MF_TRY(mf_variables_run(variables, a, MF_PROGRAM_FEATURES, &f->extract));
    MF_TRY(mf_runner_bind(f->extract, "image", f->image, s->image, a->error));
    MF_TRY(mf_features_bind(f, MF_PROGRAM_FEATURES, f->extract, f->values));
    MF_TRY(mf_runner_prepack(f->extract, a->error));
    return mf_variables_run(variables, a, MF_PROGRAM_MAP, &f->map);
}

void mf_features_release(mf_features *f) {
    if (!f->adaptation) return;
    const mf_allocator *allocator = f->adaptation->allocator;
    mf_runner_release(f->extract), mf_runner_release(f->map);
    for (size_t i = 0; f->kept && i < f->samples->count; i++)
        mf_free(allocator, f->kept[i].values), mf_free(allocator, f->kept[i].inside);
    void *parts[] = {f->image, f->values, f->kept};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(allocator, parts[i]);
}

mf_status mf_features_keep(mf_features *f, size_t frame) {
    size_t plane = f->samples->plane, bytes = f->count * sizeof(float);
    if (bytes + plane > f->spare) return MF_OK;
    mf_kept_features *kept = &f->kept[frame];
    kept->values = mf_allocate_unset(f->adaptation->allocator, bytes);
    kept->inside = mf_allocate_unset(f->adaptation->allocator, plane);
    if (!kept->values || !kept->inside) return mf_fail(f->adaptation->error, MF_E_NOMEM, "no memory to keep features");
    memcpy(kept->values, f->values, bytes);
    memcpy(kept->inside, f->samples->grid, plane);
    f->spare -= bytes + plane;
    return MF_OK;
}

mf_status mf_features_score(mf_features *f, size_t frame, mf_inspection *inspection, float *out_score) {
    mf_error *error = f->adaptation->error;
    MF_TRY(mf_features_bind(f, MF_PROGRAM_MAP, f->map, f->kept[frame].values));
    MF_TRY(mf_runner_bind(f->map, "map", inspection->map, f->samples->plane, error));
    MF_TRY(mf_runner_run(f->map, error));
    return mf_inspection_score(inspection, f->kept[frame].inside, out_score, error);
}
