/*
 * Convolutions in 8-bit integers, in runners of that precision: what the plain and the vector forms have in common.
 *
 * Pixels are bytes, 0 to 255. A tensor that holds bytes is limited to [0, high] by its own convolution, and 255 stands for
 * high. A tensor of floats that is read by a convolution of one tap is rounded to bytes by the range of its image, low to
 * high. Weights are rounded by the largest of their filter: to -127 to 127, or, of one channel to one, to 16 bits. Sums are
 * whole numbers, so that neither their order nor the number of threads matters; what follows is done in floats without fused
 * operations: all forms give the same bits.
 */
#ifndef MF_KERNELS_CONVOLUTION_INT8_H
#define MF_KERNELS_CONVOLUTION_INT8_H

#include "kernels/convolution/convolution.h"

#include <math.h>

/* The convolutions that can read bytes. */
typedef enum mf_int8_kind {
    MF_INT8_NONE,
    MF_INT8_POINT,    /* one tap at stride 1: a product of matrices */
    MF_INT8_DEPTHWISE /* one channel to one, 3 x 3 or 5 x 5, at stride 1 or 2 */
} mf_int8_kind;

/* By an instruction's shapes and expression. */
mf_int8_kind mf_int8_kind_of(const mf_call *call);

/* Chooses which buffers of a program's arena hold bytes, and which kernels measure what others round, and notes it in the
   program's calls, whose instructions and shapes are there. extremes has room for mf_int8_measured of them. */
size_t mf_int8_measured(const mf_program *program);
void mf_int8_plan(const mf_program *program, mf_call *calls, struct mf_int8_extremes *extremes);

/* Whether a call is for the kernel of integers, by what mf_int8_plan noted. */
static inline int mf_int8_takes(const mf_call *call) {
    return call->input_high > 0 || (call->output_high > 0 && mf_int8_kind_of(call) == MF_INT8_POINT);
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

/* To the nearest, ties to even; at most 255, and no number is 255 too. */
static inline uint8_t mf_int8_byte(float x) {
    return (uint8_t)(x < 255 ? x > 0 ? lrintf(x) : 0 : 255);
}

/* What the largest of a filter's weights becomes. */
#define MF_INT8_POINT_WEIGHT 127
#define MF_INT8_DEPTHWISE_WEIGHT 32767

static inline float mf_int8_most(const float *w, uint64_t count) {
    float most = 0;
    for (uint64_t i = 0; i < count; i++) most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
    return most;
}

/* A weight in integers, of which most is the largest, and becomes limit. */
static inline int16_t mf_int8_weight(float w, float most, int limit) {
    float x = most > 0 ? w * ((float)limit / most) : 0, end = (float)limit;
    return (int16_t)(x < end ? x > -end ? lrintf(x) : -limit : limit);
}

/* The values of an image's pixels: low + scale x byte. */
typedef struct mf_int8_range {
    float low, scale, inverse; /* inverse: bytes of a float; 0 where all pixels are alike */
} mf_int8_range;

static inline mf_int8_range mf_int8_range_of(float low, float high) {
    float width = high - low;
    return (mf_int8_range){low, width / 255, width > 0 ? 255 / width : 0};
}

/* The lowest and the highest of an image's pixels, as far as they are known. */
typedef struct mf_int8_extremes {
    float low, high;
} mf_int8_extremes;

static inline mf_int8_extremes mf_int8_nothing(void) {
    return (mf_int8_extremes){INFINITY, -INFINITY};
}

/* By any thread, in any order. */
static inline void mf_int8_extend(mf_int8_extremes *e, float low, float high) {
    float known;
    low += 0.0f, high += 0.0f; /* there is one zero, or their order would tell */
    __atomic_load(&e->low, &known, __ATOMIC_RELAXED);
    while (low < known && !__atomic_compare_exchange(&e->low, &known, &low, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    __atomic_load(&e->high, &known, __ATOMIC_RELAXED);
    while (high > known && !__atomic_compare_exchange(&e->high, &known, &high, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* An output channel: its value is sum x gain + offset, before a residual and limits; in bytes where the output holds them. */
typedef struct mf_int8_line {
    float gain, offset;
} mf_int8_line;

/* weight is what 1 of the filter's weights stands for, weights their sum. */
static inline mf_int8_line mf_int8_line_of(const mf_call *call, const mf_affine *a, uint64_t image, uint64_t channel,
                                           mf_int8_range x, float weight, int32_t weights) {
    float scale = weight * *mf_convolution_operand(call, a->scale, image, channel);
    mf_int8_line line = {x.scale * scale,
                         x.low * (float)weights * scale + *mf_convolution_operand(call, a->shift, image, channel)};
    if (call->output_high > 0) line.gain *= 255 / call->output_high, line.offset *= 255 / call->output_high;
    return line;
}

/* The bytes of a tensor that holds them. */
static inline const uint8_t *mf_int8_input(const mf_call *call) {
    return (const uint8_t *)(const void *)call->inputs[0];
}
static inline uint8_t *mf_int8_output(const mf_call *call) {
    return (uint8_t *)(void *)call->output;
}

#endif
