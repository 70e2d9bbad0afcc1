/* How frames of any size come to a model's input, and its maps back: a frame is seen in one tile or in many. */
#ifndef MF_IMAGE_FRAMING_H
#define MF_IMAGE_FRAMING_H

#include <metaformer.h>

/* Along one axis: pixels from … from + count - 1 of the frame, which fill cells place … place + fills - 1 of the tile. */
typedef struct mf_span {
    int32_t from, count;
    int32_t place, fills;
} mf_span;

/* What a tile shows of its frame; what is not filled is padding. */
typedef struct mf_tile {
    mf_span across, down;
} mf_tile;

/* All tiles of a frame. */
typedef struct mf_tiling {
    mf_framing framing;
    int32_t frame_height, frame_width;
    int32_t height, width; /* of a tile */
    int32_t rows, columns; /* of tiles */
} mf_tiling;

mf_tiling mf_tiling_make(mf_framing framing, int32_t frame_height, int32_t frame_width, int32_t height, int32_t width);
mf_tile mf_tiling_tile(const mf_tiling *tiling, int32_t row, int32_t column);

/* Whether the tile is all frame, without padding. */
int mf_tile_is_full(const mf_tiling *tiling, const mf_tile *tile);

/*
 * What the tiles of a row (or, in the frame's rows, of a column) weigh in the blended map, a number a cell of the tile:
 * rising smoothly from its edges, and adding up to one over all tiles that show a pixel.
 */
void mf_tiling_weights_across(const mf_tiling *tiling, int32_t column, float *weights);
void mf_tiling_weights_down(const mf_tiling *tiling, int32_t row, float *weights);

#endif
