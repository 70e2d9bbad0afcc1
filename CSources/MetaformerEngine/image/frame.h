/* The host's frames, as floats of a model's size and back. */
#ifndef MF_IMAGE_FRAME_H
#define MF_IMAGE_FRAME_H

#include "image/framing.h"
#include "support/thread_pool.h"

/* Checks a frame that was read of the host: data, pixel format, sides, and a stride that holds a row. */
mf_status mf_frame_check(const mf_image *frame, mf_error *error);
/* Checks that a mask or a map fits the frame. */
mf_status mf_mask_check(const mf_mask *mask, const mf_image *frame, mf_error *error);
mf_status mf_map_check(const mf_map *map, const mf_image *frame, mf_error *error);

/* Resampling goes in so many bands of rows, each of which needs rows of its own in the scratch. */
#define MF_RESAMPLE_BANDS 8

/* Bytes of scratch that mf_frame_resample and mf_map_resample need: of rows, and of a row of pixels as they are read; and of
   the weights of all columns, which are at most two a pixel and four a cell. */
#define MF_RESAMPLE_ROW_BYTES ((size_t)MF_RESAMPLE_BANDS * 3 * MF_MAX_SIDE * (sizeof(float) + sizeof(uint16_t)))
#define MF_RESAMPLE_SCRATCH (MF_RESAMPLE_ROW_BYTES + (size_t)(3 + 6) * MF_MAX_SIDE * sizeof(float))

/*
 * A tile of a frame as planes [channels, tiling's height, width] of floats in [0, 1], channels being 1 (luma: Rec. 601)
 * or 3 (red, green, blue). Resampled with a triangle filter as wide as the ratio, so that shrinking does not alias;
 * enlarging is bilinear. Padding repeats the edges.
 */
void mf_frame_resample(const mf_image *frame, int32_t channels, const mf_tiling *tiling, const mf_tile *tile,
                       float *planes, const mf_pool *pool, void *scratch);

/* What a tile's map says of the whole frame, resampled in the same way to the host's map. */
void mf_map_resample(const float *plane, const mf_tiling *tiling, const mf_tile *tile, const mf_map *map,
                     const mf_pool *pool, void *scratch);

/* Whether nothing in a mask is inspected. */
int mf_mask_is_empty(const mf_mask *mask);

/* Marks each cell of a tile that covers an inspected pixel, in a grid of the tiling's height x width, and counts them.
   mask may be NULL: then all but the padding is inspected. */
size_t mf_mask_resample(const mf_mask *mask, const mf_tiling *tiling, const mf_tile *tile, uint8_t *grid);

#endif
