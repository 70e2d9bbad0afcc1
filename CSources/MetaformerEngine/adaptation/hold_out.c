#include "adaptation/hold_out.h"

#include "image/score.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/number.h"

#include <math.h>
#include <metaformer/engine.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOLD_OUT_FROM = 30, HOLD_OUT_LEAST = 10, FOLDS = 3 };

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

size_t mf_random_below(uint64_t *state, size_t bound) {
    return (size_t)(((next(state) >> 32) * (uint64_t)bound) >> 32);
}

void mf_random_shuffle(uint64_t *state, size_t *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t other = mf_random_below(state, i), swap = items[i - 1];
        items[i - 1] = items[other];
        items[other] = swap;
    }
}

void mf_fold_deal(uint64_t seed, size_t count, size_t first, size_t held, size_t *order) {
    uint64_t random = seed ^ 0x5851f42d4c957f2dULL;
    for (size_t i = 0; i < count; i++) order[i] = i;
    mf_random_shuffle(&random, order, count);
    for (size_t i = 0; i < held; i++) {
        size_t end = count - 1 - i, swap = order[first + held - 1 - i];
        order[first + held - 1 - i] = order[end];
        order[end] = swap;
    }
}

size_t mf_hold_out_folds(size_t count) {
    return count >= HOLD_OUT_FROM ? 1 : count == 1 ? 0 : count < FOLDS ? count : FOLDS;
}

mf_status mf_hold_out_fold(uint64_t seed, size_t count, size_t fold, size_t *order, size_t *out_held, size_t *out_folds,
                           mf_error *error) {
    size_t folds = mf_hold_out_folds(count);
    if (!order || !out_held || fold >= folds)
        return mf_fail(error, MF_E_INVALID, "mf_hold_out_fold: NULL argument, or fold %zu of %zu", fold, folds);
    size_t fifth = count / 5 < HOLD_OUT_LEAST ? HOLD_OUT_LEAST : count / 5;
    size_t first = folds == 1 ? 0 : mf_share(count, folds, fold);
    *out_held = folds == 1 ? fifth : mf_share(count, folds, fold + 1) - first;
    if (out_folds) *out_folds = folds;
    mf_fold_deal(seed, count, first, *out_held, order);
    return MF_OK;
}

mf_status mf_held_out_restore(mf_held_out *h, const mf_adaptation *a) {
    if (!a->earlier) return MF_OK;
    const char *text = mf_model_setting(a->model, "adapted.scores");
    while (text && *text && h->count < MF_KEPT_SCORES) {
        double score;
        if (!mf_number_next(&text, &score))
            return mf_fail(a->error, MF_E_FORMAT, "'adapted.scores' is '%.60s': numbers with blanks between them",
                           text);
        h->scores[h->count++] = (float)score;
    }
    return MF_OK;
}

mf_status mf_held_out_record(const mf_held_out *h, mf_model *adapted, mf_error *error) {
    char text[MF_KEPT_SCORES * 16 + 1];
    size_t kept = h->count < MF_KEPT_SCORES ? h->count : MF_KEPT_SCORES, length = 0;
    for (size_t i = 0; i < kept; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%.9g", i ? " " : "",
                                   (double)h->scores[mf_share(h->count, kept, i)]);
    mf_number_point(text);
    if (kept) return mf_model_set(adapted, "adapted.scores", text, error);
    mf_model_unset(adapted, "adapted.scores");
    return MF_OK;
}

/* The score of a frame, whose map then lies in the inspection. */
static mf_status score_frame(mf_inspection *inspection, mf_samples *samples, mf_features *features, size_t frame,
                             float *out_score) {
    if (features && features->kept[frame].values) return mf_features_score(features, frame, inspection, out_score);
    mf_result result;
    MF_TRY(mf_samples_open(samples, frame));
    MF_TRY(mf_inspection_run(inspection, &samples->frame, mf_mask_of(&samples->mask), NULL, INFINITY, &result,
                             samples->adaptation->error));
    *out_score = result.score;
    return MF_OK;
}

mf_status mf_held_out_score(mf_held_out *h, mf_inspection *inspection, mf_samples *samples, mf_features *features,
                            const size_t *order, size_t count, size_t painted, float scale) {
    for (size_t i = 0; i < count; i++) {
        float score;
        MF_TRY(score_frame(inspection, samples, features, order[i], &score));
        h->scores[h->count++] = scale * score;
        size_t images = mf_share(painted, count, i + 1) - mf_share(painted, count, i);
        MF_TRY(mf_synthetic_add(&h->synthetic, inspection, samples, order[i], images, scale));
    }
    return MF_OK;
}

/* The score of the only frame, moved, as far as it is inspected. */
static mf_status score_moved(mf_inspection *inspection, mf_samples *samples, int64_t down, int64_t right, float *image,
                             float *inside, float *out_score, mf_error *error) {
    const mf_model *model = samples->adaptation->model;
    mf_score score;
    mf_score_start(&score, model->score_share, inspection->bins);
    MF_TRY(mf_samples_open(samples, 0));
    for (int32_t at = 0; at < mf_samples_tiles(samples); at++) {
        mf_sample tile;
        if (!mf_samples_tile(samples, at, &tile)) continue;
        MF_TRY(mf_samples_read(samples, &tile, image, inside));
        mf_samples_move(samples, image, (size_t)model->channels, down, right, 0, inspection->image);
        MF_TRY(mf_runner_run(inspection->runner, error));
        mf_score_add(&score, inspection->map, samples->grid, samples->plane);
    }
    *out_score = mf_score_finish(&score);
    return MF_OK;
}

mf_status mf_held_out_score_shifted(mf_held_out *h, mf_inspection *inspection, mf_samples *samples) {
    static const int64_t down[MF_SHIFTED_COPIES] = {-8, -8, -8, 0, 0, 8, 8, 8},
                         right[MF_SHIFTED_COPIES] = {-8, 0, 8, -8, 8, -8, 0, 8};
    const mf_adaptation *a = samples->adaptation;
    int failed = 0;
    float *image = mf_adaptation_allocate(a, samples->image, sizeof *image, &failed);
    float *inside = mf_adaptation_allocate(a, samples->plane, sizeof *inside, &failed);
    mf_status status = failed ? mf_fail(a->error, MF_E_NOMEM, "no memory to score a moved frame") : MF_OK;
    for (size_t i = 0; status == MF_OK && i < MF_SHIFTED_COPIES; i++)
        status = score_moved(inspection, samples, down[i], right[i], image, inside, &h->scores[h->count++], a->error);
    mf_free(a->allocator, image), mf_free(a->allocator, inside);
    return status;
}
