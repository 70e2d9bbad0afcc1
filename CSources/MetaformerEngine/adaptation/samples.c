#include "adaptation/samples.h"

#include "support/error.h"
#include "support/memory.h"

#include <string.h>

enum { MAX_TILES = 1000000 };

static mf_tiling tiling_of(const mf_samples *s, size_t index) {
    const mf_adaptation *a = s->adaptation;
    mf_image frame = mf_frames_at(&s->frames, index);
    return mf_tiling_make(a->options.framing, frame.height, frame.width, a->model->height, a->model->width);
}

/* Gathers the tiles of all frames that show anything inspected. */
static mf_status lay_out(mf_samples *s, size_t most) {
    mf_adaptation *a = s->adaptation;
    int failed = 0;
    s->tiles = mf_adaptation_allocate(a, most, sizeof *s->tiles, &failed);
    s->first_tile = mf_adaptation_allocate(a, s->count + 1, sizeof *s->first_tile, &failed);
    s->grid = mf_adaptation_allocate(a, s->plane, 1, &failed);
    s->scratch = mf_allocate_unset(a->allocator, MF_RESAMPLE_SCRATCH); /* narrow frames never touch most of it */
    if (failed || !s->scratch) return mf_fail(a->error, MF_E_NOMEM, "no memory for %zu frames", s->count);
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        mf_tiling tiling = tiling_of(s, i);
        mf_mask own;
        const mf_mask *mask = mf_frames_mask(&s->frames, i, &own);
        for (int32_t at = 0; at < tiling.rows * tiling.columns; at++) {
            mf_sample sample = {(uint32_t)i, at / tiling.columns, at % tiling.columns, 1};
            mf_tile tile = mf_tiling_tile(&tiling, sample.row, sample.column);
            int whole = !mask && mf_tile_is_full(&tiling, &tile);
            size_t cells = whole ? s->plane : mf_mask_resample(mask, &tiling, &tile, s->grid);
            if (!cells) continue;
            sample.coverage = (float)cells / (float)s->plane;
            s->masked |= cells < s->plane;
            s->tiles[n++] = sample;
        }
        s->first_tile[i + 1] = n;
    }
    return MF_OK;
}

mf_status mf_samples_prepare(mf_samples *s, mf_adaptation *a, const mf_image *frames, size_t count) {
    const mf_adapt_options *o = &a->options;
    *s = (mf_samples){.adaptation = a, .frames = {"frame", frames, count, o->masks, o->mask_count}, .count = count};
    s->plane = (size_t)a->model->height * (size_t)a->model->width, s->image = s->plane * (size_t)a->model->channels;
    MF_TRY(mf_frames_check(&s->frames, &s->widest, a->error));
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        mf_tiling tiling = tiling_of(s, i);
        most += (uint64_t)tiling.rows * (uint64_t)tiling.columns;
    }
    if (most > MAX_TILES)
        return mf_fail(a->error, MF_E_LIMIT, "mf_adapt: %llu tiles of the frames; at most %d are taken",
                       (unsigned long long)most, MAX_TILES);
    return lay_out(s, (size_t)most);
}

void mf_samples_release(mf_samples *s) {
    if (!s->adaptation) return;
    void *parts[] = {s->tiles, s->first_tile, s->grid, s->scratch};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(s->adaptation->allocator, parts[i]);
}

void mf_samples_read(mf_samples *s, size_t index, float *image, float *inside) {
    const mf_sample *sample = &s->tiles[index];
    mf_tiling tiling = tiling_of(s, sample->frame);
    mf_tile tile = mf_tiling_tile(&tiling, sample->row, sample->column);
    mf_image frame = mf_frames_at(&s->frames, sample->frame);
    mf_frame_resample(&frame, s->adaptation->model->channels, &tiling, &tile, image, &s->adaptation->pool, s->scratch);
    if (!inside) return;
    mf_mask mask;
    mf_mask_resample(mf_frames_mask(&s->frames, sample->frame, &mask), &tiling, &tile, s->grid);
    for (size_t i = 0; i < s->plane; i++) inside[i] = s->grid[i];
}

void mf_samples_move(const mf_samples *s, const float *from, size_t planes, int64_t down, int64_t right, int flip,
                     float *to) {
    int64_t height = s->adaptation->model->height, width = s->adaptation->model->width;
    for (size_t p = 0; p < planes; p++)
        for (int64_t y = 0; y < height; y++) {
            const float *row = from + p * s->plane + (size_t)(mf_mirrored_index(y, height, down, 0) * width);
            float *out = to + p * s->plane + (size_t)(y * width);
            if (right == 0 && !flip)
                memcpy(out, row, (size_t)width * sizeof(float));
            else
                for (int64_t x = 0; x < width; x++) out[x] = row[mf_mirrored_index(x, width, right, flip)];
        }
}
