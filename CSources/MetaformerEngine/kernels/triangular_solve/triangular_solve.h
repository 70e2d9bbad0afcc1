#ifndef MF_KERNELS_TRIANGULAR_SOLVE_H
#define MF_KERNELS_TRIANGULAR_SOLVE_H

#include "kernels/kernel.h"

/* Systems of n equations with m right-hand sides, solved from the first equation on. A transposed system is one, too, when
   it is read from its end: equation i stands at b + i * b_row, and its coefficient of unknown j at l + i * l_row + j * l_column,
   from where l and b begin. */
typedef struct mf_triangle {
    uint64_t batch, n, m;
    uint64_t l_batch; /* floats; 0 where all have the one matrix */
    int64_t l_start, l_row, l_column, b_start, b_row;
} mf_triangle;

static inline mf_triangle mf_triangle_of(const mf_call *call) {
    const mf_shape *l = call->shapes[0], *b = call->shape;
    mf_triangle t = {.n = b->dims[b->rank - 2], .m = b->dims[b->rank - 1]};
    int64_t n = (int64_t)t.n, m = (int64_t)t.m;
    t.batch = b->count / (t.n * t.m);
    t.l_batch = l->count == t.n * t.n ? 0 : t.n * t.n;
    t.l_row = n, t.l_column = 1, t.b_row = m;
    if (call->instruction->attributes[0])
        t.l_start = n * n - 1, t.l_row = -1, t.l_column = -n, t.b_start = (n - 1) * m, t.b_row = -m;
    return t;
}

#endif
