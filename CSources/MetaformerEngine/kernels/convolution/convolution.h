#ifndef MF_KERNELS_CONVOLUTION_H
#define MF_KERNELS_CONVOLUTION_H

#include "kernels/kernel.h"

/* The geometry that the three forms share: y = x * w. */
typedef struct mf_geometry {
    int64_t batch, groups;
    int64_t channels, height, width;            /* of x, in all groups */
    int64_t filters, out_height, out_width;     /* of y, in all groups */
    int64_t group_channels, kernel_h, kernel_w; /* of w */
    int64_t group_filters;
    int64_t stride_h, stride_w, pad_top, pad_left;
} mf_geometry;

static inline mf_geometry mf_geometry_of(const mf_call *call) {
    const mf_shape *x = call->shapes[0], *w = call->shapes[1], *y = call->shape;
    if (call->instruction->op == MF_OP_convolution_input_gradient) x = call->shape, y = call->shapes[0];
    if (call->instruction->op == MF_OP_convolution_weight_gradient) w = call->shape, y = call->shapes[1];
    const uint32_t *a = call->instruction->attributes;
    return (mf_geometry){
        .batch = x->dims[0],
        .groups = a[6],
        .channels = x->dims[1],
        .height = x->dims[2],
        .width = x->dims[3],
        .filters = y->dims[1],
        .out_height = y->dims[2],
        .out_width = y->dims[3],
        .group_channels = w->dims[1],
        .kernel_h = w->dims[2],
        .kernel_w = w->dims[3],
        .group_filters = y->dims[1] / a[6],
        .stride_h = a[0],
        .stride_w = a[1],
        .pad_top = a[2],
        .pad_left = a[3],
    };
}

#endif
