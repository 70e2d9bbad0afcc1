#include "image/framing.h"

/* Neighbours share at least this part of a tile: a window's border errors then have no weight. */
enum { OVERLAP_PARTS = 4 };

static int32_t overlap(int32_t tile) {
    return tile / OVERLAP_PARTS;
}

/* The least number of tiles that cover an axis. */
static int32_t count_tiles(mf_framing framing, int32_t frame, int32_t tile) {
    if (framing != MF_FRAMING_TILE || frame <= tile) return 1;
    int32_t step = tile - overlap(tile);
    return (frame - overlap(tile) + step - 1) / step;
}

mf_tiling mf_tiling_make(mf_framing framing, int32_t frame_height, int32_t frame_width, int32_t height, int32_t width) {
    return (mf_tiling){.framing = framing,
                       .frame_height = frame_height,
                       .frame_width = frame_width,
                       .height = height,
                       .width = width,
                       .rows = count_tiles(framing, frame_height, height),
                       .columns = count_tiles(framing, frame_width, width)};
}

/* The whole axis in the middle of the tile. */
static mf_span centred(int32_t frame, int32_t tile, int32_t fills) {
    return (mf_span){0, frame, (tile - fills) / 2, fills};
}

/* Where a tile starts: all are spread evenly, from one edge of the frame to the other. */
static int32_t tile_start(int32_t frame, int32_t tile, int32_t count, int32_t index) {
    return count == 1 ? 0 : (int32_t)((int64_t)index * (frame - tile) / (count - 1));
}

static mf_span tile_span(int32_t frame, int32_t tile, int32_t count, int32_t index) {
    if (frame < tile) return centred(frame, tile, frame);
    return (mf_span){tile_start(frame, tile, count, index), tile, 0, tile};
}

/* An axis's part of a tile when it is scaled by numerator / denominator, at least one cell. */
static int32_t scaled(int32_t frame, int64_t numerator, int64_t denominator) {
    int64_t cells = (2 * frame * numerator + denominator) / (2 * denominator);
    return cells < 1 ? 1 : (int32_t)cells;
}

mf_tile mf_tiling_tile(const mf_tiling *p, int32_t row, int32_t column) {
    if (p->framing == MF_FRAMING_TILE)
        return (mf_tile){tile_span(p->frame_width, p->width, p->columns, column),
                         tile_span(p->frame_height, p->height, p->rows, row)};
    mf_tile tile = {{0, p->frame_width, 0, p->width}, {0, p->frame_height, 0, p->height}};
    if (p->framing != MF_FRAMING_LETTERBOX) return tile;
    if ((int64_t)p->height * p->frame_width <= (int64_t)p->width * p->frame_height)
        tile.across = centred(p->frame_width, p->width, scaled(p->frame_width, p->height, p->frame_height));
    else
        tile.down = centred(p->frame_height, p->height, scaled(p->frame_height, p->width, p->frame_width));
    return tile;
}

int mf_tile_is_full(const mf_tiling *tiling, const mf_tile *tile) {
    return tile->across.fills == tiling->width && tile->down.fills == tiling->height;
}

/* From the edge of a tile to where its neighbour's part ends: 3t² - 2t³, and never quite nothing. */
static float rise(int32_t at, int32_t tile) {
    int32_t edge = at < tile - 1 - at ? at : tile - 1 - at;
    float t = ((float)edge + 0.5f) / (float)overlap(tile);
    return t >= 1 ? 1 : t * t * (3 - 2 * t);
}

static void fill_weights(int32_t frame, int32_t tile, int32_t count, int32_t index, float *weights) {
    int32_t start = tile_start(frame, tile, count, index);
    for (int32_t i = 0; i < tile; i++) {
        float sum = 0;
        /* Steps are over three eighths of a tile: none but the two next ones on either side reach into it. */
        for (int32_t other = index < 2 ? 0 : index - 2; other <= index + 2 && other < count; other++) {
            int32_t at = start + i - tile_start(frame, tile, count, other);
            if (at >= 0 && at < tile) sum += rise(at, tile);
        }
        weights[i] = rise(i, tile) / sum;
    }
}

void mf_tiling_weights_across(const mf_tiling *tiling, int32_t column, float *weights) {
    fill_weights(tiling->frame_width, tiling->width, tiling->columns, column, weights);
}

void mf_tiling_weights_down(const mf_tiling *tiling, int32_t row, float *weights) {
    fill_weights(tiling->frame_height, tiling->height, tiling->rows, row, weights);
}
