#include "image/regions.h"

#include <string.h>

/* Whether a comes before b: by peak, then by place, so that the order is always the same. */
static int precedes(const mf_region *a, const mf_region *b) {
    if (a->peak != b->peak) return a->peak > b->peak;
    if (a->y != b->y) return a->y < b->y;
    return a->x < b->x;
}

/* Puts a region in its place among those kept, and drops the last where there is no more room. */
static void keep(const mf_region *region, mf_region *regions, int32_t room, int32_t *count) {
    if (*count == room && !precedes(region, &regions[room - 1])) return;
    if (*count < room) ++*count;
    int32_t at = *count - 1;
    for (; at > 0 && precedes(region, &regions[at - 1]); at--) regions[at] = regions[at - 1];
    regions[at] = *region;
}

int32_t mf_regions_find(const float *map, const uint8_t *grid, int32_t height, int32_t width, float threshold,
                        int32_t *labels, int32_t *pending, mf_region *regions, int32_t room) {
    int32_t count = 0, cells = height * width;
    for (int32_t i = 0; i < cells; i++) labels[i] = map[i] > threshold && (!grid || grid[i]);
    memset(regions, 0, (size_t)room * sizeof *regions);
    for (int32_t start = 0; start < cells; start++) {
        if (!labels[start]) continue;
        int32_t left = width, top = height, right = 0, bottom = 0, waiting = 0;
        mf_region region = {.peak = map[start]};
        labels[pending[waiting++] = start] = 0;
        while (waiting) {
            int32_t at = pending[--waiting], y = at / width, x = at % width;
            region.area++;
            region.peak = map[at] > region.peak ? map[at] : region.peak;
            left = x < left ? x : left, right = x > right ? x : right;
            top = y < top ? y : top, bottom = y > bottom ? y : bottom;
            for (int32_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; v++)
                for (int32_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < width; u++)
                    if (labels[v * width + u]) labels[pending[waiting++] = v * width + u] = 0;
        }
        region.x = left, region.y = top, region.width = right - left + 1, region.height = bottom - top + 1;
        keep(&region, regions, room, &count);
    }
    return count;
}
