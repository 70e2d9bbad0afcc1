/* What a frame looks like as a whole, by which one that does not show the product is told from all that do. */
#ifndef MF_IMAGE_APPEARANCE_H
#define MF_IMAGE_APPEARANCE_H

#include "image/framing.h"

/* Of what is inspected of a frame, as the model sees it; of all its tiles, where it is tiled. */
typedef struct mf_appearance {
    double brightness; /* mean of the luma, 0 to 1 */
    double contrast;   /* its standard deviation */
    double sharpness;  /* mean of its absolute Laplacian, in contrasts */
    double anomaly;    /* the map's median */
} mf_appearance;

/* What frames of a product keep to; infinite where nothing is known. */
typedef struct mf_appearance_limits {
    double brightness_low, brightness_high;
    double contrast_low, sharpness_low, anomaly_high;
} mf_appearance_limits;

/* What goes beyond the limits: MF_UNLIKE_DARK and so on. */
uint32_t mf_appearance_compare(const mf_appearance *appearance, const mf_appearance_limits *limits);

/* Sums over the tiles of a frame. */
typedef struct mf_appearance_sums {
    double sum, squares, laplacian;
    uint64_t cells, inner; /* inner: those with a neighbour on each side */
} mf_appearance_sums;

/* Adds what a tile fills of planes [channels, tiling's height, width]; where inside, NULL for everywhere, is not 0. */
void mf_appearance_add(mf_appearance_sums *sums, const float *planes, int32_t channels, const mf_tiling *tiling,
                       const mf_tile *tile, const uint8_t *inside);

/* All but the anomaly. */
void mf_appearance_finish(const mf_appearance_sums *sums, mf_appearance *out_appearance);

#endif
