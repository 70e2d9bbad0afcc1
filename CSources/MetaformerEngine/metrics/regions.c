#include "metrics/regions.h"

#include "support/memory.h"

#include <string.h>

/* The first pixel from x on that is not 0, or width. Masks are mostly empty: eight pixels at a time. */
static int32_t skip_zeros(const uint8_t *row, int32_t x, int32_t width) {
    for (uint64_t eight; x + 8 <= width; x += 8) {
        memcpy(&eight, row + x, sizeof eight);
        if (eight) break;
    }
    while (x < width && !row[x]) x++;
    return x;
}

/* The runs of a mask; runs may be NULL, to count them. */
static size_t list_runs(const mf_mask *mask, mf_run *runs) {
    size_t count = 0;
    for (int32_t y = 0; y < mask->height; y++) {
        const uint8_t *row = mask->data + y * mask->row_stride;
        for (int32_t x = skip_zeros(row, 0, mask->width); x < mask->width; x = skip_zeros(row, x, mask->width)) {
            int32_t first = x;
            while (x < mask->width && row[x]) x++;
            if (runs) runs[count] = (mf_run){y, first, x, (uint32_t)count, 0};
            count++;
        }
    }
    return count;
}

/* Until regions are numbered, a run's region is the index of another run of it that is not behind; a root's is its own.
 */
static uint32_t root_of(mf_run *runs, uint32_t i) {
    while (runs[i].region != i) i = runs[i].region = runs[runs[i].region].region;
    return i;
}

static void join(mf_run *runs, uint32_t i, uint32_t j) {
    uint32_t a = root_of(runs, i), b = root_of(runs, j);
    if (a < b)
        runs[b].region = a;
    else
        runs[a].region = b;
}

/* Joins every run with those of the row above that it touches, also by a corner. */
static void join_rows(mf_run *runs, size_t count) {
    size_t above = 0;
    for (size_t i = 0; i < count; i++) {
        while (above < i && (runs[above].row < runs[i].row - 1 ||
                             (runs[above].row == runs[i].row - 1 && runs[above].end < runs[i].first)))
            above++;
        for (size_t j = above; j < i && runs[j].row == runs[i].row - 1 && runs[j].first <= runs[i].end; j++)
            join(runs, (uint32_t)i, (uint32_t)j);
    }
}

mf_status mf_mask_regions_find(const mf_mask *mask, const mf_allocator *allocator, mf_mask_regions *out_regions) {
    mf_mask_regions found = {.run_count = list_runs(mask, NULL)};
    found.runs = mf_allocate(allocator, found.run_count * sizeof *found.runs);
    found.areas = mf_allocate(allocator, found.run_count * sizeof *found.areas);
    if (!found.runs || !found.areas) {
        mf_mask_regions_release(&found, allocator);
        return MF_E_NOMEM;
    }
    list_runs(mask, found.runs);
    join_rows(found.runs, found.run_count);
    /* A root comes before all others of its region. */
    for (size_t i = 0; i < found.run_count; i++) {
        mf_run *run = &found.runs[i];
        run->region = run->region == i ? found.region_count++ : found.runs[run->region].region;
        run->before = (uint32_t)found.pixels;
        found.areas[run->region] += (uint32_t)(run->end - run->first);
        found.pixels += (uint64_t)(run->end - run->first);
    }
    *out_regions = found;
    return MF_OK;
}

size_t mf_mask_regions_first(const mf_mask_regions *regions, int32_t y) {
    size_t low = 0, high = regions->run_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (regions->runs[middle].row < y)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mf_mask_regions_release(mf_mask_regions *regions, const mf_allocator *allocator) {
    mf_free(allocator, regions->runs);
    mf_free(allocator, regions->areas);
    *regions = (mf_mask_regions){0};
}
