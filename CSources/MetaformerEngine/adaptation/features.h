/* What a frozen network makes of frames, by the model's program features: sums are made of it, and a frame that is held out is
   scored by it, by the program map, without the network being run again. */
#ifndef MF_ADAPTATION_FEATURES_H
#define MF_ADAPTATION_FEATURES_H

#include "adaptation/samples.h"
#include "adaptation/variables.h"
#include "api/inspection.h"

/* The features of a frame, for as long as they are kept. */
typedef struct mf_kept_features {
    float *values;   /* NULL where they are not kept */
    uint8_t *inside; /* 1 for each cell of the input that is inspected */
} mf_kept_features;

typedef struct mf_features {
    mf_adaptation *adaptation;
    const mf_samples *samples;
    mf_runner *extract, *map;
    float *image;           /* of which features are extracted */
    float *values;          /* features, all outputs of the program one after the other */
    size_t count;           /* of these floats */
    uint64_t spare;         /* bytes that may still be kept */
    mf_kept_features *kept; /* by frame */
} mf_features;

/* Release them whatever comes of it. */
mf_status mf_features_prepare(mf_features *features, mf_adaptation *adaptation, const mf_variables *variables,
                              const mf_samples *samples);
void mf_features_release(mf_features *features);

/* Binds the inputs of a runner that are features, to values. */
mf_status mf_features_bind(const mf_features *features, mf_program_kind kind, mf_runner *runner, float *values);

/* Keeps those that were extracted last for a frame, whose only tile it is, where there is room. */
mf_status mf_features_keep(mf_features *features, size_t frame);

/* The map of a frame that is kept, in the inspection, and its score. */
mf_status mf_features_score(mf_features *features, size_t frame, mf_inspection *inspection, float *out_score);

#endif
