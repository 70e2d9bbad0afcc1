#ifndef MF_IMAGE_REGIONS_H
#define MF_IMAGE_REGIONS_H

#include <metaformer.h>

/*
 * Connected regions (8-connectivity) of a map above a threshold, highest peak first; at most room are kept. Boxes and
 * areas are in cells of the map. labels and pending have room for a cell each.
 */
int32_t mf_regions_find(const float *map, const uint8_t *grid, int32_t height, int32_t width, float threshold,
                        int32_t *labels, int32_t *pending, mf_region *regions, int32_t room);

#endif
