/* Connected regions of a mask, as runs of its rows. */
#ifndef MF_METRICS_REGIONS_H
#define MF_METRICS_REGIONS_H

#include <metaformer.h>

/* Pixels first … end - 1 of a row, all of one region. */
typedef struct mf_run {
    int32_t row, first, end;
    uint32_t region;
    uint32_t before; /* pixels of all runs before this */
} mf_run;

typedef struct mf_mask_regions {
    mf_run *runs; /* by row, then by place in it */
    size_t run_count;
    uint32_t *areas; /* pixels of each region, in the order of their first pixels */
    uint32_t region_count;
    uint64_t pixels; /* of all regions */
} mf_mask_regions;

/* The first run of row y or of a later one; run_count where there is none. */
size_t mf_mask_regions_first(const mf_mask_regions *regions, int32_t y);

/* Finds the regions (8-connectivity) of pixels that are not 0. Returns MF_OK, or MF_E_NOMEM and nothing to release. */
mf_status mf_mask_regions_find(const mf_mask *mask, const mf_allocator *allocator, mf_mask_regions *out_regions);
void mf_mask_regions_release(mf_mask_regions *regions, const mf_allocator *allocator);

#endif
