#ifndef MF_KERNELS_MATMUL_H
#define MF_KERNELS_MATMUL_H

#include "kernels/kernel.h"

/* A matrix product: element (i, j) of a lies at a + i * a_row + j * a_column, likewise b, of each of batch matrices. */
typedef struct mf_product {
    uint64_t batch, m, n, k;
    uint64_t a_batch, a_row, a_column; /* strides, floats; a batch stride of 0 repeats the one matrix */
    uint64_t b_batch, b_row, b_column;
} mf_product;

static inline mf_product mf_product_of(const mf_call *call) {
    const uint32_t *transpose = call->instruction->attributes;
    const mf_shape *a = call->shapes[0], *b = call->shapes[1];
    const mf_lanes *lanes = &call->instruction->lanes;
    mf_product p = {.batch = lanes->batch, .m = lanes->rows, .n = lanes->columns};
    p.k = a->dims[a->rank - 1 - transpose[0]];
    p.a_row = transpose[0] ? 1 : p.k, p.a_column = transpose[0] ? p.m : 1;
    p.b_row = transpose[1] ? 1 : p.n, p.b_column = transpose[1] ? p.k : 1;
    p.a_batch = a->count == p.m * p.k ? 0 : p.m * p.k;
    p.b_batch = b->count == p.k * p.n ? 0 : p.k * p.n;
    return p;
}

#endif
