#include "metrics/evaluation.h"

#include "metrics/regions.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

#include <stdlib.h>

/* Rows that a task turns into keys. */
enum { BAND = 64 };

mf_status mf_evaluation_create(const mf_metric_options *options, mf_evaluation **out_evaluation, mf_error *error) {
    if (!out_evaluation) return mf_fail(error, MF_E_INVALID, "a place for the evaluation is needed");
    mf_metric_options resolved;
    mf_allocator allocator;
    MF_TRY(mf_metric_options_resolve(options, &resolved, &allocator, error));
    mf_evaluation *e = mf_allocate(&allocator, sizeof *e);
    mf_bin *bins = resolved.bins && e ? mf_allocate(&allocator, (size_t)resolved.bins * sizeof *bins) : NULL;
    if (!e || (resolved.bins && !bins)) {
        mf_free(&allocator, e);
        return mf_fail(error, MF_E_NOMEM, "no memory for an evaluation of %d bins", resolved.bins);
    }
    e->allocator = allocator;
    e->pool = mf_pool_make(resolved.threads, NULL);
    if (e->pool.threads > MF_EVALUATION_WORKERS) e->pool.threads = MF_EVALUATION_WORKERS;
    e->bins = bins;
    e->bin_count = (size_t)resolved.bins;
    e->low = resolved.low, e->high = resolved.high;
    *out_evaluation = e;
    return MF_OK;
}

void mf_evaluation_release(mf_evaluation *e) {
    if (!e) return;
    mf_allocator allocator = e->allocator;
    for (size_t i = 0; e->pixels && i < e->images; i++) mf_free(&allocator, e->pixels[i].ok);
    mf_free(&allocator, e->pixels);
    mf_free(&allocator, e->areas);
    mf_free(&allocator, e->bins);
    mf_free(&allocator, e);
}

/* An array with room for count items: as it is where it has that, or a larger copy in its place. NULL, and the array is
   as before, where there is no memory. */
static void *with_room(const mf_allocator *allocator, void *array, size_t *room, size_t used, size_t count,
                       size_t size) {
    if (array && count <= *room) return array;
    size_t wanted = *room * 2 < count ? count : *room * 2;
    void *larger = mf_allocate(allocator, wanted * size);
    if (!larger) return NULL;
    if (used) memcpy(larger, array, used * size);
    mf_free(allocator, array);
    *room = wanted;
    return larger;
}

static int make_room(mf_evaluation *e, size_t images, size_t regions) {
    mf_pixels *pixels = with_room(&e->allocator, e->pixels, &e->pixels_room, (size_t)e->images, images, sizeof *pixels);
    if (pixels) e->pixels = pixels;
    uint32_t *areas = with_room(&e->allocator, e->areas, &e->areas_room, (size_t)e->regions, regions, sizeof *areas);
    if (areas) e->areas = areas;
    return pixels && areas;
}

static const float *row_of(const mf_map *map, int32_t y) {
    return (const float *)(const void *)((const char *)map->data + y * map->row_stride);
}

static mf_status check(const mf_map *map, const mf_mask *mask, mf_error *error) {
    if (!map->data) return mf_fail(error, MF_E_INVALID, "the map is without data");
    if (map->width < 1 || map->height < 1 || map->width > MF_MAX_SIDE || map->height > MF_MAX_SIDE)
        return mf_fail(error, MF_E_INVALID, "the map is %d x %d; sides are 1 to %d", map->width, map->height,
                       MF_MAX_SIDE);
    if (llabs((long long)map->row_stride) < (long long)map->width * (long long)sizeof(float) ||
        map->row_stride % (ptrdiff_t)sizeof(float) != 0)
        return mf_fail(error, MF_E_INVALID, "row_stride %td does not hold %d floats", map->row_stride, map->width);
    if (!mask) return MF_OK;
    if (!mask->data) return mf_fail(error, MF_E_INVALID, "the mask is without data");
    if (mask->width != map->width || mask->height != map->height)
        return mf_fail(error, MF_E_INVALID, "the mask is %d x %d, its map %d x %d", mask->width, mask->height,
                       map->width, map->height);
    if (llabs((long long)mask->row_stride) < mask->width)
        return mf_fail(error, MF_E_INVALID, "row_stride %td does not hold %d bytes", mask->row_stride, mask->width);
    return MF_OK;
}

/* ---- Exact --------------------------------------------------------------------------------------------------------
 */

typedef struct key_job {
    const mf_map *map;
    const mf_mask_regions *regions;
    uint32_t first_region;
    mf_pixels pixels;
    uint32_t *invalid; /* of each band */
} key_job;

static uint32_t put_keys(const float *from, int32_t count, uint32_t *to) {
    uint32_t invalid = 0;
    for (int32_t i = 0; i < count; i++) {
        invalid |= mf_score_is_invalid(from[i]);
        to[i] = mf_score_key(from[i]);
    }
    return invalid;
}

static void key_band(void *context, size_t index, int worker) {
    (void)worker;
    const key_job *job = context;
    const mf_mask_regions *regions = job->regions;
    int32_t width = job->map->width, height = job->map->height, y = (int32_t)index * BAND;
    int32_t bottom = y + BAND < height ? y + BAND : height;
    size_t r = mf_mask_regions_first(regions, y);
    size_t defective = r < regions->run_count ? regions->runs[r].before : regions->pixels;
    size_t ok = (size_t)y * (size_t)width - defective;
    uint32_t invalid = 0;
    for (; y < bottom; y++) {
        const float *row = row_of(job->map, y);
        int32_t x = 0;
        for (; r < regions->run_count && regions->runs[r].row == y; r++) {
            const mf_run *run = &regions->runs[r];
            invalid |= put_keys(row + x, run->first - x, job->pixels.ok + ok);
            ok += (size_t)(run->first - x);
            invalid |= put_keys(row + run->first, run->end - run->first, job->pixels.defective + defective);
            for (x = run->first; x < run->end; x++) job->pixels.regions[defective++] = job->first_region + run->region;
        }
        invalid |= put_keys(row + x, width - x, job->pixels.ok + ok);
        ok += (size_t)(width - x);
    }
    job->invalid[index] = invalid;
}

/* Adds an image whose regions are known; nothing is changed before all that can fail is done. */
static mf_status add_exact(mf_evaluation *e, const mf_map *map, const mf_mask_regions *regions, mf_error *error) {
    size_t count = (size_t)map->width * (size_t)map->height, bands = ((size_t)map->height + BAND - 1) / BAND;
    if (e->ok + e->defective + count > MF_MAX_EVALUATION_PIXELS)
        return mf_fail(error, MF_E_LIMIT, "more than %llu pixels; evaluate in parts, or by histogram",
                       (unsigned long long)MF_MAX_EVALUATION_PIXELS);
    size_t defective = (size_t)regions->pixels, images = (size_t)e->images;
    uint32_t *keys = mf_allocate(&e->allocator, (count + defective) * sizeof *keys);
    uint32_t *invalid = mf_allocate(&e->allocator, bands * sizeof *invalid);
    int has_memory = keys && invalid && make_room(e, images + 1, (size_t)e->regions + regions->region_count);
    uint32_t is_invalid = 0;
    if (has_memory) {
        key_job job = {map,
                       regions,
                       (uint32_t)e->regions,
                       {keys, keys + count - defective, keys + count, count - defective, defective},
                       invalid};
        mf_parallel_for(&e->pool, bands, key_band, &job);
        for (size_t i = 0; i < bands; i++) is_invalid |= invalid[i];
        e->pixels[images] = job.pixels;
    }
    mf_free(&e->allocator, invalid);
    if (!has_memory || is_invalid) {
        mf_free(&e->allocator, keys);
        if (!has_memory) return mf_fail(error, MF_E_NOMEM, "no memory for another %zu pixels", count);
        return mf_fail(error, MF_E_INVALID, "the map holds NaN or infinite scores");
    }
    if (regions->region_count) memcpy(e->areas + e->regions, regions->areas, regions->region_count * sizeof *e->areas);
    return MF_OK;
}

/* ---- By histogram -------------------------------------------------------------------------------------------------
 */

static mf_bin *bin_of(const mf_evaluation *e, float score) {
    double place = ((double)score - (double)e->low) / ((double)e->high - (double)e->low) * (double)e->bin_count;
    if (!(place > 0)) return e->bins;
    return place < (double)e->bin_count ? &e->bins[(size_t)place] : &e->bins[e->bin_count - 1];
}

static mf_status add_to_bins(mf_evaluation *e, const mf_map *map, const mf_mask_regions *regions, mf_error *error) {
    uint32_t invalid = 0;
    for (int32_t y = 0; y < map->height; y++)
        for (int32_t x = 0; x < map->width; x++) invalid |= mf_score_is_invalid(row_of(map, y)[x]);
    if (invalid) return mf_fail(error, MF_E_INVALID, "the map holds NaN or infinite scores");
    size_t r = 0;
    for (int32_t y = 0; y < map->height; y++) {
        const float *row = row_of(map, y);
        int32_t x = 0;
        for (; r < regions->run_count && regions->runs[r].row == y; r++) {
            const mf_run *run = &regions->runs[r];
            double share = 1 / (double)regions->areas[run->region];
            for (; x < run->first; x++) bin_of(e, row[x])->ok++;
            for (; x < run->end; x++) {
                mf_bin *bin = bin_of(e, row[x]);
                bin->defective++;
                bin->overlap += share;
            }
        }
        for (; x < map->width; x++) bin_of(e, row[x])->ok++;
    }
    return MF_OK;
}

/* Adds what was read of the host. */
static mf_status add(mf_evaluation *e, const mf_map *map, const mf_mask *mask, mf_error *error) {
    MF_TRY(check(map, mask, error));
    mf_mask_regions regions = {0};
    if (mask && mf_mask_regions_find(mask, &e->allocator, &regions) != MF_OK)
        return mf_fail(error, MF_E_NOMEM, "no memory for the regions of a mask");
    mf_status status = e->bins ? add_to_bins(e, map, &regions, error) : add_exact(e, map, &regions, error);
    if (status == MF_OK) {
        e->images++;
        e->ok += (uint64_t)map->width * (uint64_t)map->height - regions.pixels;
        e->defective += regions.pixels;
        e->regions += regions.region_count;
    }
    mf_mask_regions_release(&regions, &e->allocator);
    return status;
}

mf_status mf_evaluation_add(mf_evaluation *e, const mf_map *map, const mf_mask *mask, mf_error *error) {
    if (!e) return mf_fail(error, MF_E_INVALID, "an evaluation is needed");
    mf_map own_map;
    mf_mask own_mask;
    MF_TRY(mf_map_read(map, &own_map, error));
    if (mask) MF_TRY(mf_mask_read(mask, &own_mask, error));
    return add(e, &own_map, mask ? &own_mask : NULL, error);
}
