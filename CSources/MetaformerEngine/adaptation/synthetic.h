/* Synthetic defects, painted into good frames that were held out: the share that a threshold finds says how good a model is
   before any real defect has been seen. */
#ifndef MF_ADAPTATION_SYNTHETIC_H
#define MF_ADAPTATION_SYNTHETIC_H

#include "adaptation/samples.h"
#include "api/inspection.h"

typedef enum mf_synthetic_kind {
    MF_SYNTHETIC_PATCH,   /* a piece of the image, pasted elsewhere in it */
    MF_SYNTHETIC_SCRATCH, /* a thin line, darker or brighter than what it crosses */
    MF_SYNTHETIC_BLOTCH,  /* a stain with a soft edge, that lets something of the ground through */
    MF_SYNTHETIC_KINDS
} mf_synthetic_kind;

/* Images that are painted into at most: each with one defect of each kind, in a quarter of its own. */
enum { MF_SYNTHETIC_IMAGES = 8 };

/* Scores of frames with one defect each. Starts as zeros. */
typedef struct mf_synthetic {
    size_t images;
    size_t count[MF_SYNTHETIC_KINDS];
    float scores[MF_SYNTHETIC_KINDS][MF_SYNTHETIC_IMAGES];
} mf_synthetic;

/* Inspects the frame, which was just inspected, again with defects in one of its tiles, so many times as there is room for
   but no more than most, and keeps the scores, multiplied by scale. */
mf_status mf_synthetic_add(mf_synthetic *synthetic, mf_inspection *inspection, mf_samples *samples, size_t frame,
                           size_t most, float scale);

/* Writes into the adapted model what share of them its threshold finds; warns where that is under a half. */
mf_status mf_synthetic_record(const mf_synthetic *synthetic, mf_model *adapted, mf_error *error);

#endif
