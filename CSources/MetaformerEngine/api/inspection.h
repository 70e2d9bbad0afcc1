/* Inspecting frames of any size: what contexts and adaptations share. */
#ifndef MF_API_INSPECTION_H
#define MF_API_INSPECTION_H

#include "api/model.h"
#include "image/appearance.h"
#include "image/frame.h"

/* A runner of the inspect program, with all the memory that it takes to inspect. */
typedef struct mf_inspection {
    const mf_model *model;
    mf_framing framing;
    mf_pool pool;
    mf_runner *runner;
    float *image, *reconstruction, *response, *map; /* of the last tile */
    uint8_t *grid;
    int32_t max_width; /* of a frame, where it is tiled */
    float *band;       /* of a tiled map: a tile's rows, max_width numbers each */
    float *across, *down;
    void *search, *scratch, *bins; /* bins: of the score */
    mf_tiling tiling;              /* of the last frame, and what it looks like */
    mf_appearance appearance;
} mf_inspection;

/* Allocates, and binds inputs and outputs; variables are the caller's to bind. runner is the inspection's from here. */
mf_status mf_inspection_prepare(mf_inspection *inspection, const mf_model *model, mf_framing framing, mf_runner *runner,
                                const mf_pool *pool, int32_t max_width, mf_error *error);
void mf_inspection_release(mf_inspection *inspection);

/*
 * Inspects a frame that was checked, a mask and a map with it; both may be NULL. Fills in all of the result but
 * struct_size and elapsed_ns, and nothing where it fails.
 */
mf_status mf_inspection_run(mf_inspection *inspection, const mf_image *frame, const mf_mask *mask, const mf_map *map,
                            float threshold, mf_result *out_result, mf_error *error);

/* The score of the map that a program wrote into the inspection, where inside is 1. */
mf_status mf_inspection_score(mf_inspection *inspection, const uint8_t *inside, float *out_score, mf_error *error);

/* The map of the frame that was inspected last, which is not tiled, at the size of another. */
void mf_inspection_map(const mf_inspection *inspection, const mf_map *map);

/* Checks what mf_inspection_run takes. */
mf_status mf_inspection_check(const mf_inspection *inspection, const mf_image *frame, const mf_mask *mask,
                              const mf_map *map, mf_error *error);

#endif
