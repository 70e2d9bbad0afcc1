#include "api/inspection.h"

#include "image/regions.h"
#include "image/score.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <string.h>

/* What is found as rows of the map come by, at the map's own scale. */
typedef struct findings {
    mf_score score;
    int broken; /* a value that is no number */
    mf_appearance_sums appearance;
    mf_region_search search;
    mf_region regions[MF_MAX_REGIONS];
} findings;

/* ---- Life -------------------------------------------------------------------------------------------------------- */

mf_status mf_inspection_prepare(mf_inspection *s, const mf_model *model, mf_framing framing, mf_runner *runner,
                                const mf_pool *pool, int32_t max_width, mf_error *error) {
    const mf_allocator *a = &model->allocator;
    size_t height = (size_t)model->height, width = (size_t)model->width, plane = height * width,
           image = plane * (size_t)model->channels;
    int tiled = framing == MF_FRAMING_TILE;
    *s = (mf_inspection){.model = model, .framing = framing, .pool = *pool, .runner = runner, .max_width = max_width};
    int32_t row = tiled && max_width > model->width ? max_width : model->width;
    s->image = mf_allocate(a, image * sizeof(float));
    s->reconstruction = mf_allocate(a, image * sizeof(float));
    s->response = mf_allocate(a, plane * sizeof(float));
    s->map = mf_allocate(a, plane * sizeof(float));
    s->grid = mf_allocate(a, plane);
    s->band = mf_allocate(a, tiled ? height * (size_t)row * sizeof(float) : 0);
    s->across = mf_allocate(a, width * sizeof(float));
    s->down = mf_allocate(a, height * sizeof(float));
    s->search = mf_allocate(a, mf_region_search_bytes(row));
    s->scratch = mf_allocate_unset(a, MF_RESAMPLE_SCRATCH); /* for the widest frames: others never touch most of it */
    s->bins = mf_allocate(a, mf_score_bytes());
    if (!s->image || !s->reconstruction || !s->response || !s->map || !s->grid || !s->band || !s->across || !s->down ||
        !s->search || !s->scratch || !s->bins)
        return mf_fail(error, MF_E_NOMEM, "no memory to inspect with");
    MF_TRY(mf_runner_bind(runner, "image", s->image, image, error));
    if (mf_program_find(model->programs[MF_PROGRAM_INSPECT], "reconstruction"))
        MF_TRY(mf_runner_bind(runner, "reconstruction", s->reconstruction, image, error));
    MF_TRY(mf_runner_bind(runner, "map", s->map, plane, error));
    const mf_slot *response = mf_program_find(model->programs[MF_PROGRAM_INSPECT], "response");
    if (response && response->kind == MF_SLOT_OUTPUT)
        MF_TRY(mf_runner_bind(runner, "response", s->response, plane, error));
    return MF_OK;
}

void mf_inspection_release(mf_inspection *s) {
    if (!s->model) return;
    mf_runner_release(s->runner);
    void *parts[] = {s->image,  s->reconstruction, s->response, s->map,     s->grid, s->band,
                     s->across, s->down,           s->search,   s->scratch, s->bins};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(&s->model->allocator, parts[i]);
}

mf_status mf_inspection_check(const mf_inspection *s, const mf_image *frame, const mf_mask *mask, const mf_map *map,
                              mf_error *error) {
    MF_TRY(mf_frame_check(frame, error));
    if (s->framing == MF_FRAMING_TILE && frame->width > s->max_width)
        return mf_fail(error, MF_E_LIMIT, "frame: %d pixels wide; this context was made for %d (max_width)",
                       frame->width, s->max_width);
    if (mask) {
        MF_TRY(mf_mask_check(mask, frame, error));
        if (mf_mask_is_empty(mask)) return mf_fail(error, MF_E_INVALID, "mask: nothing in it is inspected");
    }
    return map ? mf_map_check(map, frame, error) : MF_OK;
}

/* ---- Reading the map --------------------------------------------------------------------------------------------- */

static void read_row(findings *f, const float *row, const uint8_t *inside) {
    for (int32_t x = 0; x < f->search.width; x++) {
        if (inside && !inside[x]) continue;
        f->broken |= !isfinite(row[x]);
    }
    mf_score_add(&f->score, row, inside, (size_t)f->search.width);
    mf_region_search_add(&f->search, row, inside);
}

static mf_status check_unbroken(const findings *f, mf_error *error) {
    if (!f->broken) return MF_OK;
    return mf_fail(error, MF_E_STATE, "the map holds what is no number: this model cannot inspect");
}

static mf_status conclude(mf_inspection *s, findings *f, float threshold, mf_result *out_result, mf_error *error) {
    MF_TRY(check_unbroken(f, error));
    mf_region_search_finish(&f->search);
    float score = mf_score_finish(&f->score);
    mf_appearance_finish(&f->appearance, &s->appearance);
    s->appearance.anomaly = (double)mf_score_median(&f->score);
    out_result->score = score;
    out_result->threshold = threshold;
    out_result->unlike_reasons = mf_appearance_compare(&s->appearance, &s->model->limits);
    out_result->is_unlike_taught = out_result->unlike_reasons != 0;
    out_result->is_anomalous = score > threshold || out_result->is_unlike_taught;
    out_result->region_count = f->search.count;
    memcpy(out_result->regions, f->regions, sizeof f->regions);
    return MF_OK;
}

mf_status mf_inspection_score(mf_inspection *s, const uint8_t *inside, float *out_score, mf_error *error) {
    findings f = {0};
    size_t plane = (size_t)s->model->height * (size_t)s->model->width;
    for (size_t i = 0; i < plane; i++) f.broken |= inside[i] && !isfinite(s->map[i]);
    MF_TRY(check_unbroken(&f, error));
    mf_score_start(&f.score, s->model->score_share, s->bins);
    mf_score_add(&f.score, s->map, inside, plane);
    *out_score = mf_score_finish(&f.score);
    return MF_OK;
}

/* A box and an area from cells of a tile to pixels of the frame that fills it. */
static void scale_region(mf_region *r, const mf_tile *tile) {
    int64_t w = tile->across.fills, h = tile->down.fills, width = tile->across.count, height = tile->down.count;
    int64_t right = ((r->x + r->width) * width + w - 1) / w, bottom = ((r->y + r->height) * height + h - 1) / h;
    r->x = (int32_t)(r->x * width / w), r->y = (int32_t)(r->y * height / h);
    r->width = (int32_t)right - r->x, r->height = (int32_t)bottom - r->y;
    double area = (double)r->area * (double)width * (double)height / (double)(w * h);
    r->area = (int32_t)fmin(fmax(area, 1), (double)INT32_MAX);
}

/* ---- One tile ---------------------------------------------------------------------------------------------------- */

static mf_status inspect_whole(mf_inspection *s, const mf_tiling *tiling, const mf_image *frame, const mf_mask *mask,
                               const mf_map *map, float threshold, mf_result *out_result, mf_error *error) {
    mf_tile tile = mf_tiling_tile(tiling, 0, 0);
    findings f = {0};
    mf_score_start(&f.score, s->model->score_share, s->bins);
    mf_frame_resample(frame, s->model->channels, tiling, &tile, s->image, &s->pool, s->scratch);
    if (mask) mf_mask_resample(mask, tiling, &tile, s->grid);
    mf_appearance_add(&f.appearance, s->image, s->model->channels, tiling, &tile, mask ? s->grid : NULL);
    MF_TRY(mf_runner_run(s->runner, error));
    mf_region_search_start(&f.search, s->search, tile.across.fills, threshold, f.regions);
    for (int64_t y = 0; y < tile.down.fills; y++) {
        int64_t at = (tile.down.place + y) * tiling->width + tile.across.place;
        read_row(&f, s->map + at, mask ? s->grid + at : NULL);
    }
    MF_TRY(conclude(s, &f, threshold, out_result, error));
    for (int32_t i = 0; i < out_result->region_count; i++) scale_region(&out_result->regions[i], &tile);
    if (map) mf_inspection_map(s, map);
    return MF_OK;
}

void mf_inspection_map(const mf_inspection *s, const mf_map *map) {
    mf_tile tile = mf_tiling_tile(&s->tiling, 0, 0);
    mf_map_resample(s->map, &s->tiling, &tile, map, &s->pool, s->scratch);
}

/* ---- Many tiles -------------------------------------------------------------------------------------------------- */

/* Adds a tile's map, weighed, to its place in the band. */
static void blend(mf_inspection *s, const mf_tiling *tiling, const mf_tile *tile) {
    for (int64_t y = 0; y < tile->down.fills; y++) {
        const float *from = s->map + (tile->down.place + y) * tiling->width + tile->across.place;
        float *to = s->band + y * tiling->frame_width + tile->across.from, down = s->down[tile->down.place + y];
        const float *across = s->across + tile->across.place;
        for (int64_t x = 0; x < tile->across.fills; x++) to[x] += down * across[x] * from[x];
    }
}

/* Runs the tiles of a row that show anything of the mask, from left to right. */
static mf_status blend_row(mf_inspection *s, const mf_tiling *tiling, const mf_image *frame, const mf_mask *mask,
                           int32_t row, mf_appearance_sums *appearance, mf_error *error) {
    mf_tiling_weights_down(tiling, row, s->down);
    for (int32_t column = 0; column < tiling->columns; column++) {
        mf_tile tile = mf_tiling_tile(tiling, row, column);
        if (mask && !mf_mask_resample(mask, tiling, &tile, s->grid)) continue;
        mf_frame_resample(frame, s->model->channels, tiling, &tile, s->image, &s->pool, s->scratch);
        mf_appearance_add(appearance, s->image, s->model->channels, tiling, &tile, mask ? s->grid : NULL);
        MF_TRY(mf_runner_run(s->runner, error));
        mf_tiling_weights_across(tiling, column, s->across);
        blend(s, tiling, &tile);
    }
    return MF_OK;
}

/* The map is never whole: rows are read, and forgotten, once no further tile shows them. */
static mf_status inspect_tiles(mf_inspection *s, const mf_tiling *tiling, const mf_image *frame, const mf_mask *mask,
                               const mf_map *map, float threshold, mf_result *out_result, mf_error *error) {
    findings f = {0};
    mf_score_start(&f.score, s->model->score_share, s->bins);
    size_t width = (size_t)frame->width, bytes = width * sizeof(float);
    int32_t kept = 0; /* rows of the band that tiles above have begun */
    mf_region_search_start(&f.search, s->search, frame->width, threshold, f.regions);
    for (int32_t row = 0; row < tiling->rows; row++) {
        mf_span down = mf_tiling_tile(tiling, row, 0).down;
        int32_t end = row + 1 < tiling->rows ? mf_tiling_tile(tiling, row + 1, 0).down.from : frame->height;
        memset(s->band + (size_t)kept * width, 0, (size_t)(down.count - kept) * bytes);
        MF_TRY(blend_row(s, tiling, frame, mask, row, &f.appearance, error));
        for (int32_t y = down.from; y < end; y++) {
            const float *ready = s->band + (size_t)(y - down.from) * width;
            read_row(&f, ready, mask ? mask->data + y * mask->row_stride : NULL);
            if (map) memcpy((char *)map->data + y * map->row_stride, ready, bytes);
        }
        kept = down.from + down.count - end;
        memmove(s->band, s->band + (size_t)(end - down.from) * width, (size_t)kept * bytes);
    }
    return conclude(s, &f, threshold, out_result, error);
}

mf_status mf_inspection_run(mf_inspection *s, const mf_image *frame, const mf_mask *mask, const mf_map *map,
                            float threshold, mf_result *out_result, mf_error *error) {
    s->tiling = mf_tiling_make(s->framing, frame->height, frame->width, s->model->height, s->model->width);
    return (s->framing == MF_FRAMING_TILE ? inspect_tiles : inspect_whole)(s, &s->tiling, frame, mask, map, threshold,
                                                                           out_result, error);
}
