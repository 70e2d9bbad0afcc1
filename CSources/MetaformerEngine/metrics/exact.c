/*
 * Exact levels without sorting. Pixels are dealt by the high 16 bits of their keys into cells; within a cell the low 16
 * bits index a histogram, which therefore loses nothing. Only cells that hold defective pixels are looked into.
 */
#include "metrics/evaluation.h"
#include "support/error.h"
#include "support/memory.h"

/* Cells, bins of a cell, and blocks of bins: a block that nothing fell into is passed over. */
enum { CELLS = 1 << 16, BINS = 1 << 16, BLOCK = 64, BLOCKS = BINS / BLOCK };

/* Groups of images that are dealt side by side. */
enum { MAX_GROUPS = 32 };

/* A worker's histogram of a cell; all zero between cells. */
typedef struct histogram {
    uint32_t ok[BINS], defective[BINS];
    double overlap[BINS];
    uint8_t touched[BLOCKS];
} histogram;

/* Places of pixels by [group, cell]: first how many there are, then where the next one goes. */
typedef uint32_t places[CELLS];

typedef struct deal {
    const mf_evaluation *e;
    size_t groups;
    places *ok_places, *defective_places; /* [groups] */
    uint32_t *ok_ends, *defective_ends;   /* [1 + CELLS]: where each cell ends, after a 0 */
    uint16_t *ok, *defective;             /* low halves, by cell; in a cell as they were added */
    uint32_t *regions;                    /* of the defective ones */
    histogram *histograms;                /* of each worker */
    uint32_t *cells;                      /* those with defective pixels, highest first */
    size_t cell_count;
    mf_sweep *sweeps; /* of these cells */
} deal;

static void count_group(void *context, size_t group, int worker) {
    (void)worker;
    const deal *d = context;
    size_t images = (size_t)d->e->images;
    uint32_t *ok = d->ok_places[group], *defective = d->defective_places[group];
    for (size_t i = mf_share(images, d->groups, group); i < mf_share(images, d->groups, group + 1); i++) {
        const mf_pixels *p = &d->e->pixels[i];
        for (size_t k = 0; k < p->ok_count; k++) ok[p->ok[k] >> 16]++;
        for (size_t k = 0; k < p->defective_count; k++) defective[p->defective[k] >> 16]++;
    }
}

static void deal_group(void *context, size_t group, int worker) {
    (void)worker;
    const deal *d = context;
    size_t images = (size_t)d->e->images;
    uint32_t *ok = d->ok_places[group], *defective = d->defective_places[group];
    for (size_t i = mf_share(images, d->groups, group); i < mf_share(images, d->groups, group + 1); i++) {
        const mf_pixels *p = &d->e->pixels[i];
        for (size_t k = 0; k < p->ok_count; k++) d->ok[ok[p->ok[k] >> 16]++] = (uint16_t)p->ok[k];
        for (size_t k = 0; k < p->defective_count; k++) {
            uint32_t place = defective[p->defective[k] >> 16]++;
            d->defective[place] = (uint16_t)p->defective[k];
            d->regions[place] = p->regions[k];
        }
    }
}

/* Turns counts into places, group after group within each cell. */
static void set_places(places *places_of_groups, size_t groups, uint32_t *ends) {
    uint32_t next = 0;
    for (size_t cell = 0; cell < CELLS; cell++) {
        ends[cell] = next;
        for (size_t group = 0; group < groups; group++) {
            uint32_t count = places_of_groups[group][cell];
            places_of_groups[group][cell] = next;
            next += count;
        }
    }
    ends[CELLS] = next;
}

static void fill(const deal *d, uint32_t cell, histogram *h) {
    for (size_t i = d->ok_ends[cell]; i < d->ok_ends[cell + 1]; i++) {
        uint16_t low = d->ok[i];
        h->ok[low]++;
        h->touched[low / BLOCK] = 1;
    }
    for (size_t i = d->defective_ends[cell]; i < d->defective_ends[cell + 1]; i++) {
        uint16_t low = d->defective[i];
        h->defective[low]++;
        h->overlap[low] += 1 / (double)d->e->areas[d->regions[i]];
        h->touched[low / BLOCK] = 1;
    }
}

/* Visits a cell's levels and zeroes its histogram; returns the good pixels below the last level. */
static uint64_t visit_cell(uint32_t cell, histogram *h, mf_level_visitor visit, void *context) {
    uint64_t passed = 0;
    for (size_t block = BLOCKS; block-- > 0;) {
        if (!h->touched[block]) continue;
        h->touched[block] = 0;
        for (size_t bin = (block + 1) * BLOCK; bin-- > block * BLOCK;) {
            if (h->defective[bin]) {
                mf_level level = {cell << 16 | (uint32_t)bin, passed, h->ok[bin], h->defective[bin], h->overlap[bin]};
                visit(context, &level);
                h->defective[bin] = 0, h->overlap[bin] = 0;
                passed = 0;
            } else {
                passed += h->ok[bin];
            }
            h->ok[bin] = 0;
        }
    }
    return passed;
}

static void sweep_cell(void *context, size_t index, int worker) {
    const deal *d = context;
    histogram *h = &d->histograms[worker];
    fill(d, d->cells[index], h);
    mf_sweep *sweep = &d->sweeps[index];
    mf_sweep_pass(sweep, visit_cell(d->cells[index], h, mf_sweep_level, sweep));
}

static void release(deal *d) {
    const mf_allocator *a = &d->e->allocator;
    void *const all[] = {d->ok_places, d->defective_places, d->ok_ends,    d->defective_ends, d->ok,
                         d->defective, d->regions,          d->histograms, d->cells,          d->sweeps};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mf_free(a, all[i]);
    *d = (deal){.e = d->e};
}

/* Deals all pixels of an evaluation to cells. On failure there is nothing to release. */
static mf_status deal_pixels(deal *d, const mf_evaluation *e, mf_error *error) {
    const mf_allocator *a = &e->allocator;
    *d = (deal){.e = e, .groups = e->images < MAX_GROUPS ? (size_t)e->images : MAX_GROUPS};
    d->ok_places = mf_allocate(a, d->groups * sizeof *d->ok_places);
    d->defective_places = mf_allocate(a, d->groups * sizeof *d->defective_places);
    d->ok_ends = mf_allocate(a, (CELLS + 1) * sizeof *d->ok_ends);
    d->defective_ends = mf_allocate(a, (CELLS + 1) * sizeof *d->defective_ends);
    d->ok = mf_allocate(a, e->ok * sizeof *d->ok);
    d->defective = mf_allocate(a, e->defective * sizeof *d->defective);
    d->regions = mf_allocate(a, e->defective * sizeof *d->regions);
    d->histograms = mf_allocate(a, (size_t)e->pool.threads * sizeof *d->histograms);
    if (!d->ok_places || !d->defective_places || !d->ok_ends || !d->defective_ends || !d->ok || !d->defective ||
        !d->regions || !d->histograms) {
        release(d);
        return mf_fail(error, MF_E_NOMEM, "no memory to measure %llu pixels",
                       (unsigned long long)(e->ok + e->defective));
    }
    mf_parallel_for(&e->pool, d->groups, count_group, d);
    set_places(d->ok_places, d->groups, d->ok_ends);
    set_places(d->defective_places, d->groups, d->defective_ends);
    mf_parallel_for(&e->pool, d->groups, deal_group, d);
    return MF_OK;
}

mf_status mf_exact_visit(const mf_evaluation *e, mf_level_visitor visit, void *context, uint64_t *out_rest,
                         mf_error *error) {
    deal d;
    MF_TRY(deal_pixels(&d, e, error));
    uint64_t passed = 0;
    for (uint32_t cell = CELLS; cell-- > 0;) {
        uint32_t ok = d.ok_ends[cell + 1] - d.ok_ends[cell];
        if (d.defective_ends[cell + 1] == d.defective_ends[cell]) {
            passed += ok;
            continue;
        }
        fill(&d, cell, d.histograms);
        /* Good pixels of the cells above belong to the first level of this one. */
        uint32_t first = BINS;
        while (!d.histograms->defective[--first]) passed += d.histograms->ok[first], d.histograms->ok[first] = 0;
        mf_level level = {cell << 16 | first, passed, d.histograms->ok[first], d.histograms->defective[first],
                          d.histograms->overlap[first]};
        visit(context, &level);
        d.histograms->ok[first] = d.histograms->defective[first] = 0, d.histograms->overlap[first] = 0;
        passed = visit_cell(cell, d.histograms, visit, context);
    }
    release(&d);
    *out_rest = passed;
    return MF_OK;
}

/* Lists the cells to sweep, highest first, each with a sweep that starts where the cells above have ended. */
static int list_cells(deal *d, const mf_sweep *start) {
    for (size_t cell = 0; cell < CELLS; cell++) d->cell_count += d->defective_ends[cell + 1] > d->defective_ends[cell];
    d->cells = mf_allocate(&d->e->allocator, d->cell_count * sizeof *d->cells);
    d->sweeps = mf_allocate(&d->e->allocator, d->cell_count * sizeof *d->sweeps);
    if (!d->cells || !d->sweeps) return 0;
    size_t listed = 0;
    for (uint32_t cell = CELLS; cell-- > 0;) {
        if (d->defective_ends[cell + 1] == d->defective_ends[cell]) continue;
        d->cells[listed] = cell;
        d->sweeps[listed] = *start;
        d->sweeps[listed].ok = d->ok_ends[CELLS] - d->ok_ends[cell + 1];
        d->sweeps[listed].defective = d->defective_ends[CELLS] - d->defective_ends[cell + 1];
        listed++;
    }
    return 1;
}

mf_status mf_exact_sweep(const mf_evaluation *e, mf_sweep *sweep, mf_error *error) {
    deal d;
    MF_TRY(deal_pixels(&d, e, error));
    if (!list_cells(&d, sweep)) {
        release(&d);
        return mf_fail(error, MF_E_NOMEM, "no memory to measure %llu pixels",
                       (unsigned long long)(e->ok + e->defective));
    }
    mf_parallel_for(&e->pool, d.cell_count, sweep_cell, &d);
    for (size_t i = 0; i < d.cell_count; i++) {
        const mf_sweep *part = &d.sweeps[i];
        uint32_t cell = d.cells[i];
        /* The part began with no overlap: what lies under it is what the cells above brought. */
        uint64_t before = d.ok_ends[CELLS] - d.ok_ends[cell + 1];
        mf_sweep_pass(sweep, before - sweep->ok);
        sweep->overlap_area += mf_sweep_room(sweep, part->ok - before) * sweep->overlap + part->overlap_area;
        sweep->overlap += part->overlap;
        sweep->overlap_slack += part->overlap_slack;
        sweep->roc_area += part->roc_area;
        sweep->roc_slack += part->roc_slack;
        sweep->precision += part->precision;
        sweep->ok = part->ok;
        sweep->defective = part->defective;
        if (part->best_f1 > sweep->best_f1) sweep->best_f1 = part->best_f1, sweep->best_key = part->best_key;
    }
    mf_sweep_pass(sweep, e->ok - sweep->ok);
    release(&d);
    return MF_OK;
}
