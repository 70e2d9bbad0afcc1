/*
 * How good scores and maps are, when it is known what is defective: a part of metaformer.h, which includes it.
 */
#ifndef METAFORMER_METRICS_H
#define METAFORMER_METRICS_H

#include <metaformer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How good scores and maps are, when it is known what is defective. Everything is computed in double and exactly, ties
 * included; scores that are NaN or infinite are refused with MF_E_INVALID. A threshold counts what is at or
 * above it. */

/** The most pixels that an exact evaluation holds, and the most bins of one by histogram. */
#define MF_MAX_EVALUATION_PIXELS ((uint64_t)UINT32_MAX)
#define MF_MAX_EVALUATION_BINS (1 << 24)

typedef struct mf_metric_options {
    size_t struct_size;
    int32_t threads;               /**< 1 to 256; 0 for one a processor */
    const mf_allocator *allocator; /**< NULL for malloc; otherwise copied */
    int32_t bins;    /**< of an evaluation: 0 for exact; 2 to MF_MAX_EVALUATION_BINS for a histogram of fixed size */
    float low, high; /**< what the bins span, evenly; scores beyond fall into the first or the last */
} mf_metric_options;

/**
 * Structural similarity of two images (Wang et al. 2004): an 11x11 Gaussian window with sigma 1.5 inside the image, K
 * = (0.01, 0.03), a channel at a time, for values in [0, 1].
 * @param a, b      planes [channels, height, width]; height and width 11 to MF_MAX_SIDE, channels 1 to 1024
 * @param options   NULL for none; bins has no effect
 * @param map       NULL, or room for [channels, height - 10, width - 10]
 * @param out_mean  of the map
 * @return MF_OK, MF_E_INVALID, MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_ssim(const float *a, const float *b, int32_t channels, int32_t height, int32_t width,
                                     const mf_metric_options *options, float *map, double *out_mean, mf_error *error);

/** How well scores tell defective from good. */
typedef struct mf_classification {
    size_t struct_size;
    double auroc;             /**< the chance that a defective one scores higher than a good one, ties counting half */
    double average_precision; /**< sum of precision times gain in recall over the distinct scores */
    double best_f1;           /**< the highest F1 of any threshold */
    float best_threshold;     /**< the highest threshold that reaches it */
} mf_classification;

/**
 * Measures image scores.
 * @param labels  a byte a score: 0 for good, all else for defective; at least one of each
 * @return MF_OK, MF_E_INVALID, MF_E_LIMIT (over UINT32_MAX scores), MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_classify(const float *scores, const uint8_t *labels, size_t count,
                                         const mf_metric_options *options, mf_classification *out_result,
                                         mf_error *error);

/** Anomaly maps and masks of a test set, gathered one image at a time. Not for use by two threads at once. */
typedef struct mf_evaluation mf_evaluation;

/**
 * Creates an evaluation. An exact one keeps 4 bytes a good and 8 a defective pixel, and at most 16 while it measures.
 * One by histogram keeps 24 bytes a bin, takes scores in a bin as equal, and says how far its areas can be off by that.
 */
MF_API MF_MUST_USE mf_status mf_evaluation_create(const mf_metric_options *options, mf_evaluation **out_evaluation,
                                                  mf_error *error);
MF_API void mf_evaluation_release(mf_evaluation *evaluation);

/**
 * Adds an image. On failure the evaluation is as before.
 * @param map   its anomaly map, which is only read; sides 1 to MF_MAX_SIDE
 * @param mask  NULL for a good image; otherwise of the map's size, defective where it is not 0. Defective pixels that
 *              touch, also by a corner, are one region.
 * @return MF_OK, MF_E_INVALID, MF_E_LIMIT (over MF_MAX_EVALUATION_PIXELS), MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_evaluation_add(mf_evaluation *evaluation, const mf_map *map, const mf_mask *mask,
                                               mf_error *error);

/** How well maps tell defective pixels from good ones. */
typedef struct mf_localization {
    size_t struct_size;
    uint64_t images, pixels, defective_pixels, regions;
    double auroc; /**< these four over pixels, as in mf_classification */
    double average_precision;
    double best_f1;
    float best_threshold;
    /** Area under the curve of mean region overlap over false-positive rate, up to the limit, divided by the limit. */
    double pro;
    double auroc_error; /**< how far auroc and pro can be from the exact values; 0 without bins */
    double pro_error;
} mf_localization;

/**
 * Measures what was added. PRO follows Bergmann et al. (CVPR 2019, section 5): at each distinct score, the mean over
 * all regions of the share that is found, against the share of good pixels found; between scores the curve is straight.
 * @param pro_limit  the highest false-positive rate, in (0, 1]; 0.3 is usual
 * @return MF_OK, MF_E_INVALID, MF_E_STATE (no good or no defective pixel yet), MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_evaluation_measure(const mf_evaluation *evaluation, double pro_limit,
                                                   mf_localization *out_result, mf_error *error);

/** A corner of the curves over the false-positive rate; between corners they are straight. */
typedef struct mf_curve_point {
    float threshold;
    double false_positive_rate, true_positive_rate, region_overlap;
} mf_curve_point;

/**
 * Gives the exact curves, from the highest threshold down; the first point is (0, 0), with a threshold of infinity,
 * and the last (1, 1).
 * @param points  NULL to ask for the number of points
 * @param count   the room in points; receives the number
 * @return as mf_evaluation_measure; MF_E_LIMIT where there is too little room
 */
MF_API MF_MUST_USE mf_status mf_evaluation_curve(const mf_evaluation *evaluation, mf_curve_point *points, size_t *count,
                                                 mf_error *error);

/**
 * Gives each region's share of pixels that score at or above a threshold, in the order of images, and of first pixels
 * in them.
 * @param overlaps  NULL to ask for the number of regions
 * @param count     the room in overlaps; receives the number
 * @return MF_OK, MF_E_INVALID, MF_E_LIMIT (too little room), MF_E_STATE (an evaluation by histogram), MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_evaluation_overlaps(const mf_evaluation *evaluation, float threshold, double *overlaps,
                                                    size_t *count, mf_error *error);

#ifdef __cplusplus
}
#endif

#endif
