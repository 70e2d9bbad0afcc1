/* The good frames as a model sees them: one sample for a whole frame, or one for each tile of it. */
#ifndef MF_ADAPTATION_SAMPLES_H
#define MF_ADAPTATION_SAMPLES_H

#include "adaptation/adaptation.h"
#include "adaptation/frames.h"
#include "image/frame.h"

/* A tile of a frame that shows something inspected. */
typedef struct mf_sample {
    uint32_t frame;
    int32_t row, column; /* of the frame's tiling; 0 where it is not tiled */
    float coverage;      /* the share of its cells that is inspected */
} mf_sample;

typedef struct mf_samples {
    mf_adaptation *adaptation;
    mf_frames frames;    /* the host's */
    size_t count;        /* of them */
    int32_t widest;      /* frame, pixels */
    mf_sample *tiles;    /* frame by frame */
    size_t *first_tile;  /* of each frame; one past the last at the end */
    int masked;          /* whether a tile is not inspected whole */
    size_t plane, image; /* floats of a plane, and of all planes, of the model's input */
    uint8_t *grid;
    void *scratch;
} mf_samples;

/* Checks all frames and their masks, and lays out their tiles. Release them whatever comes of it. */
mf_status mf_samples_prepare(mf_samples *samples, mf_adaptation *adaptation, const mf_image *frames, size_t count);
void mf_samples_release(mf_samples *samples);

/* Reads a tile: planes of the model's input, and inside, which is NULL or receives 1 where it is inspected and 0 elsewhere. */
void mf_samples_read(mf_samples *samples, size_t tile, float *image, float *inside);

/* A row or column of an image that is moved by shift, with its edges mirrored, and turned round where flip is set. */
static inline int64_t mf_mirrored_index(int64_t i, int64_t n, int64_t shift, int flip) {
    int64_t from = (flip ? n - 1 - i : i) - shift;
    return from < 0 ? -from : from >= n ? 2 * (n - 1) - from : from;
}

/* Copies planes of the model's input moved and flipped. */
void mf_samples_move(const mf_samples *samples, const float *from, size_t planes, int64_t down, int64_t right, int flip,
                     float *to);

#endif
