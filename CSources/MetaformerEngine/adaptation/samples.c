#include "adaptation/samples.h"

#include "image/depth.h"
#include "support/error.h"
#include "support/memory.h"

#include <metaformer/engine.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TILES = 1000000 };

mf_status mf_samples_prepare(mf_samples *s, mf_adaptation *a, const mf_image *frames, size_t count) {
    const mf_adapt_options *o = &a->options;
    *s = (mf_samples){.adaptation = a,
                      .frames = {"frame", frames, count, o->masks, o->mask_count, o->source},
                      .count = count,
                      .opened = SIZE_MAX};
    s->plane = (size_t)a->model->height * (size_t)a->model->width, s->image = s->plane * (size_t)a->model->channels;
    MF_TRY(mf_frames_check(&s->frames, &s->widest, a->error));
    int failed = 0;
    s->grid = mf_adaptation_allocate(a, s->plane, 1, &failed);
    s->scratch = mf_allocate_unset(a->allocator, MF_RESAMPLE_SCRATCH); /* narrow frames never touch most of it */
    return failed || !s->scratch ? mf_fail(a->error, MF_E_NOMEM, "no memory to read frames with") : MF_OK;
}

void mf_samples_release(mf_samples *s) {
    if (!s->adaptation) return;
    void *parts[] = {s->tiles, s->first_tile, s->grid, s->scratch};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(s->adaptation->allocator, parts[i]);
}

static mf_status too_many_tiles(const mf_samples *s, uint64_t count) {
    return mf_fail(s->adaptation->error, MF_E_LIMIT, "mf_adapt: %llu tiles of the frames; at most %d are taken",
                   (unsigned long long)count, MAX_TILES);
}

/* The depth of the frames that do not state it, by the values of all. */
static mf_status recognise_depth(mf_samples *s) {
    mf_adaptation *a = s->adaptation;
    mf_depth depth = {0};
    for (size_t i = 0; i < s->count; i++) {
        MF_TRY(mf_adaptation_report(a, "looking at depths", i, s->count, 0));
        MF_TRY(mf_frames_read(&s->frames, i, &s->frame, &s->mask, a->error));
        mf_depth_add(&depth, &s->frame);
    }
    s->recognised = mf_samples_bits((uint16_t)depth.highest);
    mf_log_write(&a->model->logger, depth.shallow ? MF_LOG_WARNING : MF_LOG_INFO,
                 "%d of 16 bits are in use: the highest value of %llu frames is %d; %llu frames have 8 bits",
                 s->recognised, (unsigned long long)depth.deep, depth.highest, (unsigned long long)depth.shallow);
    mf_model_depth earlier = mf_model_depth_of(a->model);
    if (!a->earlier || !earlier.bits) return MF_OK;
    /* What goes on from a model keeps to its depth. */
    MF_TRY(mf_depth_fit(depth.shallow, depth.deep, (uint16_t)depth.highest, earlier.bits, a->error));
    s->recognised = earlier.bits;
    return MF_OK;
}

static mf_status read_frame(mf_samples *s, size_t frame) {
    mf_error *error = s->adaptation->error;
    MF_TRY(mf_frames_read(&s->frames, frame, &s->frame, &s->mask, error));
    if (!mf_depth_is_unstated(&s->frame)) return MF_OK;
    if (!s->recognised) {
        MF_TRY(recognise_depth(s));
        MF_TRY(mf_frames_read(&s->frames, frame, &s->frame, &s->mask, error));
    }
    mf_depth_state(&s->frame, s->recognised);
    return MF_OK;
}

mf_status mf_samples_open(mf_samples *s, size_t frame) {
    if (s->opened == frame) return MF_OK;
    const mf_adaptation *a = s->adaptation;
    s->opened = SIZE_MAX;
    MF_TRY(read_frame(s, frame));
    s->tiling = mf_tiling_make(a->options.framing, s->frame.height, s->frame.width, a->model->height, a->model->width);
    if ((int64_t)s->tiling.rows * s->tiling.columns > MAX_TILES)
        return too_many_tiles(s, (uint64_t)s->tiling.rows * (uint64_t)s->tiling.columns);
    s->widest = s->frame.width > s->widest ? s->frame.width : s->widest;
    int bits = mf_pixel_layout_find(s->frame.pixel_format)->bits;
    s->bits = s->bits && s->bits != bits ? -1 : bits;
    s->opened = frame;
    return MF_OK;
}

int32_t mf_samples_tiles(const mf_samples *s) {
    return s->tiling.rows * s->tiling.columns;
}

int mf_samples_tile(mf_samples *s, int32_t at, mf_sample *out_tile) {
    *out_tile = (mf_sample){(uint32_t)s->opened, at / s->tiling.columns, at % s->tiling.columns, 1};
    mf_tile tile = mf_tiling_tile(&s->tiling, out_tile->row, out_tile->column);
    const mf_mask *mask = mf_mask_of(&s->mask);
    int whole = !mask && mf_tile_is_full(&s->tiling, &tile);
    size_t cells = whole ? s->plane : mf_mask_resample(mask, &s->tiling, &tile, s->grid);
    out_tile->coverage = (float)cells / (float)s->plane;
    return cells > 0;
}

static mf_status count_tiles(mf_samples *s, uint64_t *out_count) {
    *out_count = 0;
    for (size_t i = 0; i < s->count; i++) {
        MF_TRY(mf_samples_open(s, i));
        *out_count += (uint64_t)mf_samples_tiles(s);
    }
    return *out_count > MAX_TILES ? too_many_tiles(s, *out_count) : MF_OK;
}

mf_status mf_samples_lay_out(mf_samples *s) {
    mf_adaptation *a = s->adaptation;
    uint64_t most;
    MF_TRY(count_tiles(s, &most));
    int failed = 0;
    s->tiles = mf_adaptation_allocate(a, (size_t)most, sizeof *s->tiles, &failed);
    s->first_tile = mf_adaptation_allocate(a, s->count + 1, sizeof *s->first_tile, &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory for %zu frames", s->count);
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        MF_TRY(mf_samples_open(s, i));
        for (int32_t at = 0; at < mf_samples_tiles(s); at++) {
            if (!mf_samples_tile(s, at, &s->tiles[n])) continue;
            s->masked |= s->tiles[n].coverage < 1;
            n++;
        }
        s->first_tile[i + 1] = n;
    }
    return MF_OK;
}

mf_status mf_samples_read(mf_samples *s, const mf_sample *sample, float *image, float *inside) {
    MF_TRY(mf_samples_open(s, sample->frame));
    mf_tile tile = mf_tiling_tile(&s->tiling, sample->row, sample->column);
    const mf_adaptation *a = s->adaptation;
    mf_frame_resample(&s->frame, a->model->channels, &s->tiling, &tile, image, &a->pool, s->scratch);
    const mf_mask *mask = mf_mask_of(&s->mask);
    if (mask || inside) mf_mask_resample(mask, &s->tiling, &tile, s->grid);
    for (size_t i = 0; inside && i < s->plane; i++) inside[i] = s->grid[i];
    return MF_OK;
}

void mf_samples_measure(mf_samples *s, const mf_sample *sample, const float *image, mf_appearance_sums *sums) {
    mf_tile tile = mf_tiling_tile(&s->tiling, sample->row, sample->column);
    const uint8_t *inside = mf_mask_of(&s->mask) ? s->grid : NULL;
    mf_appearance_add(sums, image, s->adaptation->model->channels, &s->tiling, &tile, inside);
}

/* A row or column of an image that is moved by shift, with its edges mirrored, and turned round where flip is set. */
static int64_t mirrored_index(int64_t i, int64_t n, int64_t shift, int flip) {
    int64_t from = (flip ? n - 1 - i : i) - shift;
    return from < 0 ? -from : from >= n ? 2 * (n - 1) - from : from;
}

static void move(const float *from, size_t planes, int64_t height, int64_t width, int64_t down, int64_t right, int flip,
                 float *to) {
    size_t plane = (size_t)(height * width);
    for (size_t p = 0; p < planes; p++)
        for (int64_t y = 0; y < height; y++) {
            const float *row = from + p * plane + (size_t)(mirrored_index(y, height, down, 0) * width);
            float *out = to + p * plane + (size_t)(y * width);
            if (right == 0 && !flip)
                memcpy(out, row, (size_t)width * sizeof(float));
            else
                for (int64_t x = 0; x < width; x++) out[x] = row[mirrored_index(x, width, right, flip)];
        }
}

void mf_samples_move(const mf_samples *s, const float *from, size_t planes, int64_t down, int64_t right, int flip,
                     float *to) {
    const mf_model *model = s->adaptation->model;
    move(from, planes, model->height, model->width, down, right, flip, to);
}

mf_status mf_planes_shift(const float *from, size_t planes, int32_t height, int32_t width, int32_t down, int32_t right,
                          float *to, mf_error *error) {
    if (!from || !to || height < 1 || width < 1 || abs(down) >= height || abs(right) >= width)
        return mf_fail(error, MF_E_INVALID, "mf_planes_shift: NULL argument, or a shift that is not below the side");
    move(from, planes, height, width, down, right, 0, to);
    return MF_OK;
}
