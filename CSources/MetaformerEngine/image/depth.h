/* How many low bits of 16 are in use: cameras of 10 to 14 bits leave the upper ones 0, and only the values over a whole set of
   frames tell. */
#ifndef MF_IMAGE_DEPTH_H
#define MF_IMAGE_DEPTH_H

#include "image/pixels.h"

/* What a model says of the depth of the frames that it was adapted to. */
typedef struct mf_model_depth {
    int32_t bits;      /* 8 to 16; 0 where it says nothing */
    int is_recognised; /* by their values: nobody had stated it */
} mf_model_depth;

mf_model_depth mf_model_depth_of(const mf_model *model);

/* The frames of a set so far. Starts as zeros. */
typedef struct mf_depth {
    uint64_t shallow, deep; /* those of 8 bits, and those of 16 whose depth is not stated */
    int32_t highest;        /* sample of the latter */
} mf_depth;

/* Adds a frame that was checked. */
void mf_depth_add(mf_depth *depth, const mf_image *frame);

/* Whether a frame that was checked does not state its depth. */
int mf_depth_is_unstated(const mf_image *frame);

/* Makes a frame that does not state its depth one of so many bits: 8, 10, 12, 14 or 16. Others stay as they are. */
void mf_depth_state(mf_image *frame, int32_t bits);

/* Makes a frame one that a model takes: where its depth is not stated it is the model's, and where it is and the model's was
   recognised it must be that, unless any is taken. */
mf_status mf_depth_take(mf_model_depth depth, int takes_any, mf_image *frame, mf_error *error);

#endif
