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

/* An operand of the epilogue, by its number in the expression, for an output channel of an image. */
static inline const mf_strides *mf_convolution_strides(const mf_call *call, int input) {
    return &call->instruction->epilogue[input - 1];
}
static inline const float *mf_convolution_operand(const mf_call *call, int input, uint64_t image, uint64_t channel) {
    const mf_strides *s = mf_convolution_strides(call, input);
    return call->inputs[mf_ops[call->instruction->op].fixed_inputs + (uint32_t)input - 1] + image * s->batch +
           channel * s->row;
}

/* Whether nothing but a scale and a shift of each channel, limits and a residual follows the sums. */
static inline int mf_convolution_is_affine(const mf_call *call, mf_affine *a) {
    return mf_affine_of(call->instruction->expression, a) && mf_convolution_strides(call, a->scale)->column == 0 &&
           mf_convolution_strides(call, a->shift)->column == 0 &&
           (a->residual < 0 || mf_convolution_strides(call, a->residual)->column == 1);
}

#endif
