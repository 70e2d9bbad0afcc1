#ifndef MF_KERNELS_WINDOW_FILTER_H
#define MF_KERNELS_WINDOW_FILTER_H

#include "kernels/kernel.h"

#define MF_MAX_TAPS 63

/* Planes of a filter: large is the side without taps - 1 fewer rows and columns. */
typedef struct mf_window {
    uint64_t planes, in_height, in_width, out_height, out_width;
    int adjoint;
    uint32_t taps;
    float weights[MF_MAX_TAPS];
} mf_window;

static inline mf_window mf_window_of(const mf_call *call) {
    const mf_shape *in = call->shapes[0], *out = call->shape;
    const uint32_t *a = call->instruction->attributes;
    mf_window w = {.in_height = in->dims[in->rank - 2],
                   .in_width = in->dims[in->rank - 1],
                   .out_height = out->dims[out->rank - 2],
                   .out_width = out->dims[out->rank - 1],
                   .adjoint = (int)a[0],
                   .taps = a[1]};
    w.planes = in->count / (w.in_height * w.in_width);
    for (uint32_t i = 0; i < w.taps; i++) w.weights[i] = mf_float_of(a[2 + i]);
    return w;
}

#endif
