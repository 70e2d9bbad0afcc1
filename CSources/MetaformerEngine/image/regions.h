#ifndef MF_IMAGE_REGIONS_H
#define MF_IMAGE_REGIONS_H

#include <metaformer.h>

/*
 * Finds connected regions (8-connectivity) of a map above a threshold, a row at a time, in memory for a row. The ones
 * with the highest peaks are kept, MF_MAX_REGIONS at most. Boxes and areas are in cells of the map.
 */
typedef struct mf_region_search {
    int32_t *above, *row;    /* the part that a cell of the last and of this row belongs to; -1 for none */
    int32_t *joined, *fresh; /* by part: what it was joined to; its number in the next row */
    mf_region *parts, *next; /* regions that may still grow; width and height are the last column and row */
    int32_t width, y, open;
    float threshold;
    mf_region *found; /* of the caller's */
    int32_t count;
} mf_region_search;

/* Bytes of memory for rows of so many cells. */
size_t mf_region_search_bytes(int32_t width);

/* Starts with a map's first row. memory is as large as for this width, and found has room for MF_MAX_REGIONS. */
void mf_region_search_start(mf_region_search *search, void *memory, int32_t width, float threshold, mf_region *found);

/* The next row; inside is NULL, or 0 for cells that are ignored. */
void mf_region_search_add(mf_region_search *search, const float *row, const uint8_t *inside);

/* Ends the map: found and count are the result. */
void mf_region_search_finish(mf_region_search *search);

#endif
