/* What an evaluation holds between its calls. */
#ifndef MF_METRICS_EVALUATION_H
#define MF_METRICS_EVALUATION_H

#include "metrics/metric.h"
#include "metrics/sweep.h"

/* Workers that take part: each needs a histogram of 1 MiB. */
#define MF_EVALUATION_WORKERS 32

/* The scores of one image, as keys: the good ones, and the defective ones beside the numbers of their regions. */
typedef struct mf_pixels {
    uint32_t *ok; /* owns the memory of all three */
    uint32_t *defective, *regions;
    size_t ok_count, defective_count;
} mf_pixels;

/* What fell into a bin of the histogram. */
typedef struct mf_bin {
    uint64_t ok, defective;
    double overlap;
} mf_bin;

struct mf_evaluation {
    mf_allocator allocator;
    mf_pool pool;
    uint64_t images, ok, defective, regions;
    /* exact */
    mf_pixels *pixels; /* of each image */
    size_t pixels_room;
    uint32_t *areas; /* of each region */
    size_t areas_room;
    /* by histogram */
    mf_bin *bins; /* NULL for exact */
    size_t bin_count;
    float low, high;
};

/* Visits all levels of an exact evaluation, the highest first; *out_rest receives the good pixels below the last. */
mf_status mf_exact_visit(const mf_evaluation *e, mf_level_visitor visit, void *context, uint64_t *out_rest,
                         mf_error *error);

/* Passes all of an exact evaluation: as mf_exact_visit with mf_sweep_level, on all threads. */
mf_status mf_exact_sweep(const mf_evaluation *e, mf_sweep *sweep, mf_error *error);

#endif
