#ifndef MF_KERNELS_POOL_H
#define MF_KERNELS_POOL_H

#include "kernels/kernel.h"

/* What pooling and its adjoints read and write. */
typedef struct mf_pooling {
    const mf_call *call;
    int64_t height, width, out_height, out_width; /* of the large and of the pooled planes */
    int64_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
} mf_pooling;

static inline mf_pooling mf_pooling_of(const mf_call *call, const mf_shape *large, const mf_shape *small) {
    const uint32_t *a = call->instruction->attributes;
    int padded = call->instruction->op == MF_OP_max_pool_gather || call->instruction->op == MF_OP_max_pool_scatter;
    return (mf_pooling){call, large->dims[2], large->dims[3], small->dims[2],    small->dims[3],   a[0],
                        a[1], a[2],           a[3],           padded ? a[4] : 0, padded ? a[5] : 0};
}

#endif
