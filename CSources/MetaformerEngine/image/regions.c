#include "image/regions.h"

#include <string.h>

/* Whether a comes before b: by peak, then by place, so that the order is always the same. */
static int precedes(const mf_region *a, const mf_region *b) {
    if (a->peak != b->peak) return a->peak > b->peak;
    if (a->y != b->y) return a->y < b->y;
    return a->x < b->x;
}

/* Puts a part that grows no more in its place among those found, and drops the last where there is no more room. */
static void keep(mf_region_search *s, mf_region region) {
    region.width -= region.x - 1, region.height -= region.y - 1;
    if (s->count == MF_MAX_REGIONS && !precedes(&region, &s->found[MF_MAX_REGIONS - 1])) return;
    if (s->count < MF_MAX_REGIONS) ++s->count;
    int32_t at = s->count - 1;
    for (; at > 0 && precedes(&region, &s->found[at - 1]); at--) s->found[at] = s->found[at - 1];
    s->found[at] = region;
}

/* Parts of a row and of the one above it: no more than every second cell of each. */
static size_t most_parts(int32_t width) {
    return (size_t)width + 1;
}

size_t mf_region_search_bytes(int32_t width) {
    return most_parts(width) * (4 * sizeof(int32_t) + 2 * sizeof(mf_region));
}

void mf_region_search_start(mf_region_search *s, void *memory, int32_t width, float threshold, mf_region *found) {
    size_t parts = most_parts(width);
    mf_region *regions = memory;
    int32_t *numbers = (int32_t *)(void *)(regions + 2 * parts);
    *s = (mf_region_search){.above = numbers,
                            .row = numbers + parts,
                            .joined = numbers + 2 * parts,
                            .fresh = numbers + 3 * parts,
                            .parts = regions,
                            .next = regions + parts,
                            .width = width,
                            .threshold = threshold,
                            .found = found};
    for (int32_t x = 0; x < width; x++) s->above[x] = -1;
}

static int32_t root_of(mf_region_search *s, int32_t part) {
    while (s->joined[part] != part) part = s->joined[part] = s->joined[s->joined[part]];
    return part;
}

/* Makes two parts one; a part of -1 is none. */
static int32_t join(mf_region_search *s, int32_t a, int32_t b) {
    if (b < 0) return a;
    b = root_of(s, b);
    if (a < 0 || a == b) return b;
    mf_region *p = &s->parts[a], *q = &s->parts[b];
    p->x = q->x < p->x ? q->x : p->x, p->y = q->y < p->y ? q->y : p->y;
    p->width = q->width > p->width ? q->width : p->width, p->height = q->height > p->height ? q->height : p->height;
    p->area += q->area, p->peak = q->peak > p->peak ? q->peak : p->peak;
    return s->joined[b] = a;
}

/* The part that a cell of the row belongs to, to its left or above it, or a new one. */
static int32_t part_at(mf_region_search *s, int32_t x, int32_t *parts) {
    int32_t part = x > 0 && s->row[x - 1] >= 0 ? root_of(s, s->row[x - 1]) : -1;
    for (int32_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < s->width; u++) part = join(s, part, s->above[u]);
    if (part >= 0) return part;
    part = (*parts)++;
    s->joined[part] = part;
    s->parts[part] = (mf_region){.x = x, .y = s->y, .width = x, .height = s->y, .peak = s->threshold};
    return part;
}

/* Numbers the parts that reach this row anew, and keeps those that do not. */
static void close_row(mf_region_search *s, int32_t parts) {
    int32_t open = 0;
    for (int32_t i = 0; i < parts; i++) s->fresh[i] = -1;
    for (int32_t x = 0; x < s->width; x++) {
        if (s->row[x] < 0) continue;
        int32_t root = root_of(s, s->row[x]);
        if (s->fresh[root] < 0) {
            s->next[open] = s->parts[root];
            s->fresh[root] = open++;
        }
        s->row[x] = s->fresh[root];
    }
    for (int32_t i = 0; i < parts; i++)
        if (s->joined[i] == i && s->fresh[i] < 0) keep(s, s->parts[i]);
    mf_region *regions = s->parts;
    s->parts = s->next, s->next = regions;
    int32_t *cells = s->above;
    s->above = s->row, s->row = cells;
    s->open = open;
}

void mf_region_search_add(mf_region_search *s, const float *row, const uint8_t *inside) {
    int32_t parts = s->open, any = parts;
    for (int32_t i = 0; i < parts; i++) s->joined[i] = i;
    for (int32_t x = 0; x < s->width; x++) {
        s->row[x] = -1;
        if (!(row[x] > s->threshold) || (inside && !inside[x])) continue;
        int32_t part = s->row[x] = part_at(s, x, &parts);
        mf_region *r = &s->parts[part];
        r->x = x < r->x ? x : r->x, r->width = x > r->width ? x : r->width;
        r->height = s->y, r->area++;
        r->peak = row[x] > r->peak ? row[x] : r->peak;
        any = 1;
    }
    if (any) close_row(s, parts);
    s->y++;
}

void mf_region_search_finish(mf_region_search *s) {
    for (int32_t i = 0; i < s->open; i++) keep(s, s->parts[i]);
    s->open = 0;
    memset(s->found + s->count, 0, (size_t)(MF_MAX_REGIONS - s->count) * sizeof *s->found);
}
