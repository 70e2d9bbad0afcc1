/* The good frames as a model sees them: one sample for a whole frame, or one for each tile of it. */
#ifndef MF_ADAPTATION_SAMPLES_H
#define MF_ADAPTATION_SAMPLES_H

#include "adaptation/adaptation.h"
#include "adaptation/frames.h"
#include "image/appearance.h"
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
    int32_t widest;      /* frame so far, pixels */
    int bits;            /* in use of the samples of frames so far; -1 where they differ */
    int32_t recognised;  /* those of all frames that do not state it; 0 where none has been met */
    size_t plane, image; /* floats of a plane, and of all planes, of the model's input */
    uint8_t *grid;
    void *scratch;
    /* The frame that was opened last. */
    size_t opened;
    mf_image frame;
    mf_mask mask;
    mf_tiling tiling;
    /* Of all frames, where they were laid out. */
    mf_sample *tiles;   /* frame by frame */
    size_t *first_tile; /* of each frame; one past the last at the end */
    int masked;         /* whether a tile is not inspected whole */
} mf_samples;

/* Checks the frames and their masks as far as they are there. Release them whatever comes of it. */
mf_status mf_samples_prepare(mf_samples *samples, mf_adaptation *adaptation, const mf_image *frames, size_t count);
void mf_samples_release(mf_samples *samples);

/* Gathers the tiles of all frames. */
mf_status mf_samples_lay_out(mf_samples *samples);

/* Opens a frame, of which there are then so many tiles. */
mf_status mf_samples_open(mf_samples *samples, size_t frame);
int32_t mf_samples_tiles(const mf_samples *samples);

/* One of these; whether it shows anything inspected. */
int mf_samples_tile(mf_samples *samples, int32_t at, mf_sample *out_tile);

/* Reads a tile of any frame: planes of the model's input, and inside, which is NULL or receives 1 where it is inspected and
   0 elsewhere. */
mf_status mf_samples_read(mf_samples *samples, const mf_sample *tile, float *image, float *inside);

/* Adds what the planes of the tile that was read last look like. */
void mf_samples_measure(mf_samples *samples, const mf_sample *tile, const float *image, mf_appearance_sums *sums);

/* Copies planes of the model's input moved, with their edges mirrored, and flipped. */
void mf_samples_move(const mf_samples *samples, const float *from, size_t planes, int64_t down, int64_t right, int flip,
                     float *to);

#endif
