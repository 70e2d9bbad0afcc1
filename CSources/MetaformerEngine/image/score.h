/* The score of an image, from the values of its map as they come by. */
#ifndef MF_IMAGE_SCORE_H
#define MF_IMAGE_SCORE_H

#include <stddef.h>
#include <stdint.h>

/* The deviation of the logarithms of a product's good frames' scores: measured over the products that detection was developed
   on (EXPERIMENTS.md, "Threshold"), as few scores say little of it. */
#define MF_SCORE_SPREAD 0.13

typedef struct mf_score_bin mf_score_bin;

typedef struct mf_score {
    double share; /* of the values: the score is the mean of these highest ones; 0: the highest alone */
    uint64_t count;
    float highest;
    mf_score_bin *bins; /* values that agree in their upper 16 bits */
} mf_score;

/* Bytes that a score works in. */
size_t mf_score_bytes(void);

/* memory: as many bytes, aligned as mf_allocate's are. */
void mf_score_start(mf_score *score, double share, void *memory);

/* Adds count values, those that inside marks where it is not NULL. Their order does not matter but for rounding. */
void mf_score_add(mf_score *score, const float *values, const uint8_t *inside, size_t count);

/*
 * -infinity where there were no values. The mean takes of the last bin that it needs a part only, as if all of that bin
 * were equal: they are within 1/128 of each other.
 */
float mf_score_finish(const mf_score *score);

/* The values' median, within 1/128; 0 where there were none. */
float mf_score_median(const mf_score *score);

#endif
