/* The host's frames, as floats of a model's size and back. */
#ifndef MF_IMAGE_FRAME_H
#define MF_IMAGE_FRAME_H

#include "support/team.h"

#include <metaformer.h>

/* Checks a frame: struct_size, data, pixel format, sides, and a stride that holds a row. */
mf_status mf_frame_check(const mf_image *frame, mf_error *error);
/* Checks that a mask or a map fits the frame. */
mf_status mf_mask_check(const mf_mask *mask, const mf_image *frame, mf_error *error);
mf_status mf_map_check(const mf_map *map, const mf_image *frame, mf_error *error);

/* Resampling goes in so many bands of rows, each of which needs rows of its own in the scratch. */
#define MF_RESAMPLE_BANDS 8

/* Bytes of scratch that mf_frame_resample and mf_map_resample need. */
#define MF_RESAMPLE_SCRATCH ((size_t)MF_RESAMPLE_BANDS * 3 * MF_MAX_SIDE * sizeof(float))

/*
 * A frame as planes [channels, height, width] of floats in [0, 1], channels being 1 (luma: Rec. 601) or 3 (red, green,
 * blue). Resampled with a triangle filter as wide as the ratio, so that shrinking does not alias; enlarging is
 * bilinear.
 */
void mf_frame_resample(const mf_image *frame, int32_t channels, int32_t height, int32_t width, float *planes,
                       const mf_team *team, void *scratch);

/* A plane of a model's size, resampled in the same way to the map's. */
void mf_map_resample(const float *plane, int32_t height, int32_t width, const mf_map *map, const mf_team *team,
                     void *scratch);

/* Marks each cell of a height x width grid that covers an inspected pixel of the mask. */
void mf_mask_shrink(const mf_mask *mask, int32_t height, int32_t width, uint8_t *grid);

#endif
